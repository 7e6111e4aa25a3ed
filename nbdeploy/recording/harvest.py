"""What is done at the end of a run, while its kernel still lives: cut the serving path, then store what it freezes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbdeploy.analysis.inference import Output, binding_candidates
from nbdeploy.analysis.observations import Observation, Observed, Origin
from nbdeploy.analysis.program import Place, Program, Statement
from nbdeploy.analysis.serving import Frozen, ServingPath, serving_path
from nbdeploy.analysis.values import ROW_KINDS
from nbdeploy.errors import ArtifactError, Diagnostic, UsageError
from nbdeploy.notebook.cells import Role
from nbdeploy.recording.formats import Stored
from nbdeploy.recording.measures import FoundMeasure, Measuring
from nbdeploy.recording.recording import Example
from nbdeploy.request import DeployRequest
from nbdeploy.suggestions import did_you_mean

__all__ = ["Ask", "Harvest"]

Ask = Callable[[str], Any]
"""Calls a method of the recorder in the kernel: `write()`, `rows_of(...)`, `store(...)`."""


class Harvest:
    """What is done while the kernel still lives: cut the path, then store what it freezes."""

    def __init__(self, program: Program, request: DeployRequest, folder: Path, ask: Ask) -> None:
        self.program = program
        self.request = request
        self.folder = folder
        self.ask = ask

    def gather(self) -> dict[str, Any]:
        seen = json.loads((self.folder / "observations.json").read_text())
        observed = _observed(seen)
        positions = self._positions(observed)
        observed = _observed(seen, frozenset(positions))
        path = self._path(observed)
        artifacts, spelled = self._artifacts(path)
        path = path.with_constants(spelled)
        measure, unmeasured = self._measure(observed, path, seen["measured"])
        return {
            "path": path,
            "artifacts": artifacts,
            "example": self._example(observed, path, positions),
            "fixtures": self._fixtures(observed, path),
            "readings": _test_readings(self.program, observed),
            "answers": {each.index: v for each in self.program.with_role(Role.TEST) if (v := observed.value(each))},
            "measure": measure,
            "unmeasured": unmeasured,
            "metrics": {**_scalar_metrics(self.program, observed, self._metrics), **seen["metrics"]},
        }

    @property
    def _metrics(self) -> frozenset[str]:
        return frozenset((*self.program.notebook.settings.metrics, *self.request.metrics))

    def _path(self, observed: Observed) -> ServingPath:
        settings, request = self.program.notebook.settings, self.request
        return serving_path(
            self.program,
            observed,
            input=request.input or _magic_option(self.program, "input") or settings.input,
            output=request.output or _magic_option(self.program, "output") or settings.output,
            bind={**settings.bind, **request.bind},
        )

    def _positions(self, observed: Observed) -> dict[tuple[str, str], list[int]]:
        found = {}
        for part, whole in binding_candidates(self.program, observed):
            if part.digest and whole.digest and part.digest != whole.digest and not part.problem and not whole.problem:
                places = self.ask(f"rows_of({part.digest!r}, {whole.digest!r})")
                if places is not None:
                    found[part.digest, whole.digest] = places
        return found

    def _artifacts(self, path: ServingPath) -> tuple[dict[tuple[str, str], Stored], set[tuple[str, str]]]:
        """Store the artifacts; return them, and the keys of those that only their source text carries."""
        spelled: set[tuple[str, str]] = set()
        stems: dict[str, int] = {}
        stored: dict[tuple[str, str], Stored] = {}
        problems: list[Diagnostic] = []
        for each in path.artifacts:
            stems[each.name] = stems.get(each.name, 0) + 1
            stem = each.name if stems[each.name] == 1 else f"{each.name}_{stems[each.name]}"
            try:
                stored[each.key] = self._store(each, stem)
            except ArtifactError as problem:
                if each.observation.literal is not None:
                    spelled.add(each.key)
                else:
                    problems += problem.diagnostics
        if problems:
            raise ArtifactError(*problems)
        return stored, spelled

    def _store(self, frozen: Frozen, stem: str) -> Stored:
        allowed = f"pickle:{frozen.name}" in self.request.allow | frozenset(self.program.notebook.settings.allow)
        return self._kept(frozen.observation, stem, frozen.reader, allowed)

    def _kept(
        self,
        value: Observation,
        stem: str,
        reader: Statement,
        allow_pickle: bool = False,
        rows: list[int] | None = None,
    ) -> Stored:
        if value.digest is None or value.problem:
            raise ArtifactError(_not_storable(value, reader))
        folder = str(self.folder / "stored")
        options = {"allow_pickle": allow_pickle, "name": value.name or stem, "cell": reader.cell, "line": reader.line}
        answer = self.ask(f"store({value.digest!r}, {folder!r}, {stem!r}, rows={rows!r}, **{options!r})")
        if "problem" in answer:
            problem = answer["problem"]
            raise ArtifactError(Diagnostic(**{k: problem[k] for k in ("code", "cell", "line", "message", "fix")}))
        return Stored(**{**answer, "requires": tuple(answer["requires"])})

    def _example(
        self, observed: Observed, path: ServingPath, positions: Mapping[tuple[str, str], list[int]]
    ) -> Example:
        value, answer, statement = path.input.observation, path.output.observation, path.output.statement
        rows = self._answered_rows(observed, path, positions)
        whole = self._kept(value, "example_whole_input", statement, True)
        taken = whole if rows is None else self._kept(value, "example_input", statement, True, rows)
        output = self._kept(answer, "example_output", statement, True)
        return Example(taken, output, whole, rows, answer.schema.rows or 1)

    def _answered_rows(
        self, observed: Observed, path: ServingPath, positions: Mapping[tuple[str, str], list[int]]
    ) -> list[int] | None:
        """Return which rows of the input the recorded output answers; None for all of them."""
        for reader, maker in path.bindings.items():
            part = _first_read(self.program, observed, reader)
            whole = _last_made(self.program, observed, maker)
            if part and whole and part.digest and whole.digest and (part.digest, whole.digest) in positions:
                return positions[part.digest, whole.digest]
        return None

    def _measure(
        self, observed: Observed, path: ServingPath, seen: Mapping[str, Any]
    ) -> tuple[FoundMeasure | None, str]:
        """Return how good the recorded answers are by the notebook's own measure, or why there is none."""
        wanted, output = self.request.labels or self.program.notebook.settings.labels, path.output
        if path.input.observation.schema.kind not in ROW_KINDS or output.observation.digest is None:
            return None, "the answers are not one for each row"
        search = Measuring(self.program, observed, output, seen, self.ask)
        named = self._named_labels(wanted, output) if wanted else None
        found = search.of_the_notebook(named)
        if found is None and named is not None and wanted and (usual := search.by_default(named, wanted)):
            found = usual, named
        if found is None:
            return None, search.reason
        measure, labels = found
        name = wanted or measure.labels
        return FoundMeasure(measure, self._kept(labels, "labels", output.statement, True), name), ""

    def _named_labels(self, name: str, output: Output) -> Observation:
        told = self.ask(f"look_at_name({name!r})")
        seen = Observation.from_json(told) if told else None
        rows = output.observation.schema.rows
        if seen is not None and seen.digest and not seen.problem and seen.schema.rows == rows and seen.has_rows:
            return seen
        made = [made for each in self.program.statements for made in each.effects.defs]
        what = f"is {seen.schema}" if seen else f"is not there at the end of the run{did_you_mean(name, made)}"
        raise UsageError(
            Diagnostic(
                code="NBD582",
                message=f"the labels {name!r}: {what}; {output.label!r} has {rows} rows, and needs a label for each",
                fix="name the variable that holds what is true for just these rows, such as --labels y_test",
            )
        )

    def _fixtures(self, observed: Observed, path: ServingPath) -> dict[int, dict[str, Stored]]:
        """Store the values that test cells read and that the package does not make itself."""
        stored: dict[tuple[str, str], Stored] = {}
        fixtures: dict[int, dict[str, Stored]] = {}
        own = {each.key for each in path.artifacts}
        answer = (path.output.name, path.output.observation.digest)
        for cell, readings in _test_readings(self.program, observed).items():
            for name, seen in readings.items():
                key = (name, seen.digest or "")
                if seen.origin is not Origin.VALUE or seen.literal is not None or key in own or key == answer:
                    continue
                if key not in stored:
                    try:
                        stored[key] = self._kept(seen, f"test_{cell}_{name}", path.output.statement)
                    except ArtifactError:
                        continue  # the gate `tested` tells that this test can't be carried over
                fixtures.setdefault(cell, {})[name] = stored[key]
        return fixtures


