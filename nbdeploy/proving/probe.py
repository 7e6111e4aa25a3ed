"""Runs in a clean process: asks the exported package the recorded rows, in every arrangement, and writes what it saw.

Started as a script with `python -I`; it knows nothing of nbdeploy but the two files beside it that it is told to read, and
lets nothing be imported that is installed but not in the package's lock.
"""

from __future__ import annotations

import ast
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

SINGLE_ROWS = 25
MANY_ROWS = 2_000  # a wrong arrangement shows in the first thousands or not at all
COLUMN_SECONDS = 20.0  # what asking once for each column may take, by the seconds of the first request
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
        limits = {"rtol": job["tolerance"]["relative"], "atol": job["tolerance"]["absolute"]}
        self.compare = partial(load_file(job["compare"], "nbdeploy_probe_compare").compare, **limits)
        self.rows = load_file(job["rows"], "nbdeploy_probe_rows")
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
                    result["culprit"] = self.culprit(whole, self.whole["positions"])
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
        found: list[Any] = sys.modules["nbdeploy_probe_compare"].rows_of(value)
        return found

    # rowwise ------------------------------------------------------------------------------------------------------------

    def rowwise(self) -> dict[str, Any]:
        """Single rows, a half, all shuffled, each row doubled: every row must be answered as it was among all."""
        count = len(self.rows_of(self.expected))
        tried = 0
        for kind, positions in self.arrangements(count):
            tried += 1
            answer = self.ask(self.sent(positions))
            judged = self.judged(answer, self.rows.take_rows(self.expected, positions))
            if not judged["same"]:
                return {
                    **judged,
                    "arrangement": kind,
                    "positions": positions[:10],
                    "tried": tried,
                    "culprit": self.culprit(self.input, positions),
                }
        return {"same": True, "rows": count, "tried": tried}

    def sent(self, positions: list[int]) -> Any:
        """The rows as a request brings them; two equal rows are two rows, not one label twice."""
        rows = self.rows.take_rows(self.input, positions)
        repeated = len(set(positions)) < len(positions) and hasattr(rows, "reset_index")
        return rows.reset_index(drop=True) if repeated else rows

    def arrangements(self, count: int) -> list[tuple[str, list[int]]]:
        everything = list(range(count))
        step = max(1, count // SINGLE_ROWS)
        found = [("one row alone", [row]) for row in everything[::step][:SINGLE_ROWS]]
        if count > 1:
            shuffled = sorted(everything, key=lambda row: (row * 7919 + 13) % (count + 1))
            found += [
                ("half of the rows", everything[: count // 2][:MANY_ROWS]),
                ("the rows in another order", shuffled[:MANY_ROWS]),
                ("rows sent twice", [row for row in everything[:50] for _ in range(2)]),
            ]
        return found

    def culprit(self, value: Any, positions: list[int]) -> dict[str, Any] | None:
        """Follow the served statements one by one: the first whose value for these rows depends on the other rows."""
        some = self.rows.take_rows(value, positions)
        for file in ("preprocess", "predict"):
            path = self.root / self.name / f"{file}.py"
            if not path.exists():
                continue
            for line, names in self.steps(path, file, value, some):
                for name, full, part in names:
                    told = self.differs(name, full, part, positions)
                    if told and (place := self.provenance.get((f"{self.name}/{file}.py", line))):
                        return {"place": place, "name": name, "what": told}
        return None

    def steps(self, path: Path, function: str, value: Any, some: Any) -> list[tuple[int, list[tuple[str, Any, Any]]]]:
        """For each statement of the function the line and the local values after it, for all rows and for some."""
        tree = ast.parse(path.read_text(encoding="utf-8"))
        body = next(each.body for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == function)
        found = []
        for number in range(1, len(body)):
            try:
                full = self.locals_after(path, function, number, value)
                part = self.locals_after(path, function, number, some)
            except Exception:
                break
            names = [(name, full[name], part[name]) for name in full if name in part]
            found.append((body[number - 1].lineno, names))
        return found

    def locals_after(self, path: Path, function: str, number: int, value: Any) -> dict[str, Any]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        target = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == function)
        ending = ast.parse("return dict(locals())").body
        target.body = [*target.body[:number], *ending]
        namespace: dict[str, Any] = {"__name__": f"{self.name}.{function}", "__package__": self.name}
        exec(compile(ast.fix_missing_locations(tree), str(path), "exec"), namespace)
        result: dict[str, Any] = namespace[function](value)
        return result

    def differs(self, name: str, full: Any, part: Any, positions: list[int]) -> str:
        try:
            count = len(self.rows_of(full))
            wanted = self.rows.take_rows(full, positions) if count > max(positions, default=0) and count > 1 else full
        except (TypeError, KeyError, IndexError, ValueError):
            return ""
        if hasattr(wanted, "columns") and hasattr(part, "columns"):
            if list(map(str, wanted.columns)) != list(map(str, part.columns)):
                missing = [str(each) for each in wanted.columns if each not in list(part.columns)]
                return f"its columns depend on which rows come together ({', '.join(missing[:5]) or 'others appear'})"
            bad = [str(c) for c in wanted.columns if not self.compare(list(wanted[c]), list(part[c])).same]
            return f"column{'s' if len(bad) > 1 else ''} {', '.join(bad[:5])} of {name}" if bad else ""
        try:
            found = self.compare(wanted, part)
        except Exception:
            return ""
        return "" if found.same else f"{name}: {found.first}"[:CUT]

    # columns ------------------------------------------------------------------------------------------------------------

    def columns(self) -> dict[str, Any]:
        """Which columns a request may leave out: the answer is the same without them."""
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
        return {"unneeded": plain if together else [c for c in plain if c in self.droppable]}

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
        }
    report["denied"] = sorted(set(guard.denied))
    Path(sys.argv[2]).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
