"""The gate `robust` on real servers: two example notebooks stand thousands of bad requests, and planted faults are caught."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.proving.clean_process import answer_bodies
from nbdeploy.proving.client import exchange, request_bytes
from nbdeploy.proving.fuzzing import Known
from nbdeploy.proving.robust import most_rows, robust
from nbdeploy.proving.server import ServedBento, running
from nbdeploy.proving.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.conftest import Recorded

_spec = importlib.util.spec_from_file_location("packages", Path(__file__).parents[1] / "packaging" / "packages.py")
packages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packages)

pytestmark = pytest.mark.slow

TABLE = Schema(
    kind=Kind.TABLE,
    type="pandas.DataFrame",
    rows=2,
    shape=(2, 2),
    columns=(ColumnSpec("size", "float64"), ColumnSpec("name", "str")),
)
ROWS = [{"size": 1.0, "name": "a"}, {"size": 2.5, "name": "b"}]
PREDICT = """
SEEN = []
def predict(df):
    answers = (df["size"] * 2).to_numpy()
    {fault}
    return answers
"""


def asked(folder: Path, predict: str, oracle: str | None = None, **options: Any) -> Verdict:
    """Serve a package of two columns, and judge it by what another `predict` says, or by itself."""
    packages.write_package(folder, "doubled", predict, TABLE, packages.LABELS)
    known = Known(TABLE, ROWS, [2.0, 5.0])
    sound: dict[str, Any] = {"__name__": "sound"}
    exec((folder / "doubled" / "schema.py").read_text(), sound)
    exec(oracle or predict, sound)

    def package_says(bodies: Sequence[bytes]) -> list[dict[str, Any]]:
        rows = [sound["parse_rows"](json.loads(each)["rows"]) for each in bodies]
        return [{"predictions": sound["answer"](sound["predict"](each))} for each in rows]

    with running(folder) as server:
        return robust(server, known, package_says, **options)


def codes(verdict: Verdict) -> list[str]:
    return [each.code for each in verdict.diagnostics]


@pytest.mark.parametrize("example", ["churn", "reviews"])
def test_two_thousand_bad_requests_leave_an_example_notebooks_service_well(
    example: str, recordings: Callable[[str], Recorded]
) -> None:
    proven = recordings(example).proven
    package, requests = proven.package, proven.requests
    known = Known(package.input, requests["rows"], requests["predictions"])
    with running(proven.folder) as server:
        for start in range(0, known.count, 1_000):  # as the gate `served` has done before
            exchange(server.address, request_bytes(known.body(known.some(1_000, start)[0])))
        verdict = robust(
            server, known, lambda bodies: answer_bodies(proven.folder, package, bodies), count=2_000, seconds=1e9
        )
    assert verdict.outcome is Outcome.PASS, verdict.reason
    figures = verdict.figures
    assert figures["requests"] == 2_000
    assert (figures["server_errors"], figures["faults"]) == (0, 0)
    assert figures["compared_with_package"] > 100
    assert figures["refusals_with_place"] > 500
    assert figures["memory_after_mb"] <= 1.1 * figures["memory_before_mb"]


def test_a_sound_package_passes(tmp_path: Path) -> None:
    verdict = asked(tmp_path / "p", PREDICT.format(fault="pass"), count=250)
    assert verdict.outcome is Outcome.PASS, verdict.reason
    assert verdict.figures["answered"] > 30


def test_wide_rows_are_as_many_as_a_body_holds(tmp_path: Path) -> None:
    """100,000 of these would be more than the 64 MiB that a service takes: it is right to refuse them."""
    schema = Schema(
        kind=Kind.TABLE,
        type="pandas.DataFrame",
        rows=1,
        shape=(1, 90),
        columns=tuple(ColumnSpec(f"pixel_{n}", "float64") for n in range(90)),
    )
    predict = "def predict(df):\n    return df['pixel_0'].to_numpy()\n"
    packages.write_package(tmp_path / "p", "wide", predict, schema, packages.LABELS)
    known = Known(schema, [{f"pixel_{n}": 1.5 for n in range(90)}], [1.5])
    with running(tmp_path / "p") as server:
        assert 10_000 < most_rows(server, known) < 60_000
        assert len(known.body(known.some(most_rows(server, known))[0])) < 64 * 2**20


def test_a_refusal_that_names_a_place_inside_the_row_is_as_good(tmp_path: Path) -> None:
    """Rows of one number each, sent one level too deep: the service names row and position."""
    schema = Schema(kind=Kind.ARRAY, type="numpy.ndarray", rows=2, shape=(2, 1), dtype="float32")
    predict = "def predict(X):\n    return X[:, 0] * 2.0\n"
    packages.write_package(tmp_path / "p", "column", predict, schema, packages.LABELS)
    known = Known(schema, [[0.5], [0.25]], [1.0, 0.5])
    with running(tmp_path / "p") as server:
        verdict = robust(server, known, lambda bodies: [{"predictions": None}] * len(bodies))
    assert "NBD542" not in codes(verdict)


def test_code_that_fails_on_an_odd_text_is_caught_with_the_servers_words(tmp_path: Path) -> None:
    fault = "if (df['name'] == '').any(): raise RuntimeError('no name')"
    verdict = asked(tmp_path / "p", PREDICT.format(fault=fault), PREDICT.format(fault="pass"), count=400)
    assert codes(verdict) == ["NBD540"]
    assert '"" for name (str): status 500' in verdict.reason
    assert "RuntimeError: no name" in verdict.reason


def test_a_server_that_dies_of_a_request_is_caught(tmp_path: Path) -> None:
    fault = "if (df['name'] == '').any(): import os; os._exit(1)"
    verdict = asked(tmp_path / "p", PREDICT.format(fault=fault), PREDICT.format(fault="pass"), count=400)
    assert "NBD540" in codes(verdict)
    assert "no answer" in verdict.reason


def test_another_answer_than_the_packages_is_caught(tmp_path: Path) -> None:
    fault = "answers = answers + (df['name'] == ' ').to_numpy()"
    verdict = asked(tmp_path / "p", PREDICT.format(fault=fault), PREDICT.format(fault="pass"), count=400)
    assert codes(verdict) == ["NBD541"]
    assert '" " for name (str): answered with' in verdict.reason


def test_answers_that_change_with_what_was_asked_before_are_caught(tmp_path: Path) -> None:
    fault = "SEEN.append(1); answers = answers + (len(SEEN) > 90)"
    verdict = asked(tmp_path / "p", PREDICT.format(fault=fault), PREDICT.format(fault="pass"), count=400)
    assert "NBD541" in codes(verdict)


def test_memory_that_is_kept_is_caught(tmp_path: Path) -> None:
    fault = "SEEN.append(b'x' * 2**20)"
    verdict = asked(tmp_path / "p", PREDICT.format(fault=fault), PREDICT.format(fault="pass"), count=300)
    assert codes(verdict) == ["NBD543"]


def test_a_field_of_the_schema_that_takes_what_the_data_never_had_is_caught(tmp_path: Path) -> None:
    """The schema is loosened by hand: numbers are read from texts."""
    folder = tmp_path / "p"
    packages.write_package(folder, "doubled", PREDICT.format(fault="pass"), TABLE, packages.LABELS)
    schema = folder / "doubled" / "schema.py"
    loosened = "values = [float(v) if isinstance(v, str) and v[:1].isdigit() else v for v in values]"
    before = "    numbers = bare(values)\n"
    schema.write_text(schema.read_text().replace(before, f"    {loosened}\n{before}"))
    with running(folder) as server:
        verdict = robust(server, Known(TABLE, ROWS, [2.0, 5.0]), lambda bodies: [{"predictions": None}] * len(bodies))
    assert '"1.5" for size (float64): answered with' in verdict.reason


# what the service does with requests that take their time --------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedBento]:
    folder = tmp_path_factory.mktemp("doubled")
    packages.write_package(folder, "doubled", PREDICT.format(fault="pass"), TABLE, packages.LABELS)
    with running(folder) as found:
        yield found


BODY = json.dumps({"rows": ROWS}).encode()


def test_a_slow_body_is_answered_and_one_that_stops_is_given_up(server: ServedBento) -> None:
    slow = exchange(server.address, request_bytes(BODY), pace="slowly")
    assert (slow.status, slow.predictions) == (200, [2.0, 5.0])
    stopped = exchange(server.address, request_bytes(BODY, length=len(BODY) + 1), pace="then silence")
    assert (stopped.status, stopped.json["error"]) == (408, "the body did not come to its end in time")
    assert 5 < stopped.seconds < 12


def test_a_compressed_body_is_refused_in_words(server: ServedBento) -> None:
    reply = exchange(server.address, request_bytes(BODY, headers=(("Content-Encoding", "gzip"),)))
    assert (reply.status, reply.json["error"]) == (415, "send the body as it is, without a Content-Encoding")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400"])
def test_what_is_no_number_of_json_is_named_by_row_and_field(server: ServedBento, number: str) -> None:
    reply = exchange(server.address, request_bytes(BODY.replace(b"2.5", number.encode())))
    assert reply.status == 400
    assert [(each["row"], each["field"]) for each in reply.json["problems"]] == [(1, "size")]


def test_more_rows_than_a_request_may_have_are_refused(server: ServedBento) -> None:
    body = b'{"rows": [' + b",".join([json.dumps(ROWS[0]).encode()] * 100_001) + b"]}"
    reply = exchange(server.address, request_bytes(body))
    assert (reply.status, reply.json["error"]) == (413, "100001 rows are more than the 100000 of one request")


def test_a_refusal_does_not_repeat_a_megabyte(server: ServedBento) -> None:
    reply = exchange(server.address, request_bytes(json.dumps({"rows": [{**ROWS[0], "k" * 1_000_000: 1}]}).encode()))
    assert reply.status == 400
    assert len(json.dumps(reply.json)) < 1_000
    assert reply.seconds < 5
