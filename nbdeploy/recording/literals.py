"""Values as Python source: what is small enough to be read in the emitted constants."""

from __future__ import annotations

import enum
import importlib
import pathlib
import re
import sys
from dataclasses import dataclass
from typing import Any

from nbdeploy.recording.digest import digest

__all__ = ["Literal", "literal"]

WIDTH = 100  # columns of a line; what does not fit gets one item a line
NAME_WIDTH = 24  # columns kept free on the first line, for the name that the value is bound to
SPECIAL_FLOATS = {"nan": 'float("nan")', "inf": 'float("inf")', "-inf": 'float("-inf")'}
BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}
BY_REPR = frozenset({"datetime", "decimal", "fractions", "uuid"})
"""Modules of the standard library whose values are made again by what their `repr` says."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Source text that makes a value anew, and the import lines that it needs."""

    source: str
    imports: tuple[str, ...] = ()


class _NoLiteral(Exception):
    """The value has no source text, or none that is short enough."""


def literal(value: object, limit: int = 2000) -> Literal | None:
    """Write a value as an expression of at most `limit` characters; None where it has none.

    The expression was evaluated and gave the same value: the same types and every bit, a NaN for a NaN. A list, dict or
    set that is met twice inside the value has no expression, because two would come out of it.
    """
    writer = _Writer(limit)
    try:
        source = writer.write(value, 0)
    except (_NoLiteral, RecursionError, ValueError):
        return None
    found = Literal(source, tuple(sorted(writer.imports)))
    return found if len(source) <= limit and _gives(found, value) else None


def _gives(found: Literal, value: object) -> bool:
    namespace: dict[str, object] = {}
    try:
        exec("\n".join(found.imports), namespace)
        again = eval(found.source, namespace)
    except Exception:
        return False
    wanted = digest(value)
    return type(again) is type(value) and wanted is not None and digest(again) == wanted


class _Writer:
    """One value's way to source. `left` counts the characters that may still be written: a long list fails early."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.imports: set[str] = set()
        self.seen: set[int] = set()

    def write(self, value: Any, depth: int) -> str:
        if type(value) in BRACKETS:
            return self.collection(value, depth)
        if type(value) is dict:
            return self.mapping(value, depth)
        if isinstance(value, str | bytes) and len(value) > self.left:
            raise _NoLiteral
        source = self.plain(value) or self.standard(value) or self.numpy(value) or self.pandas(value, depth)
        if source is None:
            raise _NoLiteral
        self.left -= len(source)
        if self.left < 0:
            raise _NoLiteral
        return source

    def once(self, value: object) -> None:
        if id(value) in self.seen:
            raise _NoLiteral
        self.seen.add(id(value))

    def collection(self, value: Any, depth: int) -> str:
        kind = type(value)
        if kind in (list, set):
            self.once(value)
        items = [self.write(each, depth + 1) for each in value]
        if not items and kind in (set, frozenset):
            return f"{kind.__name__}()"
        if kind in (set, frozenset):
            items.sort()
        opening, closing = BRACKETS[kind]
        if kind is tuple and len(items) == 1:
            closing = ",)"
        return _laid_out(opening, items, closing, depth)

    def mapping(self, value: dict[Any, Any], depth: int) -> str:
        self.once(value)
        pairs = [f"{self.write(key, depth + 1)}: {self.write(each, depth + 1)}" for key, each in value.items()]
        return _laid_out("{", pairs, "}", depth)

    def plain(self, value: Any) -> str | None:
        """Write what Python has a notation or a builtin for."""
        kind = type(value)
        if kind is float:
            return SPECIAL_FLOATS.get(repr(value), repr(value))
        if kind is complex:
            return f"complex({self.plain(value.real)}, {self.plain(value.imag)})"
        if kind is slice:
            return f"slice({', '.join(self.write(each, 0) for each in (value.start, value.stop, value.step))})"
        if kind in (type(None), bool, int, str, bytes, range, type(Ellipsis)):
            return _double_quoted(repr(value))
        return None

    def standard(self, value: Any) -> str | None:
        """Write values of the standard library."""
        module = type(value).__module__
        if isinstance(value, enum.Enum):
            return self.member(value)
        if type(value) is re.Pattern:
            return self.pattern(value)
        if module.startswith("pathlib"):
            self.imports.add("import pathlib")
            name = "Path" if type(value) is type(pathlib.Path()) else type(value).__name__
            return f"pathlib.{name}({_double_quoted(repr(str(value)))})"
        if module not in BY_REPR:
            return None
        source = _double_quoted(repr(value))
        self.imports.add(f"import {module}")
        if "zoneinfo.ZoneInfo(" in source:
            self.imports.add("import zoneinfo")
        return source if source.startswith(f"{module}.") else f"{module}.{source}"

    def member(self, value: enum.Enum) -> str:
        kind = type(value)
        home = kind.__module__
        if home == "__main__" or getattr(importlib.import_module(home), kind.__qualname__, None) is not kind:
            raise _NoLiteral
        self.imports.add(f"from {home} import {kind.__qualname__}")
        return f"{kind.__qualname__}.{value.name}"

    def pattern(self, value: re.Pattern[Any]) -> str:
        self.imports.add("import re")
        flags = re.RegexFlag(value.flags & ~(re.UNICODE if isinstance(value.pattern, str) else 0))
        return f"re.compile({self.plain(value.pattern)}{f', {flags!r}' if flags else ''})"

    def numpy(self, value: Any) -> str | None:
        """Write numpy's scalars and dtypes."""
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(value, numpy.generic | numpy.dtype):
            return None
        self.imports.add("import numpy as np")
        source = _double_quoted(repr(value))
        if isinstance(value, numpy.dtype):
            return f"np.{source}"
        return re.sub(r"\((-?(?:nan|inf))\)$", r'("\1")', source)

    def pandas(self, value: Any, depth: int) -> str | None:
        """Write pandas' scalars, and its flat indexes: they are what `X.columns` gives."""
        pandas = sys.modules.get("pandas")
        if pandas is None:
            return None
        self.imports.add("import pandas as pd")
        if value is pandas.NaT or value is pandas.NA:
            return "pd.NaT" if value is pandas.NaT else "pd.NA"
        if type(value) in (pandas.Timestamp, pandas.Timedelta):
            source = f"pd.{_double_quoted(repr(value))}"
            again = type(value)(str(value))
            return source if again.unit == value.unit else f'{source}.as_unit("{value.unit}")'
        if type(value) is pandas.RangeIndex:
            return f"pd.{_double_quoted(repr(value))}"
        if type(value) is pandas.Index:
            name = "" if value.name is None else f", name={self.write(value.name, depth)}"
            return f'pd.Index({self.write(value.tolist(), depth)}, dtype="{value.dtype}"{name})'
        return None


def _laid_out(opening: str, items: list[str], closing: str, depth: int) -> str:
    """Put the items on one line, or one on each."""
    line = f"{opening}{', '.join(items)}{closing}"
    room = WIDTH - 4 * depth - (0 if depth else NAME_WIDTH)
    if len(line) <= room and "\n" not in line:
        return line
    indent = "    " * (depth + 1)
    body = "".join(f"{indent}{item},\n" for item in items)
    return f"{opening}\n{body}{'    ' * depth}{closing.lstrip(',')}"


def _double_quoted(source: str) -> str:
    """Give a `repr` the quotes that formatters want, where that changes nothing else."""
    return source.replace("'", '"') if '"' not in source and "\\'" not in source else source
