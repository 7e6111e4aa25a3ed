"""Runs in a clean process: asks the exported package the recorded rows, in every arrangement, and writes what it saw.

Started as a script with `python -I`; it knows nothing of nbdeploy but the files beside it that it is told to read, and
lets nothing be imported that is installed but not in the package's lock.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
import time
import traceback
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

MANY_ROWS = 2_000  # a wrong arrangement shows in the first thousands or not at all
COLUMN_SECONDS = 20.0  # what asking once for each column may take, by the seconds of the first request
PLAIN_ROWS = 200  # that are looked at one by one
CUT = 400  # characters of an error's text


class Guard:
    """Refuses imports of what is installed here but not in the lock, as a fresh environment would."""

    def __init__(self, absent: set[str]) -> None:
        self.absent = absent
        self.denied: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        top = name.split(".")[0]
        if top in self.absent:
            self.denied.append(top)
            raise ModuleNotFoundError(f"No module named {name!r} (not in requirements.lock)", name=name)


def load_file(path: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Probe:
    def __init__(self, job: dict[str, Any]) -> None:
        self.root = Path(job["package"])
        self.name: str = job["module"]
        self.input_name: str = job["input_name"]
        self.beside = {name: load_file(path, f"nbdeploy_probe_{name}") for name, path in job["beside"].items()}
        limits = {"rtol": job["tolerance"]["relative"], "atol": job["tolerance"]["absolute"]}
        self.compare = partial(self.beside["compare"].compare, **limits)
        self.rows = self.beside["rows"]
        self.by_row: bool = job["by_row"]
        self.whole: dict[str, Any] | None = job.get("whole")
        self.droppable: list[Any] = job["droppable"]
        self.provenance = {(file, line): place for file, line, place in job["provenance"]}

    def run(self) -> dict[str, Any]:
        sys.path[:0] = [str(self.root), str(self.root / "tests")]
        began = time.perf_counter()
        package = importlib.import_module(self.name)
        recorded = importlib.import_module("recorded").recorded
        self.predict = package.predict
        report: dict[str, Any] = {"import_seconds": round(time.perf_counter() - began, 3)}
        self.input, self.expected = recorded("example_input"), recorded("example_output")
        report["faithful"] = self.faithful()
        if report["faithful"]["same"] and self.by_row:
            report["rowwise"] = self.rowwise()
            report["columns"] = self.columns()
            if (self.root / self.name / "graph.py").is_file():
                report["by_graph"] = self.by_graph()
        report["requests"] = self.requests(recorded)
        return report

    # faithful -----------------------------------------------------------------------------------------------------------

    def faithful(self) -> dict[str, Any]:
        began = time.perf_counter()
        found = self.ask(self.input)
        self.seconds = time.perf_counter() - began
        result = {**self.judged(found, self.expected), "seconds": round(self.seconds, 4)}
        if not result["same"] and self.whole is not None:
            whole = self.recorded_whole()
            answer = self.ask(whole)
            if "error" not in answer:
                chosen = self.rows.take_rows(answer["value"], self.whole["positions"])
                result["same_on_whole"] = self.compare(self.expected, chosen).same
                if result["same_on_whole"]:
                    places = self.whole["positions"]
                    known = {row: at for at, row in enumerate(places)}
                    result["apart"] = self.arrangements(whole, known).narrowed(whole, places)
        if result["same"]:
            again = self.judged(self.ask(self.input), self.expected)
            result["repeatable"] = again["same"]
            result["first"] = result["first"] or again["first"]
        return result

    def recorded_whole(self) -> Any:
        assert self.whole is not None
        recorded = sys.modules["recorded"]
        loader = getattr(recorded, f"load_{self.whole['format']}")
        return loader(Path(self.whole["file"]), **self.whole["arguments"])

    def ask(self, value: Any) -> dict[str, Any]:
        try:
            return {"value": self.predict(value)}
        except Exception as problem:
            return {"error": self.told(problem)}

    def told(self, problem: BaseException) -> dict[str, Any]:
        frames = [
            (str(Path(frame.filename).resolve().relative_to(self.root.resolve())), frame.lineno)
            for frame in traceback.extract_tb(problem.__traceback__)
            if Path(frame.filename).resolve().is_relative_to(self.root.resolve())
        ]
        places = [self.provenance[each] for each in frames if each in self.provenance]
        return {"text": in_short(problem), "place": places[-1] if places else None}

    def judged(self, answer: dict[str, Any], expected: Any) -> dict[str, Any]:
        if "error" in answer:
            return {
                "same": False,
                "error": answer["error"],
                "rows": len(self.rows_of(expected)),
                "mismatches": -1,
                "first": "",
            }
        found = self.compare(expected, answer["value"])
        largest = found.largest if math.isfinite(found.largest) else None
        return {
            "same": found.same,
            "rows": found.rows,
            "mismatches": found.mismatches,
            "largest": largest,
            "first": found.first,
        }

    def rows_of(self, value: Any) -> list[Any]:
        found: list[Any] = self.beside["compare"].rows_of(value)
        return found

    # rowwise ------------------------------------------------------------------------------------------------------------

    def arrangements(self, table: Any, known: dict[int, int]) -> Any:
        """Return what asks rows of a table in other arrangements; `known` are those that the notebook answered."""
        follower = self.beside["following"].Follower(
            self.root, self.name, self.same, self.rows.take_rows, self.rows_of, self.provenance
        )
        return self.beside["arrangements"].Arrangements(
            table, self.expected, known, self.ask, self.compare, self.rows, follower, self.beside["smallest"].smallest
        )

    def rowwise(self) -> dict[str, Any]:
        count = len(self.rows_of(self.expected))
        found: dict[str, Any] = self.arrangements(self.input, {row: row for row in range(count)}).run()
        return found

    def same(self, wanted: Any, got: Any) -> bool:
        answer: bool = self.compare(wanted, got).same
        return answer

    def by_graph(self) -> dict[str, Any]:
        """Ask what the service asks, for its graph answers without `predict`: the recorded rows, in every arrangement."""
        answering = importlib.import_module(f"{self.name}.answering")
        graph = importlib.import_module(f"{self.name}.graph")
        expected = importlib.import_module(f"{self.name}.schema").answer(self.expected)

        def asked(table: Any) -> dict[str, Any]:
            try:
                return {"value": answering.predicted(as_json(table))}
            except Exception as problem:
                return {"error": self.told(problem)}

        rows = as_json(self.input)
        plain = sum(graph.answered([row]) is not None for row in rows[:PLAIN_ROWS])
        first = self.judged(asked(self.input), expected)
        arrangements = self.arrangements(self.input, {row: row for row in range(len(expected))})
        arrangements.ask, arrangements.expected = asked, expected
        fault = first["first"] or str(first.get("error", {}).get("text", ""))
        if first["same"]:
            fault = arrangements.first_failing()
        return {"fault": fault, "plain": plain, "of": len(rows[:PLAIN_ROWS])}

    # columns ------------------------------------------------------------------------------------------------------------

    def columns(self) -> dict[str, Any]:
        """Which columns a request may leave out: the answer is the same without each `alone`, without all `unneeded`."""
        if not hasattr(self.input, "columns"):
            return {}
        affordable = COLUMN_SECONDS * len(self.input) / max(self.seconds, 1e-3) / len(self.input.columns)
        rows = min(len(self.input), MANY_ROWS, max(50, int(affordable)))
        some, wanted = self.input.iloc[:rows], self.rows.take_rows(self.expected, range(rows))
        unneeded = []
        for column in list(some.columns):
            answer = self.ask(some.drop(columns=[column]))
            if "value" in answer and self.compare(wanted, answer["value"]).same:
                unneeded.append(column)
        every = self.ask(some.drop(columns=unneeded)) if unneeded else {"value": wanted}
        together = "value" in every and self.compare(wanted, every["value"]).same
        plain = [each if isinstance(each, int | str) else each.item() for each in unneeded]
        return {"alone": plain, "unneeded": plain if together else [c for c in plain if c in self.droppable]}

    # requests -----------------------------------------------------------------------------------------------------------

    def requests(self, recorded: Any) -> dict[str, Any]:
        """The recorded rows as a client would send them, and the answers as the service should give them."""
        schema = importlib.import_module(f"{self.name}.schema")
        return {"rows": as_json(self.input), "predictions": schema.answer(self.expected)}


def answer_bodies(job: dict[str, Any]) -> dict[str, Any]:
    """What the package answers to bodies of requests: read by Python's own JSON, by the schema and by predict."""
    sys.path.insert(0, job["package"])
    package = importlib.import_module(job["module"])
    schema = importlib.import_module(f"{job['module']}.schema")
    found: list[dict[str, Any]] = []
    for body in job["bodies"]:
        try:
            value = getattr(schema, job["parse"])(json.loads(body)[job["field"]])
            found.append({"predictions": schema.answer(package.predict(value))})
        except Exception as problem:
            found.append({"error": in_short(problem)})
    return {"answers": found}


