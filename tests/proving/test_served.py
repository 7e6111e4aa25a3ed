"""Real servers of real Bentos: the gate `served`, and what a client sees."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from nbdeploy.errors import EnvironmentProblem
from nbdeploy.packaging.bento import BuiltBento, build
from nbdeploy.proving.client import request_bytes
from nbdeploy.proving.served import served
from nbdeploy.proving.server import ServedBento, running
from nbdeploy.proving.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbdeploy.progress import Event

_spec = importlib.util.spec_from_file_location("packages", Path(__file__).parents[1] / "packaging" / "packages.py")
packages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(packages)
ROW = packages.ROW

pytestmark = pytest.mark.slow


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(server: ServedBento, path: str, body: bytes | None = None, **headers: str) -> Answer:
    connection = HTTPConnection(server.host, server.port, timeout=60)
    named = {"Content-Type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
    try:
        connection.request("GET" if body is None else "POST", path, body, named)
        response = connection.getresponse()
        found = {key.lower(): value for key, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def predict(server: ServedBento, body: Any) -> Answer:
    return ask(server, "/predict", body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture(scope="module", autouse=True)
def _own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("bentoml")))
        yield


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> BuiltBento:
    folder = tmp_path_factory.mktemp("mixed")
    packages.write_package(folder, "mixed", packages.MIXED_PREDICT, packages.MIXED, packages.LABELS, batch_seconds=0.05)
    return build(folder, "mixed", "7", {})


@pytest.fixture(scope="module")
def mixed_server(mixed: BuiltBento) -> Iterator[ServedBento]:
    with running(mixed) as server:
        yield server


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> tuple[BuiltBento, np.ndarray, np.ndarray]:
    """A fitted model as a Bento, all rows, and what the model says of them here."""
    import skops.io
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    frame = load_iris(as_frame=True).data
    frame.columns = [column.name for column in packages.IRIS.columns]
    model = LogisticRegression(max_iter=500).fit(frame, load_iris().target)
    folder = tmp_path_factory.mktemp("iris")
    packages.write_package(folder, "iris", packages.IRIS_PREDICT, packages.IRIS, packages.LABELS)
    skops.io.dump(model, folder / "artifacts" / "model.skops")
    return build(folder, "iris", "1", {}), frame, model.predict_proba(frame)


def iris_requests(frame: Any) -> list[bytes]:
    """One single row, then chunks."""
    records = frame.to_dict("records")
    return [json.dumps({"rows": part}).encode() for part in (records[:1], records[1:70], records[70:])]


def test_the_gate_passes_where_http_answers_as_the_notebook_did(iris: tuple[BuiltBento, Any, np.ndarray]) -> None:
    bento, frame, expected = iris
    events: list[Event] = []
    wanted = [part.tolist() for part in (expected[:1], expected[1:70], expected[70:])]
    with running(bento) as server:
        verdict = served(server, bento.version, iris_requests(frame), wanted, events.append)
    assert (verdict.outcome, verdict.figures["rows"], verdict.figures["requests"]) == (Outcome.PASS, 150, 3)
    assert verdict.figures["mismatches"] == 0
    assert verdict.figures["largest_difference"] < 1e-12
    assert verdict.figures["ready_seconds"] > 0
    assert [(each.done, each.total) for each in events] == [(1, 3), (2, 3), (3, 3)]


def test_the_gate_fails_and_names_the_first_row_that_differs(mixed_server: ServedBento) -> None:
    body = {"rows": [ROW, {**ROW, "Pclass": 1}, {**ROW, "Pclass": 2}]}
    right = predict(mixed_server, body).json["predictions"]
    wrong = [right[0], right[1] + 1e-3, right[2] * (1 + 1e-12)]
    bodies = [json.dumps({"rows": [ROW]}).encode(), json.dumps(body).encode()]
    verdict = served(mixed_server, "7", bodies, [right[:1], wrong])
    assert verdict.outcome is Outcome.FAIL
    assert f"the first is row 2: expected {wrong[1]}, got {right[1]}" in verdict.reason
    assert (verdict.figures["mismatches"], verdict.figures["rows"]) == (1, 4)
    assert verdict.figures["largest_difference"] == pytest.approx(1e-3)
    assert verdict.diagnostics[0].code == "NBD530"


@pytest.mark.parametrize(("expected", "reason"), [([[1.0, 2.0]], "2 predictions expected, got 1"), ([[True]], "row 0")])
def test_the_gate_fails_on_another_number_or_kind_of_answers(
    mixed_server: ServedBento, expected: Any, reason: str
) -> None:
    verdict = served(mixed_server, "7", [json.dumps({"rows": [ROW]}).encode()], expected)
    assert (verdict.outcome, reason in verdict.reason) == (Outcome.FAIL, True)


def test_the_gate_fails_with_the_server_log_where_the_service_breaks(mixed_server: ServedBento) -> None:
    verdict = served(mixed_server, "7", [json.dumps({"rows": [{**ROW, "Name": "crash"}]}).encode()], [[1.0]])
    assert verdict.outcome is Outcome.FAIL
    assert "request 0 got status 500" in verdict.reason
    assert "RuntimeError: broken artifact" in verdict.reason


@pytest.mark.parametrize("process", ["bentoml", "_bentoml_impl.worker.service"])
def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path, process: str) -> None:
    code = f"import sys\nif {process!r} in sys.orig_argv: raise OSError('artifact is gone')\ndef predict(x): return x\n"
    folder = packages.write_package(tmp_path / "p", "texts", code, packages.TEXTS, packages.TEXTS)
    with pytest.raises(EnvironmentProblem, match="OSError: artifact is gone") as raised, running(folder):
        pass
    assert raised.value.diagnostics[0].code == "NBD637"


def test_every_answer_carries_request_id_and_version(mixed_server: ServedBento) -> None:
    good, bad, broken = {"rows": [ROW]}, {"rows": [{}]}, {"rows": [{**ROW, "Name": "crash"}]}
    answers = [predict(mixed_server, body) for body in (good, bad, broken)]
    answers += [ask(mixed_server, path) for path in ("/contract", "/healthz", "/livez", "/readyz", "/nothing-here")]
    assert [each.status for each in answers] == [200, 400, 500, 200, 200, 200, 200, 404]
    assert {each.headers["x-model-version"] for each in answers} == {"7"}
    ids = [each.headers["x-request-id"] for each in answers]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_a_sane_request_id_of_the_client_is_kept(mixed_server: ServedBento) -> None:
    assert ask(mixed_server, "/contract", X_Request_Id="order-17.a").headers["x-request-id"] == "order-17.a"
    assert ask(mixed_server, "/contract", X_Request_Id="a b\tc").headers["x-request-id"] != "a b\tc"
    assert len(ask(mixed_server, "/contract", X_Request_Id="x" * 500).headers["x-request-id"]) == 32


def test_bentomls_own_routes_and_the_contract_answer(mixed_server: ServedBento) -> None:
    assert ask(mixed_server, "/contract").json["version"] == "folder-version"
    assert 'service_version="7"' in ask(mixed_server, "/metrics").body.decode()
    fields = ask(mixed_server, "/docs.json").json["paths"]["/predict"]["post"]["requestBody"]["content"]
    columns = fields["application/json"]["schema"]["properties"]["rows"]["items"]["properties"]
    assert columns["Age in years"] == {"type": "number", "nullable": True}
    assert ask(mixed_server, "/schema.json").json["routes"][0]["route"] == "/predict"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b"null", 400),
        (b'{"rows": 5}', 400),
        (b'{"rows": [[1]]}', 400),
        (b'{"rows": [{"7": NaN}]}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b" " * (64 * 1024 * 1024 + 1), 413),
        (json.dumps({"rows": [{**ROW, "Name": "boom"}]}).encode(), 422),
        (json.dumps({"rows": [{**ROW, "Name": "stranger"}]}).encode(), 422),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else str(value),
)
def test_a_bad_body_is_never_a_server_error(mixed_server: ServedBento, body: bytes, status: int) -> None:
    answer = predict(mixed_server, body)
    assert answer.status == status
    assert answer.json["error"]
    assert all(each.keys() == {"row", "field", "message"} for each in answer.json["problems"])


def test_what_a_library_raises_of_the_input_is_told_and_counted(mixed_server: ServedBento) -> None:
    answer = predict(mixed_server, {"rows": [{**ROW, "Name": "stranger"}]})
    assert answer.json["error"] == "the model can't answer this input: FormulaError: no such level"
    assert 'http_response_code="422"' in ask(mixed_server, "/metrics").body.decode()
    assert "FormulaError: no such level" in mixed_server.log_tail(60)


def test_any_content_type_is_read_as_json_and_pickle_is_refused(mixed_server: ServedBento) -> None:
    body = json.dumps({"rows": [ROW]}).encode()
    for media in ("text/plain", "multipart/form-data; boundary=x", "application/octet-stream"):
        assert ask(mixed_server, "/predict", body, Content_Type=media).status == 200
    assert ask(mixed_server, "/predict", body, Content_Type="application/vnd.bentoml+pickle").status == 415


def test_problems_name_row_and_field(mixed_server: ServedBento) -> None:
    answer = predict(mixed_server, {"rows": [ROW, {**ROW, "Pclass": "first"}]})
    assert answer.json["problems"] == [{"row": 1, "field": "Pclass", "message": "'first' is not a whole number"}]
    assert answer.json["error"] == "row 1, field 'Pclass': 'first' is not a whole number"


def test_no_rows_get_no_predictions(mixed_server: ServedBento) -> None:
    assert predict(mixed_server, {"rows": []}).json == {"predictions": [], "version": "7"}


def test_a_wrong_number_of_predictions_is_a_refusal_not_an_answer(mixed_server: ServedBento) -> None:
    """A formula's library leaves rows out that have missing values; a retry would change nothing."""
    answer = predict(mixed_server, {"rows": [{**ROW, "Name": "short"}]})
    assert (answer.status, answer.json["error"]) == (422, "1 rows were asked, 2 answered: none can be trusted")


