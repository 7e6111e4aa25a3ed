"""The served code: `preprocess.py` and `predict.py`, one plain function each, made of the notebook's own statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nbdeploy.analysis.binding_time import ServedStatement
from nbdeploy.analysis.program import Place, Program
from nbdeploy.analysis.serving import Frozen, ServingPath, Storage
from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.notebook.cells import Role
from nbdeploy.packaging.symbols import Symbols
from nbdeploy.packaging.text import banner, free_name, indented, module_text, written

__all__ = ["annotation", "cells", "handed_over", "predict_module", "preprocess_module"]

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
    stage = _Stage(program, path, symbols, path.stage(Role.PREPROCESS), "preprocess")
    handed = handed_over(path)
    stage.begin(optional)
    stage.statements()
    stage.line(f"return {', '.join(handed)}")
    returns = _handed_annotation(path, handed, stage)
    source = cells(each.original.cell for each in stage.served)
    what = f"Prepare rows for the model, as {source} of the notebook {'do' if ' and ' in source else 'does'}."
    made = " and ".join(f"`{name}`" for name in handed)
    function = stage.function(returns, f"Return {made}, made of `{path.input.name}`.")
    return module_text(banner(_notebook(program), what), stage.imports(), *stage.blocks, function)


def predict_module(program: Program, path: ServingPath, symbols: Symbols, optional: Sequence[str | int]) -> str:
    """Return the text of `predict.py`: the whole serving path as one function."""
    stage = _Stage(program, path, symbols, path.stage(Role.PREDICT), "predict")
    handed = handed_over(path)
    if path.stage(Role.PREPROCESS):
        prepare = free_name("preprocess", stage.names)
        stage.lines_of_import.append(
            "from .preprocess import preprocess" + (f" as {prepare}" if prepare != "preprocess" else "")
        )
        stage.line(f"{', '.join(handed)} = {prepare}({path.input.name})")
    else:
        stage.begin(optional)
    for reader, maker in path.bindings.items():
        if reader != maker:
            stage.line(f"{reader} = {maker}  # in the notebook, {reader} holds rows of {maker}")
    stage.statements()
    stage.answer()
    kind, needed = annotation(path.output.observation.schema)
    stage.lines_of_import.append(needed)
    function = stage.function(kind, _promise(path))
    what = f"Predict with the model of {_notebook(program)}."
    return module_text(banner(_notebook(program), what), stage.imports(), *stage.blocks, function)


def _promise(path: ServingPath) -> str:
    single = {Kind.SCALAR, Kind.RECORD}
    if path.output.observation.schema.kind in single and path.input.observation.schema.kind in single:
        return "Return the prediction for one input."
    return f"Return {_plain(path.output.label)}: one answer a row, in the order of the rows."


def _notebook(program: Program) -> str:
    return program.notebook.path.rsplit("/", 1)[-1]


def _plain(label: str) -> str:
    return f"`{label}`" if len(label) < 60 and "\n" not in label else "the predictions"


@dataclass
class _Stage:
    """One function under construction: `function_name` is its name, `served` are its statements."""

    program: Program
    path: ServingPath
    symbols: Symbols
    served: tuple[ServedStatement, ...]
    function_name: str
    body: list[str] = field(default_factory=list)
    lines_of_import: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)  # what stands above the function
    _bound: dict[str, tuple[str, str]] = field(default_factory=dict)  # names bound in the function to a frozen value

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where the values that this function reads were read in the notebook."""
        found = [each.original.place for each in self.served]
        if self.function_name == "predict" and self.path.output.expression is not None:
            found.append(self.path.output.statement.place)
        return tuple(found)

    @cached_property
    def local(self) -> frozenset[str]:
        """Names that the function binds."""
        bound = {name for each in self.served for name in each.statement.effects.defs}
        if self.function_name == "predict":
            bound |= {*handed_over(self.path), *self.path.bindings}
        return frozenset(bound | {self.path.input.name})

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name of the notebook that the function reads or binds."""
        read = {each.name for place in self.places for each in self.path.frozen.get(place, ())}
        return frozenset(read | self.local)

    def line(self, text: str) -> None:
        self.body.append(f"    {text}")

    def begin(self, optional: Sequence[str | int]) -> None:
        """Leave the caller's value as it is, and fill the columns that a request may leave out."""
        name, kind = self.path.input.name, self.path.input.observation.schema.kind
        changed = {each for served in self.path.served for each in self.program.touched_by(served.original)}
        if (name in changed or optional) and kind in _COPIES:
            self.line(f"{name} = {_COPIES[kind].format(name)}  # the caller's own stays as it is")
        if optional and kind is Kind.TABLE:
            dropped = free_name("DROPPED", self.names)
            listed = written(list(optional), used=len(f"{dropped} = "))
            self.blocks.append(
                f'{dropped} = {listed}\n"""Columns that the notebook only drops: a request need not have them."""'
            )
            self.line(f"{name}[[column for column in {dropped} if column not in {name}]] = None")

    def statements(self) -> None:
        cell = None
        for each in self.served:
            if each.original.cell != cell:
                cell = each.original.cell
                self._cell_comment(cell)
            self._bind_frozen(self.path.frozen[each.original.place])
            self._user_comment(each.original.comment)
            if each.fitted:
                self.line(
                    f"# fit_transform in the notebook: {', '.join(sorted(each.fitted))} stays as it was fitted there"
                )
            self.body.append(indented(each.statement.source))
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
        several = "\n" in output.expression  # brackets around it in the notebook are none of its own
        self.body.append(
            indented(f"return (\n    {output.expression}\n)" if several else f"return {output.expression}")
        )

    def _cell_comment(self, cell: int) -> None:
        if self.body:
            self.body.append("")
        self.line(f"# cell {cell}")

    def _user_comment(self, comment: str) -> None:
        for text in comment.splitlines():
            if text.lstrip("# ").strip():
                self.line(text)

    def _bind_frozen(self, values: Iterable[Frozen]) -> None:
        for each in values:
            if not self._is_own(each):
                self.lines_of_import.append(self.symbols.imported(each))
            elif self._bound.get(each.name) != each.key:
                self._bound[each.name] = each.key
                self._bind(each)

    def _bind(self, value: Frozen) -> None:
        """Bind a value inside the function, by its module unless the notebook has another use for the module's name."""
        module = "" if value.storage is Storage.IMPORT else self.symbols.home(value)[0]
        if module and module not in self.names:
            self.lines_of_import.append(f"from . import {module}")
            self.line(f"{value.name} = {self.symbols.reference(value)}")
        else:
            self.line(self.symbols.imported(value))

    def _is_own(self, value: Frozen) -> bool:
        """Tell whether the name belongs to the function: it binds it, is called so, or reads two values by it."""
        if value.name in self.local or value.name == self.function_name:
            return True
        frozen = [each for place in self.places for each in self.path.frozen.get(place, ())]
        return len({each.key for each in frozen if each.name == value.name}) > 1

    def imports(self) -> list[str]:
        return [line for line in self.lines_of_import if line]

    def function(self, returns: str, doc: str) -> str:
        kind, needed = annotation(self.path.input.observation.schema)
        self.lines_of_import.append(needed)
        head = f'def {self.function_name}({self.path.input.name}: {kind}) -> {returns}:\n    """{doc}"""\n'
        return head + "\n".join(self.body)


def _handed_annotation(path: ServingPath, handed: Sequence[str], stage: _Stage) -> str:
    kinds = []
    for name in handed:
        kind, needed = "Any", "from typing import Any"
        if name in path.handed:
            kind, needed = annotation(path.handed[name].schema)
        kinds.append(kind)
        stage.lines_of_import.append(needed)
    return kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"


def cells(numbers: Iterable[int]) -> str:
    """Name cells in a sentence: `cell 3`, `cells 3, 5 and 7`."""
    unique = sorted(set(numbers))
    if len(unique) == 1:
        return f"cell {unique[0]}"
    return f"cells {', '.join(map(str, unique[:-1]))} and {unique[-1]}"
