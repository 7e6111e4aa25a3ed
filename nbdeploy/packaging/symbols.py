"""Where the package keeps each frozen value, and how a file of the package gets at it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nbdeploy.analysis.program import Place
from nbdeploy.analysis.serving import Frozen, Storage
from nbdeploy.packaging.text import import_line

__all__ = ["Key", "Symbols", "name_symbols"]

Key = tuple[str, str]  # Frozen.key


@dataclass(frozen=True, slots=True)
class Symbols:
    """For each frozen value its module inside the package and its name there. Two values of one name get two names."""

    homes: Mapping[Key, tuple[str, str]]

    def home(self, value: Frozen) -> tuple[str, str]:
        return self.homes[value.key]

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of the package that hold the notebook's functions and classes."""
        found = {module for module, _ in self.homes.values()}
        return tuple(sorted(found - {"artifacts", "constants"}))

    def imported(self, value: Frozen, *, inside: str = "") -> str:
        """Return the import line that binds the value to the notebook's own name in a module of the package."""
        if value.storage is Storage.IMPORT:
            return _library_import(value)
        module, symbol = self.home(value)
        if module == inside and symbol == value.name:
            return ""
        bound = "" if symbol == value.name else f" as {value.name}"
        return f"from .{module} import {symbol}{bound}"

    def reference(self, value: Frozen) -> str:
        """Return the expression that reaches the value through its module: `artifacts.scaler_2`."""
        module, symbol = self.home(value)
        return f"{module}.{symbol}"


def name_symbols(values: Iterable[Frozen]) -> Symbols:
    """Give each constant, artifact and definition its place.

    Functions that read artifacts live in `functions`, all others in `definitions`: artifacts may be instances of classes
    in `definitions`, so that module must not import them. Where the notebook defines a name twice and both are served, the
    second definition gets a module of its own, `definitions_2`.
    """
    everything = tuple(values)
    readers = _artifact_readers(everything)
    homes: dict[Key, tuple[str, str]] = {}
    taken: dict[str, int] = {}
    defined: dict[tuple[str, str], Place] = {}
    for each in everything:
        if each.storage is Storage.IMPORT or each.key in homes:
            continue
        symbol = _defined_name(each)
        module = "functions" if each.name in readers else _MODULES[each.storage]
        if each.storage is Storage.DEFINITION and each.definition is not None:
            place, number = each.definition.place, 1
            while defined.setdefault((module, symbol), place) != place:
                number += 1
                module = f"{module.partition('_')[0]}_{number}"
            homes[each.key] = (module, symbol)
            continue
        taken[symbol] = taken.get(symbol, 0) + 1
        homes[each.key] = (module, symbol if taken[symbol] == 1 else f"{symbol}_{taken[symbol]}")
    return Symbols(homes)


_MODULES = {Storage.CONSTANT: "constants", Storage.ARTIFACT: "artifacts", Storage.DEFINITION: "definitions"}


def _artifact_readers(values: Iterable[Frozen]) -> frozenset[str]:
    """Names of notebook functions that read an artifact as a global, themselves or through one another."""
    code = {
        each.name: each.definition.effects for each in values if each.storage is Storage.DEFINITION and each.definition
    }
    reading = {each.name for each in values if each.storage is Storage.ARTIFACT}
    found: set[str] = set()
    while new := {name for name, effects in code.items() if (effects.late | effects.refs) & (reading | found)} - found:
        found |= new
    return frozenset(found)


def _defined_name(value: Frozen) -> str:
    node = value.definition.node if value.definition is not None else None
    if value.storage is Storage.DEFINITION and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    return value.name


def _library_import(value: Frozen) -> str:
    definition = value.definition
    if definition is not None and isinstance(definition.node, ast.Import | ast.ImportFrom):
        return import_line(definition.node, value.name)
    seen = value.observation
    if seen.origin_name is None:
        return f"import {seen.origin_module} as {value.name}"
    bound = "" if seen.origin_name == value.name else f" as {value.name}"
    return f"from {seen.origin_module} import {seen.origin_name}{bound}"