def test_forty_thousand_rows_come_back_in_order(mixed_server: ServedBento) -> None:
    numbers = np.random.default_rng(0).normal(size=40_000)
    answer = predict(mixed_server, {"rows": [{**ROW, "7": number} for number in numbers.tolist()]})
    at_zero = predict(mixed_server, {"rows": [{**ROW, "7": 0.0}]}).json["predictions"][0]
    assert np.allclose(np.array(answer.json["predictions"]) - at_zero, numbers, atol=1e-9)


def test_concurrent_clients_get_their_own_answers(mixed_server: ServedBento) -> None:
    bodies = [{"rows": [{**ROW, "Pclass": number}] * (number % 3 + 1)} for number in range(40)]
    alone = [predict(mixed_server, body).json["predictions"] for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        together = [answer.json["predictions"] for answer in pool.map(lambda body: predict(mixed_server, body), bodies)]
    assert together == alone


def test_a_bad_request_among_others_is_refused_alone(mixed_server: ServedBento) -> None:
    bad = [{"rows": [{**ROW, "Pclass": "x"}]}, {"rows": [{**ROW, "Name": "boom"}]}, {"rows": [ROW, {}]}]
    bodies = [{"rows": [{**ROW, "Pclass": number}]} for number in range(30)]
    for place, each in enumerate(bad):
        bodies.insert(7 * place, each)
    alone = [(answer.status, answer.json) for answer in (predict(mixed_server, body) for body in bodies)]
    with ThreadPoolExecutor(16) as pool:
        together = [(each.status, each.json) for each in pool.map(lambda body: predict(mixed_server, body), bodies)]
    assert together == alone
    assert [status for status, _ in alone if status != 200] == [400, 422, 400]


def test_rows_may_come_as_lines_and_are_answered_as_lines(mixed_server: ServedBento) -> None:
    rows = [{**ROW, "Pclass": number} for number in range(3)]
    wanted = predict(mixed_server, {"rows": rows}).json["predictions"]
    lines = "\n".join(map(json.dumps, rows)).encode()
    for media in ("application/x-ndjson", "application/jsonl; charset=utf-8"):
        answer = ask(mixed_server, "/predict", lines + b"\n\n", Content_Type=media)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
        assert [json.loads(line) for line in answer.body.splitlines()] == wanted
    broken = ask(mixed_server, "/predict", lines + b"\n{", Content_Type="application/x-ndjson")
    assert (broken.status, broken.json["problems"][0]["row"]) == (400, 3)
    wrong = ask(mixed_server, "/predict", lines + b"\n{}", Content_Type="application/x-ndjson")
    assert (wrong.status, wrong.json["problems"][0]["row"]) == (400, 3)
    nothing = ask(mixed_server, "/predict", b"", Content_Type="application/x-ndjson")
    assert (nothing.status, nothing.body) == (200, b"")


def test_rows_may_come_as_arrow_and_are_answered_as_arrow(mixed_server: ServedBento) -> None:
    media = "application/vnd.apache.arrow.stream"
    rows = [{**ROW, "Pclass": number} for number in range(3)]
    wanted = predict(mixed_server, {"rows": rows}).json["predictions"]
    answer = ask(mixed_server, "/predict", arrow(rows), Content_Type=media)
    assert (answer.status, answer.headers["content-type"]) == (200, media)
    assert pa.ipc.open_stream(answer.body).read_all().column("prediction").to_pylist() == wanted
    refused = ask(mixed_server, "/predict", arrow([*rows, {**ROW, "Pclass": None}]), Content_Type=media)
    assert (refused.status, refused.json["problems"][0]["row"], refused.json["problems"][0]["field"]) == (
        400,
        3,
        "Pclass",
    )
    for body in (b"", b"no arrow", arrow(rows)[:-300]):
        assert ask(mixed_server, "/predict", body, Content_Type=media).status == 400
    nothing = ask(
        mixed_server, "/predict", arrow(rows[:0], pa.RecordBatch.from_pylist(rows).schema), Content_Type=media
    )
    assert pa.ipc.open_stream(nothing.body).read_all().num_rows == 0


def arrow(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(rows, schema)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def test_an_exported_folder_is_served_with_its_contracts_version(tmp_path: Path) -> None:
    folder = packages.write_package(tmp_path / "p", "texts", packages.TEXTS_PREDICT, packages.TEXTS, packages.TEXTS)
    with running(folder) as server:
        answer = predict(server, {"input": ["a", "Straße"]})
    assert answer.json == {"predictions": ["A", "STRASSE"], "version": "folder-version"}
    assert answer.headers["x-model-version"] == "folder-version"


def test_a_server_is_stopped_with_all_its_processes_even_after_an_error(mixed: BuiltBento) -> None:
    groups: list[int] = []
    with pytest.raises(RuntimeError, match="stop here"):
        fail_inside(mixed.tag, groups)
    deadline = time.monotonic() + 5
    while group_members(groups[0]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert group_members(groups[0]) == []


def fail_inside(tag: str, groups: list[int]) -> None:
    with running(tag) as server:
        groups.append(server.process)
        assert group_members(server.process)
        raise RuntimeError("stop here")


def test_a_second_server_leaves_the_metrics_of_the_first(mixed: BuiltBento, mixed_server: ServedBento) -> None:
    predict(mixed_server, {"rows": [ROW]})
    with running(mixed) as second:
        predict(second, {"rows": [ROW]})
    assert 'endpoint="/predict",http_response_code="200"' in ask(mixed_server, "/metrics").body.decode()


def test_an_unknown_tag_is_told() -> None:
    with pytest.raises(EnvironmentProblem, match=r"NBD636 .*no Bento nobody:1"), running("nobody:1"):
        pass


def test_a_taken_port_is_told(mixed: BuiltBento, mixed_server: ServedBento) -> None:
    with pytest.raises(EnvironmentProblem, match="NBD637"), running(mixed, port=mixed_server.port):
        pass


def group_members(group: int) -> list[str]:
    found = subprocess.run(["ps", "-o", "pid=,stat=", "-g", str(group)], capture_output=True, text=True, check=False)
    own = [line.split() for line in found.stdout.splitlines()]
    return [pid for pid, state in own if not state.startswith("Z") and os.getpgid(int(pid)) == group]


# who may ask, and how much ------------------------------------------------------------------------------------------------


def test_a_service_with_keys_lets_in_who_brings_one(mixed: BuiltBento) -> None:
    body = json.dumps({"rows": [ROW]}).encode()
    with running(mixed, keys="an-old-key a-new-key") as server:
        for bearer in ("an-old-key", "a-new-key"):
            assert ask(server, "/predict", body, Authorization=f"Bearer {bearer}").status == 200
        assert ask(server, "/predict", body, X_API_Key="a-new-key").status == 200
        for wrong in ("Bearer a-new-ke", "Bearer", "Basic a-new-key", "Bearer an-old-key a-new-key", ""):
            refused = ask(server, "/predict", body, Authorization=wrong)
            assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.json["error"] == "a key is needed: send it as `Authorization: Bearer KEY`"
        assert refused.headers["x-request-id"]
        for closed in ("/contract", "/docs.json", "/schema.json", "/", "/metrics/", "//metrics"):
            assert ask(server, closed).status == 401, closed
        for probe in ("/livez", "/readyz", "/healthz", "/metrics"):
            assert ask(server, probe).status == 200, probe
        began = time.monotonic()
        assert ask(server, "/predict", b" " * (8 << 20)).status == 401  # without reading it
        assert time.monotonic() - began < 5


def test_requests_beyond_the_limit_are_sent_away_and_those_before_are_answered(mixed_server: ServedBento) -> None:
    with contextlib.ExitStack() as waiting:
        for _ in range(64):
            connection = waiting.enter_context(socket.create_connection(mixed_server.address, timeout=30))
            connection.sendall(request_bytes(b"{", length=2))  # its second byte does not come
        deadline = time.monotonic() + 4
        while (answer := ask(mixed_server, "/predict", b"{}")).status != 429 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert (answer.status, answer.json) == (429, {"error": "Too many requests"})
        assert ask(mixed_server, "/readyz").status == 200
        assert mixed_server.is_ready()
    deadline = time.monotonic() + 10
    while predict(mixed_server, {"rows": [ROW]}).status == 429 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert predict(mixed_server, {"rows": [ROW]}).status == 200
