"""`train.py`: the statements of the notebook that make the artifacts, as one function."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from nbdeploy.analysis.program import Place, Program, Statement
from nbdeploy.analysis.serving import Frozen, ServingPath, Storage
from nbdeploy.analysis.slicing import Slice, Target, slice_for
from nbdeploy.notebook.cells import Role
from nbdeploy.packaging.symbols import Symbols
from nbdeploy.packaging.text import WIDTH, banner, free_name, import_line, indented, module_text, written

__all__ = ["train_module", "training_slice"]

OWN = frozenset({"Any", "Path", "annotations", "train"})
"""Names of `train.py` that stand for something else than what the notebook calls so."""


def training_slice(program: Program, path: ServingPath) -> Slice:
    """Return the statements that make the artifacts of a serving path."""
    return slice_for(program, [_target(path, each) for each in path.artifacts])


def _target(path: ServingPath, artifact: Frozen) -> Target:
    after = any(each.original.place == artifact.reader.place and artifact.name in each.fitted for each in path.served)
    return Target(artifact.name, artifact.reader.index + (1 if after else 0))


def train_module(program: Program, path: ServingPath, symbols: Symbols, values: Mapping[str, object]) -> str:
    """Return the text of `train.py`. `values` are parameters that the recorded run was given."""
    whole = training_slice(program, path)
    parameters = dict(_parameters(whole.statements, values))
    shared = _shared(program, path, whole, frozenset(parameters))
    draft = _Draft(program, path, symbols, training_slice(_reading_nothing(program, shared), path), shared)
    draft.write(frozenset(parameters))
    head = _head([f"{name}: {kind} = {default}" for name, (kind, default) in parameters.items()])
    imports = ["from pathlib import Path", "from typing import Any", *draft.imports]
    text = banner(
        _notebook(program),
        "Make the artifacts anew: the training side of the notebook, without what only looks at data.",
    )
    return module_text(text, imports, *draft.blocks, "\n".join([head, _docstring(bool(parameters)), *draft.body]))


def _head(parameters: list[str]) -> str:
    arguments = ["out: str | Path | None = None", *(["*"] if parameters else []), *parameters]
    line = f"def train({', '.join(arguments)}) -> dict[str, Any]:"
    if len(line) <= WIDTH:
        return line
    return "def train(\n" + "".join(f"    {each},\n" for each in arguments) + ") -> dict[str, Any]:"


def _docstring(parameters: bool) -> str:
    lines = [
        '"""Train on the data that the notebook reads and return the artifacts by name.',
        "",
        "Run it where the notebook's relative paths hold. With `out`, a folder, the artifacts are written there as files",
        "that `artifacts.py` reads.",
    ]
    if parameters:
        lines[-1] += " The other arguments are the notebook's parameters, as they were in the recorded run."
    return "\n".join(f"    {line}".rstrip() for line in [*lines, '"""'])


def _notebook(program: Program) -> str:
    return program.notebook.path.rsplit("/", 1)[-1]


