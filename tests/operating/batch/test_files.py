"""Jobs from files to files: every format, what is kept, rows at fault, interruptions, careless use."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nbdeploy import BatchRequest, GateError, NbdeployError, batch
from tests.operating.batch.jobs import MATRIX, TEXTS, killed, package, risk_package
from tests.packaging.packages import LABELS

OWN = ["risk", "call", "model_version", "request_id", "request_row"]


@pytest.fixture(scope="module")
def risk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return risk_package(tmp_path_factory.mktemp("risk") / "risk")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A thousand people in groups of 300, each a name and an age."""
    ages = [None if number == 7 else float(number % 90) for number in range(1_000)]
    table = pa.table({"name": [f"P{number}" for number in range(1_000)], "age": ages})
    pq.write_table(table, tmp_path / "people.parquet", row_group_size=300)
    return tmp_path / "people.parquet"


def job(risk: Path, source: Any, out: Any, **more: Any) -> Any:
    return batch(BatchRequest(target=str(risk), source=str(source), out=str(out), **{"rows": 64, **more}))


def refused(code: str, match: str, risk: Path, source: Any, out: Any, **more: Any) -> None:
    with pytest.raises(NbdeployError, match=match) as caught:
        job(risk, source, out, **more)
    assert caught.value.diagnostics[0].code == code


