"""The served code: `preprocess.py` and `predict.py`, one plain function each, made of the notebook's own statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nbdeploy.analysis.binding_time import ServedStatement
from nbdeploy.analysis.program import Program
from nbdeploy.analysis.serving import Frozen, ServingPath, Storage
from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.notebook.cells import Role
from nbdeploy.packaging.symbols import Symbols
from nbdeploy.packaging.text import banner, indented, module_text

__all__ = ["annotation", "handed_over", "predict_module", "preprocess_module"]

_TYPES = {
    "pandas.DataFrame": ("pd.DataFrame", "import pandas as pd"),
    "pandas.Series": ("pd.Series", "import pandas as pd"),
    "numpy.ndarray": ("np.ndarray", "import numpy as np"),
    "torch.Tensor": ("torch.Tensor", "import torch"),
}
_BUILTIN = frozenset({"bool", "complex", "dict", "float", "int", "list", "str", "tuple"})

_COPIES = {
    Kind.TABLE: "{0}.copy()",
    Kind.SERIES: "{0}.copy()",
    Kind.ARRAY: "{0}.copy()",
    Kind.SPARSE: "{0}.copy()",
    Kind.TENSOR: "{0}.clone()",
    Kind.LIST: "{0}.copy()",
    Kind.RECORD: "{0}.copy()",
}


def annotation(schema: Schema) -> tuple[str, str]:
    """Return how the type is written in a signature, and the import that this needs."""
    if schema.type in _TYPES:
        return _TYPES[schema.type]
    if schema.kind is Kind.LIST and schema.type == "list" and schema.dtype in _BUILTIN:
        return f"list[{schema.dtype}]", ""
    if schema.type in _BUILTIN:
        return schema.type, ""
    return "Any", "from typing import Any"


def handed_over(path: ServingPath) -> tuple[str, ...]:
    """Return the names that preprocess makes and predict reads, in the order in which they are made."""
    served = path.stage(Role.PREPROCESS)
    if not served:
        return ()
    needed = {path.bindings.get(name, name) for each in path.stage(Role.PREDICT) for name in each.dynamic}
    if path.output.expression is not None:
        needed |= {path.bindings.get(name, name) for name in path.output.names}
    elif path.output.name is not None and not path.stage(Role.PREDICT):
        needed.add(path.output.name)
    made = [name for each in served for name in sorted(each.statement.effects.defs | each.statement.effects.mutates)]
    return tuple(name for name in dict.fromkeys(made) if name in needed)


def preprocess_module(program: Program, path: ServingPath, symbols: Symbols, optional: Sequence[str | int]) -> str:
    """Return the text of `preprocess.py`."""
    stage = _Stage(program, path, symbols, path.stage(Role.PREPROCESS))
    handed = handed_over(path)
    stage.begin(optional)
    stage.statements()
    stage.line(f"return {', '.join(handed)}")
    returns = _handed_annotation(program, path, handed, stage)
    cells = _cells(each.original.cell for each in stage.served)
    what = (
        f"Prepare rows for the model, as {cells} of the notebook {'do' if ',' in cells or 'and' in cells else 'does'}."
    )
    function = stage.function("preprocess", returns, what)
    return module_text(banner(program.notebook.path.rsplit("/", 1)[-1], what), stage.imports(), *stage.blocks, function)


def predict_module(program: Program, path: ServingPath, symbols: Symbols, optional: Sequence[str | int]) -> str:
    """Return the text of `predict.py`: the whole serving path as one function."""
    stage = _Stage(program, path, symbols, path.stage(Role.PREDICT))
    handed = handed_over(path)
    if path.stage(Role.PREPROCESS):
        stage.lines_of_import.append("from .preprocess import preprocess")
        stage.line(f"{', '.join(handed)} = preprocess({path.input.name})")
    else:
        stage.begin(optional)
    for reader, maker in path.bindings.items():
        if reader != maker:
            stage.line(f"{reader} = {maker}  # in the notebook, {reader} holds rows of {maker}")
    stage.statements()
    stage.answer()
    kind, needed = annotation(path.output.observation.schema)
    stage.lines_of_import.append(needed)
    what = f"Predict with the model of {program.notebook.path.rsplit('/', 1)[-1]}."
    one = path.output.observation.schema.kind in {Kind.SCALAR, Kind.RECORD} and path.input.observation.schema.kind in {
        Kind.RECORD,
        Kind.SCALAR,
    }
    doc = (
        "Return the prediction for one input."
        if one
        else f"Return {_plain(path.output.label)}: one answer a row, in the order of the rows."
    )
    function = stage.function("predict", kind, doc)
    return module_text(banner(program.notebook.path.rsplit("/", 1)[-1], what), stage.imports(), *stage.blocks, function)


def _plain(label: str) -> str:
    return f"`{label}`" if len(label) < 60 and "\n" not in label else "the predictions"


@dataclass
class _Stage:
    """One function under construction."""

    program: Program
    path: ServingPath
    symbols: Symbols
    served: tuple[ServedStatement, ...]
    body: list[str] = field(default_factory=list)
    lines_of_import: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)  # what stands above the function
    _bound: dict[str, tuple[str, str]] = field(default_factory=dict)  # names bound in the function to a frozen value

    def line(self, text: str) -> None:
        self.body.append(f"    {text}")

    def begin(self, optional: Sequence[str | int]) -> None:
        """Leave the caller's value as it is, and fill the columns that a request may leave out."""
        name, kind = self.path.input.name, self.path.input.observation.schema.kind
        changed = {
            other
            for each in self.path.served
            for n in each.statement.effects.mutates
            for other in self.program.shares(n)
        }
        if (name in changed or optional) and kind in _COPIES:
            self.line(f"{name} = {_COPIES[kind].format(name)}  # the caller's own stays as it is")
        if optional and kind is Kind.TABLE:
            self.blocks.append(
                f'DROPPED = {_list(optional)}\n"""Columns that the notebook only drops: a request need not have them."""'
            )
            self.line("for column in DROPPED:")
            self.line(f"    if column not in {name}:")
            self.line(f"        {name}[column] = None")

    def statements(self) -> None:
        cell = None
        for each in self.served:
            if each.original.cell != cell:
                cell = each.original.cell
                self._cell_comment(cell)
            self._bind_frozen(self.path.frozen[each.original.place])
            self._user_comment(each.original.comment)
            source = each.statement.source
            if each.fitted:
                self.line(
                    f"# fit_transform in the notebook: {', '.join(sorted(each.fitted))} stays as it was fitted there"
                )
            self.body.append(indented(source))
            for name in each.statement.effects.defs:
                self._bound.pop(name, None)

    def answer(self) -> None:
        output = self.path.output
        if output.expression is None:
            self.line(f"return {output.name}")
            return
        if not self.served or self.served[-1].original.cell != output.statement.cell:
            self._cell_comment(output.statement.cell)
        self._bind_frozen(self.path.frozen[output.statement.place])
        self.body.append(indented(f"return {output.expression}"))

    def _cell_comment(self, cell: int) -> None:
        if self.body and not self.body[-1].startswith("    for ") and self.body:
            self.body.append("")
        self.line(f"# cell {cell}")

    def _user_comment(self, comment: str) -> None:
        for text in comment.splitlines():
            if text.lstrip("# ").strip():
                self.line(text)

    def _bind_frozen(self, values: Iterable[Frozen]) -> None:
        for each in values:
            if not self._needs_binding(each):
                self.lines_of_import.append(self.symbols.imported(each))
            elif self._bound.get(each.name) != each.key:
                self._bound[each.name] = each.key
                module = self.symbols.home(each)[0]
                self.lines_of_import.append(f"from . import {module}")
                self.line(f"{each.name} = {self.symbols.reference(each)}")

    def _needs_binding(self, value: Frozen) -> bool:
        """A name that the function also binds, or that stands for two values, can't be a plain import."""
        if value.storage is Storage.IMPORT:
            return False
        local = {self.path.input.name} | {name for each in self.served for name in each.statement.effects.defs}
        places = [each.original.place for each in self.served]
        if self.path.output.expression is not None:
            places.append(self.path.output.statement.place)
        keys = {each.key for place in places for each in self.path.frozen.get(place, ()) if each.name == value.name}
        return value.name in local or len(keys) > 1

    def imports(self) -> list[str]:
        return [line for line in self.lines_of_import if line]

    def function(self, name: str, returns: str, doc: str) -> str:
        kind, needed = annotation(self.path.input.observation.schema)
        self.lines_of_import.append(needed)
        head = f'def {name}({self.path.input.name}: {kind}) -> {returns}:\n    """{doc}"""\n'
        return head + "\n".join(self.body)


def _handed_annotation(program: Program, path: ServingPath, handed: Sequence[str], stage: _Stage) -> str:
    kinds = []
    for name in handed:
        kind, needed = "Any", "from typing import Any"
        if name in path.handed:
            kind, needed = annotation(path.handed[name].schema)
        kinds.append(kind)
        stage.lines_of_import.append(needed)
    return kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"


def _cells(numbers: Iterable[int]) -> str:
    unique = sorted(set(numbers))
    if len(unique) == 1:
        return f"cell {unique[0]}"
    return f"cells {', '.join(map(str, unique[:-1]))} and {unique[-1]}"


def _list(values: Sequence[str | int]) -> str:
    from json import dumps

    items = [dumps(each, ensure_ascii=False) if isinstance(each, str) else repr(each) for each in values]
    line = f"[{', '.join(items)}]"
    return line if len(line) < 90 else "[\n" + "".join(f"    {item},\n" for item in items) + "]"
