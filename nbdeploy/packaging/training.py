"""`train.py`: the statements of the notebook that make the artifacts, as one function."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.serving import Frozen, ServingPath, Storage
from nbdeploy.analysis.slicing import Slice, Target, slice_for
from nbdeploy.notebook.cells import Role
from nbdeploy.packaging.symbols import Symbols
from nbdeploy.packaging.text import banner, import_line, indented, module_text

__all__ = ["train_module", "training_slice"]


def training_slice(program: Program, path: ServingPath) -> Slice:
    """Return the statements that make the artifacts of a serving path."""
    return slice_for(program, [_target(path, each) for each in path.artifacts])


def _target(path: ServingPath, artifact: Frozen) -> Target:
    after = any(each.original.place == artifact.reader.place and artifact.name in each.fitted for each in path.served)
    return Target(artifact.name, artifact.reader.index + (1 if after else 0))


def train_module(program: Program, path: ServingPath, symbols: Symbols, values: dict[str, object]) -> str:
    """Return the text of `train.py`. `values` are parameters that the recorded run was given."""
    found = training_slice(program, path)
    shared = {s.definition.place: s for s in path.values() if s.storage is Storage.DEFINITION and s.definition}
    draft = _Draft(program, path, symbols, found, shared)
    parameters = dict(_parameters(found.statements, values))
    draft.write(frozenset(parameters))
    signature = "".join(f", {name}: {kind} = {default}" for name, (kind, default) in parameters.items())
    keyword = f"out: str | Path | None = None{', *' if parameters else ''}{signature}"
    head = f"def train({keyword}) -> dict[str, Any]:\n{_docstring(bool(parameters))}"
    imports = ["from pathlib import Path", "from typing import Any", "from . import artifacts", *draft.imports]
    body = "\n".join([head, *draft.body])
    text = banner(
        _notebook(program),
        "Make the artifacts anew: the training side of the notebook, without what only looks at data.",
    )
    return module_text(text, imports, *draft.blocks, body)


def _docstring(parameters: bool) -> str:
    lines = [
        '"""Train on the data that the notebook reads and return the artifacts by name.',
        "",
        "Run it where the notebook's relative paths hold. With `out`, a folder, the artifacts are written there as files",
        "that `artifacts.py` reads.",
    ]
    if parameters:
        lines.append("The other arguments are the notebook's parameters, as they were in the recorded run.")
    return "\n".join(f"    {line}".rstrip() for line in [*lines, '"""'])


def _notebook(program: Program) -> str:
    return program.notebook.path.rsplit("/", 1)[-1]


def _parameters(statements: Iterable[Statement], values: dict[str, object]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Return the plain assignments of the cell tagged `parameters`: name, type and default."""
    for each in statements:
        if each.role is not Role.PARAMETERS or not isinstance(each.node, ast.Assign | ast.AnnAssign):
            continue
        target = each.node.targets[0] if isinstance(each.node, ast.Assign) else each.node.target
        value = each.node.value
        if isinstance(target, ast.Name) and value is not None:
            try:
                default = values.get(target.id, ast.literal_eval(value))
            except ValueError:
                continue
            yield target.id, (type(default).__name__ if default is not None else "Any", repr(default))


@dataclass
class _Draft:
    program: Program
    path: ServingPath
    symbols: Symbols
    found: Slice
    shared: dict[tuple[int, int, int], Frozen]
    body: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)

    def write(self, parameters: frozenset[str]) -> None:
        used = {name for each in self.found.statements for name in each.effects.refs | each.effects.late}
        hoisted = self._hoisted()
        keeps = self._keeps()
        cell = None
        self.body.append("    made: dict[str, Any] = {}")
        for each in self.found.statements:
            if each.imports:
                self._import(each, used)
            elif each.place in self.shared:
                self.imports.append(self.symbols.imported(self.shared[each.place]))
            elif each.place in hoisted:
                self.blocks.append(f"# cell {each.cell}\n{each.source}")
            elif not (each.role is Role.PARAMETERS and each.effects.defs <= parameters):
                if each.cell != cell:
                    cell = each.cell
                    self.body += ["", f"    # cell {cell}"]
                self._statement(each)
            for line in keeps.get(each.index, ()):
                self.body.append(f"    {line}")
        self.body += ["", *_ENDING]

    def _import(self, statement: Statement, used: set[str]) -> None:
        assert isinstance(statement.node, ast.Import | ast.ImportFrom)
        for name in sorted(statement.effects.defs):
            if name in used:
                self.imports.append(import_line(statement.node, name))
        if any(alias.name == "*" for alias in statement.node.names):
            self.imports.append(ast.unparse(statement.node))

    def _statement(self, statement: Statement) -> None:
        for line in statement.comment.splitlines():
            if line.lstrip("# ").strip():
                self.body.append(f"    {line}")
        self.body.append(indented(statement.source))

    def _hoisted(self) -> frozenset[tuple[int, int, int]]:
        """Functions and classes that read nothing but imports and one another can stand outside of `train`."""
        statements = self.found.statements
        free = {name for each in statements if each.imports for name in each.effects.defs}
        free |= {name for value in self.shared.values() if value.definition for name in value.definition.effects.defs}
        made = {name for each in statements for name in each.effects.defs}
        places: set[tuple[int, int, int]] = set()
        for each in statements:
            reads = (each.effects.refs | each.effects.late) & made
            if each.defines_code and reads <= free | each.effects.defs:
                places.add(each.place)
                free |= each.effects.defs
        return frozenset(places)

    def _keeps(self) -> dict[int, list[str]]:
        """After which statement each artifact is as the notebook's predict cell read it, and the line that keeps it."""
        lines: dict[int, list[str]] = {}
        for artifact in self.path.artifacts:
            before = _target(self.path, artifact).before
            makers = [
                each for each in self.found.statements if each.index < before and self._touches(each, artifact.name)
            ]
            if not makers:
                continue
            changed_later = any(
                each.index >= before and self._touches(each, artifact.name) for each in self.found.statements
            )
            value = f"deepcopy({artifact.name})" if changed_later else artifact.name
            if changed_later:
                self.imports.append("from copy import deepcopy")
            symbol = self.symbols.home(artifact)[1]
            lines.setdefault(makers[-1].index, []).append(f'made["{symbol}"] = {value}')
        return lines

    def _touches(self, statement: Statement, name: str) -> bool:
        changed = {other for each in statement.effects.mutates for other in self.program.shares(each)}
        return name in statement.effects.defs or name in changed


_ENDING = (
    "    if out is not None:",
    "        for name, value in made.items():",
    "            artifacts.save(name, value, Path(out))",
    "    return made",
)