def _parameters(statements: Iterable[Statement], values: Mapping[str, object]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Return the plain assignments of the cell tagged `parameters`: name, type and default."""
    for each in statements:
        if each.role is not Role.PARAMETERS or not isinstance(each.node, ast.Assign | ast.AnnAssign):
            continue
        target = each.node.targets[0] if isinstance(each.node, ast.Assign) else each.node.target
        value = each.node.value
        if isinstance(target, ast.Name) and value is not None and target.id not in {"out", *OWN}:
            try:
                default = values.get(target.id, ast.literal_eval(value))
            except ValueError:
                continue
            yield target.id, (type(default).__name__ if default is not None else "Any", written(default))


# definitions that the served code has as well ---------------------------------------------------------------------------


def _shared(program: Program, path: ServingPath, whole: Slice, parameters: frozenset[str]) -> dict[Place, Frozen]:
    """Return the served definitions that do in training just what they do for a request.

    That is so where training knows no other value of what they read. One that reads an artifact must read the new one, one
    that reads a parameter the caller's, and one that reads a name which training binds elsewhere may have to read that.
    """
    changed = {name for each in program.statements for name in program.touched_by(each)}
    values = {each.name: each for each in path.values()}

    def alone(value: Frozen) -> bool:
        made = value.definition or program.definition_of(value.name, value.reader)
        return all(
            made is not None and each.place == made.place
            for each in whole.statements
            if value.name in each.effects.defs
        )

    def settled(value: Frozen, above: frozenset[str] = frozenset()) -> bool:
        if value.storage is Storage.IMPORT:
            return True
        if value.storage is Storage.ARTIFACT or value.name in parameters | OWN or not alone(value):
            return False
        if value.storage is Storage.CONSTANT:
            return value.name not in changed
        reads = value.definition.effects.refs | value.definition.effects.late if value.definition else frozenset()
        inner = above | {value.name}
        return all(settled(values[name], inner) for name in reads - inner if name in values)

    return {
        each.definition.place: each
        for each in path.values()
        if each.storage is Storage.DEFINITION and each.definition is not None and settled(each)
    }


def _reading_nothing(program: Program, shared: Mapping[Place, Frozen]) -> Program:
    """Return the program with the shared definitions as if they read nothing: the package has what they read."""
    statements = tuple(
        replace(each, effects=replace(each.effects, refs=frozenset(), late=frozenset()))
        if each.place in shared
        else each
        for each in program.statements
    )
    return replace(program, statements=statements)


# the function -----------------------------------------------------------------------------------------------------------


@dataclass
class _Draft:
    program: Program
    path: ServingPath
    symbols: Symbols
    found: Slice
    shared: Mapping[Place, Frozen]
    body: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)

    @cached_property
    def bound(self) -> Counter[str]:
        """How many statements of the slice bind each name; those that import parts of one package count as one."""
        parts = {
            name for each in self.found.statements if each.imports for name in each.effects.defs - each.effects.kills
        }
        names = (each.effects.defs - (parts if each.imports else set()) for each in self.found.statements)
        return Counter(name for each in names for name in each) + Counter(parts)

    def write(self, parameters: frozenset[str]) -> None:
        used = {name for each in self.found.statements for name in each.effects.refs | each.effects.late}
        hoisted = self._hoisted()
        kept = self._kept()
        cell = None
        for each in self.found.statements:
            lines = list(self._lines(each, used, hoisted, parameters)) + kept.get(each.index, [])
            if lines and each.cell != cell:
                cell = each.cell
                self.body += ["", f"    # cell {cell}"] if self.body else [f"    # cell {cell}"]
            self.body += lines
        self.body += ["", *self._ending()] if self.body else self._ending()

    def _lines(
        self, statement: Statement, used: set[str], hoisted: frozenset[Place], parameters: frozenset[str]
    ) -> Iterator[str]:
        """Write one statement: to the top of the file, or as lines of the function."""
        if statement.imports or statement.place in self.shared:
            yield from self._imported(statement, used)
        elif statement.place in hoisted:
            self.blocks.append("\n".join([f"# cell {statement.cell}", *_comment(statement), statement.source]))
        elif statement.role is not Role.PARAMETERS or not statement.effects.defs <= parameters:
            yield from (f"    {line}" for line in _comment(statement))
            yield indented(statement.source)

    def _imported(self, statement: Statement, used: set[str]) -> Iterator[str]:
        """Import at the top of the file, but inside the function where the name is bound again or is the file's own."""
        if statement.place in self.shared:
            self.imports.append(self.symbols.imported(self.shared[statement.place]))
            return
        assert isinstance(statement.node, ast.Import | ast.ImportFrom)
        for name in sorted(statement.effects.defs & used):
            line = import_line(statement.node, name)
            if self.bound[name] > 1 or name in OWN - {"Any", "Path"}:
                yield f"    {line}"
            else:
                self.imports.append(line)
        if any(alias.name == "*" for alias in statement.node.names) and not statement.effects.defs:
            self.imports.append(ast.unparse(statement.node))

    def _hoisted(self) -> frozenset[Place]:
        """Functions and classes that read nothing but imports and one another can stand outside of `train`."""
        statements = self.found.statements
        once = {name for name, count in self.bound.items() if count == 1} - OWN
        free = {name for each in statements if each.imports for name in each.effects.defs & once}
        free |= {name for each in self.shared.values() if each.definition for name in each.definition.effects.defs}
        places: set[Place] = set()
        for each in statements:
            reads = (each.effects.refs | each.effects.late) & self.bound.keys()
            if each.defines_code and each.effects.defs <= once and reads <= free | each.effects.defs:
                places.add(each.place)
                free |= each.effects.defs
        return frozenset(places)

    # artifacts ----------------------------------------------------------------------------------------------------------

    @cached_property
    def makers(self) -> dict[str, Statement]:
        """For each artifact, by its name in the package, the last statement that makes or changes what predict read."""
        found = {}
        for artifact in self.path.artifacts:
            before = _target(self.path, artifact).before
            for each in self.found.statements:
                if each.index < before and self._makes(each, artifact):
                    found[self._symbol(artifact)] = each
        return found

    @cached_property
    def values(self) -> dict[str, str]:
        """For each artifact, by its name in the package, the name that holds it at the end of the function."""
        found = {}
        for artifact in self.path.artifacts:
            symbol, before = self._symbol(artifact), _target(self.path, artifact).before
            changed = any(each.index >= before and self._changes(each, artifact) for each in self.found.statements)
            if symbol in self.makers:
                found[symbol] = free_name(f"kept_{symbol}", self.bound) if changed else artifact.name
        return found

    def _symbol(self, artifact: Frozen) -> str:
        return self.symbols.home(artifact)[1]

    def _changes(self, statement: Statement, artifact: Frozen) -> bool:
        """Tell whether the statement names the artifact, or another name of it, as what it changes."""
        return bool((statement.effects.defs | statement.effects.mutates) & self._names_of(artifact.name))

    def _names_of(self, name: str) -> set[str]:
        found = {name}
        for each in (*self.found.statements, *reversed(self.found.statements)):
            match each.node:
                case ast.Assign(targets=[ast.Name(id=left)], value=ast.Name(id=right)) if {left, right} & found:
                    found |= {left, right}
        return found

    def _makes(self, statement: Statement, artifact: Frozen) -> bool:
        """Tell whether the statement may have a part in what the artifact is, be it through an object that it shares."""
        changed = self.program.touched_by(statement)
        return artifact.name in statement.effects.defs | changed

    def _kept(self) -> dict[int, list[str]]:
        """Copies of artifacts that later statements change, by the statement after which they are made."""
        lines: dict[int, list[str]] = {}
        for artifact in self.path.artifacts:
            held = self.values.get(self._symbol(artifact), artifact.name)
            if held != artifact.name:
                line = f"    {held} = deepcopy({artifact.name})  # {artifact.name} may be changed below"
                lines.setdefault(self.makers[self._symbol(artifact)].index, []).append(line)
                self.imports.append("from copy import deepcopy")
        return lines

    def _ending(self) -> list[str]:
        """Collect the artifacts by name, and write them where that is asked for."""
        made, module, out = (free_name(name, self.bound) for name in ("made", "artifacts", "out"))
        self.imports.append("from . import artifacts" + (f" as {module}" if module != "artifacts" else ""))
        if out != "out":  # the notebook binds the name of the argument
            self.body.insert(0, f"    {out} = out")
        values = ", ".join(f'"{symbol}": {name}' for symbol, name in self.values.items())
        return [
            indented(f"{made}: dict[str, Any] = {{{values}}}"),
            f"    if {out} is not None:",
            f"        for name, value in {made}.items():",
            f"            {module}.save(name, value, Path({out}))",
            f"    return {made}",
        ]


def _comment(statement: Statement) -> list[str]:
    return [line for line in statement.comment.splitlines() if line.lstrip("# ").strip()]