def _observed(seen: dict[str, Any], rows_of: frozenset[tuple[str, str]] = frozenset()) -> Observed:
    def read(group: dict[str, Any]) -> dict[Place, dict[str, Observation]]:
        return {_place(k): {n: Observation.from_json(o) for n, o in v.items()} for k, v in group.items()}

    values = {_place(key): Observation.from_json(value) for key, value in seen["values"].items()}
    return Observed(read(seen["before"]), read(seen["after"]), values, rows_of)


def _place(key: str) -> Place:
    cell, line, position = map(int, key.split(":"))
    return cell, line, position


def _magic_option(program: Program, option: str) -> str | None:
    for cell in program.notebook.cells:
        if option in cell.options:
            return cell.options[option]
    return None


def _first_read(program: Program, observed: Observed, name: str) -> Observation | None:
    return next((v for each in program.with_role(Role.PREDICT) if (v := observed.read(each, name))), None)


def _last_made(program: Program, observed: Observed, name: str) -> Observation | None:
    return next((v for each in reversed(program.with_role(Role.PREPROCESS)) if (v := observed.made(each, name))), None)


def _test_readings(program: Program, observed: Observed) -> dict[int, dict[str, Observation]]:
    """What each test cell reads from outside itself, by cell."""
    readings: dict[int, dict[str, Observation]] = {}
    bound: dict[int, set[str]] = {}
    for each in program.with_role(Role.TEST):
        own = bound.setdefault(each.cell, set())
        for name in sorted(program.reads(each) - own):
            if seen := observed.read(each, name):
                readings.setdefault(each.cell, {}).setdefault(name, seen)
        own |= each.effects.defs
    return readings