def test_rows_come_back_with_what_they_had_and_with_their_lineage(risk: Path, people: Path, tmp_path: Path) -> None:
    done = job(risk, people, tmp_path / "out.parquet", on_error="skip")
    found = pd.read_parquet(tmp_path / "out.parquet")
    given = pd.read_parquet(people).drop(index=7).reset_index()
    assert list(found.columns) == ["name", "age", *OWN]
    pd.testing.assert_frame_equal(found[["name", "age"]], given[["name", "age"]])
    assert found["risk"].tolist() == (given["age"] / 100).tolist()
    assert found["call"].tolist() == np.where(given["age"] > 50, "yes", "no").tolist()
    assert found["request_row"].tolist() == given["index"].tolist()
    assert (set(found["model_version"]), set(found["request_id"])) == ({"3"}, {done.request_id})
    assert (done.rows, done.bad, done.out) == (1_000, 1, str(tmp_path / "out.parquet"))
    assert [json.loads(line) for line in Path(done.bad_rows).read_text().splitlines()] == [
        {
            "row": 7,
            "problems": [{"field": "age", "message": "null, and this field was never missing in the data"}],
            "input": {"name": "P7", "age": None},
        }
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.bad.jsonl", "out.parquet", "people.parquet"]


def test_a_row_at_fault_ends_the_job_before_anything_is_there(risk: Path, people: Path, tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"row 7, column 'age': null") as caught:
        job(risk, people, tmp_path / "out.parquet")
    assert "--on-error skip" in caught.value.diagnostics[-1].fix
    assert not (tmp_path / "out.parquet").exists()


def test_texts_of_csv_and_lines_of_json_are_read_and_written(risk: Path, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text('name,age,"x,y"\nAda, 36,1\n"B\nC",old,2\nD,NA,3\nE\nF,5.5,4\n')
    done = job(risk, tmp_path / "people.csv", tmp_path / "out.csv", on_error="skip", rows=2)
    found = pd.read_csv(tmp_path / "out.csv")
    assert found[["name", "x,y", "risk", "request_row"]].to_dict("records") == [
        {"name": "Ada", "x,y": 1, "risk": 0.36, "request_row": 0},
        {"name": "F", "x,y": 4, "risk": 0.055, "request_row": 4},
    ]
    assert [(each["row"], each["problems"][0]["message"]) for each in bad_rows(done)] == [
        (1, "'old' is not a number"),
        (2, "null, and this field was never missing in the data"),
        (3, "1 values where the file has 3 columns"),
    ]
    lines = ['{"name": "Ada", "age": 36}', "", "{broken", '{"name": 3, "age": 1}', '{"age": "1"}', "[]"]
    (tmp_path / "people.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    done = job(risk, tmp_path / "people.jsonl.gz", tmp_path / "out.jsonl", on_error="skip", rows=2, keep=("name",))
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(each["name"], each["risk"], each["request_row"]) for each in answers] == [("Ada", 0.36, 0), (3, 0.01, 2)]
    assert [each["row"] for each in bad_rows(done)] == [1, 3, 4]


def test_rows_keep_their_numbers_across_blocks_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbdeploy.operating.batch import files_in
    from nbdeploy.operating.batch.places import place
    from nbdeploy.operating.batch.values import Mark

    monkeypatch.setattr(files_in, "BLOCK", 64)
    broken = {0, 5, 6, 77, 199}
    lines = [f"{number}" if number in broken else f'{number},"a\nb"' for number in range(200)]
    (tmp_path / "rows.csv").write_text("\n".join(["number,text", *lines]))
    source = files_in.file_source(place(str(tmp_path / "rows.csv")))
    for start in (0, 40, 80):
        chunks = list(source.chunks(Mark(start), 40))
        found = {
            int(text): row
            for each in chunks
            for text, row in zip(each.batch["number"].to_pylist(), each.rows, strict=True)
        }
        assert found == {number: number for number in range(start, 200) if number not in broken}
        assert [fault["row"] for each in chunks for fault in each.broken] == sorted(
            each for each in broken if each >= start
        )
        assert [each.end.rows for each in chunks] == list(range(start + 40, 201, 40))


def bad_rows(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(done.bad_rows).read_text().splitlines()]


def test_a_killed_job_goes_on_and_makes_the_same_file(risk: Path, people: Path, tmp_path: Path) -> None:
    whole, often = tmp_path / "whole.parquet", tmp_path / "often.parquet"
    job(risk, people, whole, on_error="skip", workers=1)
    asked = {
        "target": str(risk),
        "source": str(people),
        "out": str(often),
        "rows": 64,
        "on_error": "skip",
        "workers": 3,
    }
    for chunks in (5, 3):
        killed(chunks, **asked)
        assert not often.exists()
    refused("NBD647", "its options, request_id differed", risk, people, often, on_error="skip", keep=("name",))
    done = batch(BatchRequest(**asked))
    assert done.resumed_at == 64 * 6  # two parts of two chunks, then one
    assert often.read_bytes() == whole.read_bytes()
    assert (tmp_path / "often.bad.jsonl").read_text() == (tmp_path / "whole.bad.jsonl").read_text()
    assert not (tmp_path / "often.parquet.partial").exists()
    refused("NBD646", "is there already", risk, people, often)


def test_an_interrupted_job_is_forgotten_only_when_that_is_asked(risk: Path, people: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(GateError):
        job(risk, people, out)
    pq.write_table(pq.read_table(people).slice(8), people)
    refused("NBD647", "its request_id, source differed", risk, people, out)
    done = job(risk, people, out, overwrite=True)
    assert (done.resumed_at, done.rows) == (0, 992)


def test_folders_and_patterns_are_scored_file_by_file(risk: Path, tmp_path: Path) -> None:
    for number, size in enumerate((100, 1, 0, 70)):
        (tmp_path / "in").mkdir(exist_ok=True)
        table = pa.table({"age": pa.array(np.arange(size) + 0.5)})
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet")
    (tmp_path / "in" / "_SUCCESS").touch()
    done = job(risk, tmp_path / "in", tmp_path / "scored", on_error="skip", format="csv")
    parts = sorted(path.name for path in (tmp_path / "scored").iterdir())
    assert (done.rows, done.bad, parts) == (171, 0, ["part-00000.csv"])
    found = pd.read_csv(tmp_path / "scored" / "part-00000.csv")
    assert found["request_row"].tolist() == list(range(171))
    done = job(risk, tmp_path / "in" / "[01]*.parquet", tmp_path / "two.parquet", keep=())
    assert pd.read_parquet(tmp_path / "two.parquet").columns.tolist() == OWN
    assert done.rows == 101


def test_nothing_gives_an_empty_file(risk: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"age": pa.array([], pa.float64())}), tmp_path / "none.parquet")
    done = job(risk, tmp_path / "none.parquet", tmp_path / "out.parquet", rows=None)
    assert (done.rows, pq.read_table(tmp_path / "out.parquet").column_names) == (0, ["age", *OWN])


def test_object_storage_is_read_and_written_like_files(risk: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe("/in/people.csv", b"age\n36\n99\n40\n")
    done = job(risk, "memory://in/people.csv", "memory://out/risk.jsonl", on_error="skip")
    assert [json.loads(line)["risk"] for line in store.cat("/out/risk.jsonl").splitlines()] == [0.36, 0.4]
    assert json.loads(store.cat(done.bad_rows))["problems"] == [
        {"field": None, "message": "the model can't answer this input: ValueError: nobody is 99"}
    ]
    assert sorted(store.find("/out")) == ["/out/risk.bad.jsonl", "/out/risk.jsonl"]


def test_inputs_that_are_no_table_have_their_columns_named(tmp_path: Path) -> None:
    texts = package(
        tmp_path / "shout", "shout", "def predict(texts):\n    return [t.upper() for t in texts]\n", TEXTS, TEXTS
    )
    (tmp_path / "in.csv").write_text("id,review\n1,good\n2,bad\n")
    refused("NBD643", "one column, and .* has 2", texts, tmp_path / "in.csv", tmp_path / "out.csv")
    job(texts, tmp_path / "in.csv", tmp_path / "out.csv", columns=("review",))
    assert pd.read_csv(tmp_path / "out.csv")["prediction"].tolist() == ["GOOD", "BAD"]
    sums = package(tmp_path / "sums", "sums", "def predict(x):\n    return x.sum(axis=1)\n", MATRIX, LABELS)
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": [3, 4]}), tmp_path / "in.parquet")
    job(sums, tmp_path / "in.parquet", tmp_path / "sums.parquet")
    assert pd.read_parquet(tmp_path / "sums.parquet")["prediction"].tolist() == [4.0, 6.0]


def test_careless_use_is_told_what_to_do(risk: Path, people: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("Name,Agee\nA,1\n")
    (tmp_path / "clash.csv").write_text("age,call\n1,x\n")
    out = tmp_path / "out.parquet"
    refused("NBD643", r"lacks the column 'age' \(did you mean 'Agee'\?\)", risk, tmp_path / "wrong.csv", out)
    refused("NBD643", "lacks the column 'nmae'", risk, people, out, keep=("nmae",))
    refused("NBD649", "needs for itself: call", risk, tmp_path / "clash.csv", out)
    refused("NBD642", "there is no such file", risk, tmp_path / "nowhere.parquet", out)
    refused("NBD642", "its name tells no format", risk, risk / "README.md", out)
    (tmp_path / "latin.csv").write_bytes("age,name\n1,Zo\xeb\n".encode("latin-1"))
    refused("NBD642", "texts have to be UTF-8", risk, tmp_path / "latin.csv", out)
    (tmp_path / "twice.csv").write_text("age,age\n1,2\n")
    refused("NBD642", "two columns called 'age'", risk, tmp_path / "twice.csv", out)
    (tmp_path / "csv.parquet").write_text("age\n" + "1\n" * 99)
    refused("NBD642", "magic bytes", risk, tmp_path / "csv.parquet", out)
    refused("NBD648", "its ending is none of", risk, people, tmp_path / "out.xlsx")
    refused("NBD655", "can't be reached", risk, "nosuch://rows.csv", out)
    assert not out.exists()


def test_what_must_not_be_cut_into_batches_is_refused(people: Path, tmp_path: Path) -> None:
    beside = risk_package(
        tmp_path / "beside", gates=[{"name": "rowwise", "verdict": "fail", "reason": "", "figures": {}}]
    )
    refused("NBD641", "depends on the rows beside it", beside, people, tmp_path / "out.parquet")
    broken = risk_package(tmp_path / "broken")
    (broken / "risk" / "predict.py").write_text("import pandas\nimport bentoml\n")
    refused("NBD644", "No module named 'bentoml'", broken, people, tmp_path / "out.parquet")
    (broken / "risk" / "predict.py").write_text("import os\ndef predict(df):\n    os._exit(3)\n")
    for workers in (1, 2):
        refused("NBD644", "brought its process down", broken, people, tmp_path / "out.parquet", workers=workers)