def recorded_requests(job: dict[str, Any]) -> dict[str, Any]:
    """The recorded rows of a package as a client would send them, and the notebook's answers as JSON."""
    sys.path[:0] = [job["package"], str(Path(job["package"], "tests"))]
    schema = importlib.import_module(f"{job['module']}.schema")
    recorded = importlib.import_module("recorded").recorded
    return {"rows": as_json(recorded("example_input")), "predictions": schema.answer(recorded("example_output"))}


def metric(job: dict[str, Any]) -> dict[str, Any]:
    """The package's own metric of these predictions, on these labels or on the recorded ones."""
    sys.path[:0] = [job["package"], str(Path(job["package"], "tests"))]
    recorded = importlib.import_module("recorded").recorded
    labels = recorded("labels")
    if job["labels"] is not None:
        labels = like(labels, job["labels"])
    answers = like(recorded("example_output"), job["predictions"])
    return {"value": float(importlib.import_module("metric").metric(labels, answers))}


def like(example: Any, values: list[Any]) -> Any:
    """Turn JSON values into what the notebook had, by an example of it."""
    if hasattr(example, "columns"):
        columns = [like(example.iloc[:, n], [row[str(key)] for row in values]) for n, key in enumerate(example.columns)]
        return type(example)(dict(zip(example.columns, columns, strict=True)))
    if hasattr(example, "iloc"):
        made = type(example)(values, name=example.name, index=example.index if len(values) == len(example) else None)
        return made.astype(example.dtype) if made.notna().all() else made
    if hasattr(example, "detach"):
        return sys.modules["torch"].tensor(values, dtype=example.dtype)
    if hasattr(example, "dtype"):
        return sys.modules["numpy"].array(values, dtype=None if example.dtype.kind in "UO" else example.dtype)
    return type(example)(values)