def _scalar_metrics(program: Program, observed: Observed, wanted: frozenset[str]) -> dict[str, float]:
    """Numbers that test cells compute, and those that were asked for by name."""
    metrics: dict[str, float] = {}
    for each in program.statements:
        names = each.effects.defs if each.role is Role.TEST else each.effects.defs & wanted
        for name in sorted(names):
            _add_number(metrics, name, observed.made(each, name))
        if each.role is Role.TEST and (value := observed.value(each)):
            _add_number(metrics, _metric_name(each), value)
    return metrics


def _add_number(metrics: dict[str, float], name: str, seen: Observation | None) -> None:
    if seen is None or seen.literal is None or not name:
        return
    number = re.fullmatch(r"(?:np\.\w+\()?([-+\d.eE]+)\)?", seen.literal)
    if number:
        metrics[name] = float(number.group(1))


def _metric_name(statement: Statement) -> str:
    """`accuracy_score` for the expression `accuracy_score(y_test, y_pred)`, `score` for `model.score(X, y)`."""
    found = re.match(r"(?:[\w.]*\.)?(\w+)\(", statement.source)
    return found.group(1) if found else ""


def _not_storable(value: Observation, reader: Statement) -> Diagnostic:
    return Diagnostic(
        code="NBD401",
        cell=reader.cell,
        line=reader.line,
        message=f"{value.name or 'the value'} ({value.schema}) can't be stored: {value.problem or 'its content can not be read'}",
        fix="make it of parts that can be stored (plain data, fitted estimators, functions with def),"
        " or make it in the tagged cells",
    )