def in_short(problem: BaseException) -> str:
    """Return an error's kind and the first line of its text: what follows, as a rule, are general hints."""
    lines = [line for line in str(problem).splitlines() if line.strip()]
    return ": ".join([type(problem).__name__, *lines[:1]])[:CUT]


def as_json(value: Any) -> Any:
    """Return a value as JSON carries it: missing values as null, dates as ISO text, labels as texts."""
    if hasattr(value, "itertuples"):
        keys = [str(each) for each in value.columns]
        columns = [[as_json(item) for item in value.iloc[:, n].tolist()] for n in range(len(keys))]
        return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if hasattr(value, "toarray"):
        value = value.toarray()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return (
            value
            if math.isfinite(value)
            else (None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity"))
        )
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def run_tests(job: dict[str, Any]) -> dict[str, Any]:
    import pytest

    outcomes: dict[str, Any] = {}

    class Collector:
        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.when == "call" or report.outcome == "failed":
                told = str(report.longrepr).strip().splitlines()[-1] if report.failed else ""
                crash = getattr(getattr(report.longrepr, "reprcrash", None), "message", told)
                outcomes[report.nodeid] = {"outcome": report.outcome, "why": str(crash)[:CUT]}

    root = Path(job["package"])
    sys.path.insert(0, str(root))
    importlib.import_module(f"{job['module']}.train")  # what only trains is not loaded by what answers
    status = pytest.main(
        ["-q", "-p", "no:cacheprovider", "--rootdir", str(root), str(root / "tests")], plugins=[Collector()]
    )
    return {"status": int(status), "tests": outcomes}


def ask(job: dict[str, Any]) -> dict[str, Any]:
    return Probe(job).run()


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    guard = Guard(set(job["absent"]))
    sys.meta_path.insert(0, guard)
    sys.dont_write_bytecode = True
    try:
        actions = {
            "tests": run_tests,
            "ask": ask,
            "answer": answer_bodies,
            "requests": recorded_requests,
            "metric": metric,
        }
        report = actions[job["action"]](job)
    except BaseException as problem:
        report = {
            "crash": "".join(traceback.format_exception(problem))[-4000:],
            "problem": in_short(problem),
            "loaded": job.get("module") in sys.modules,
        }
    report["denied"] = sorted(set(guard.denied))
    Path(sys.argv[2]).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
