"""Follow the served statements one by one, with all rows and with a few: which of them look at more than their own row.

Read by `probe.py` as a file beside it, in the process of the exported package. After each statement the few rows get the
values that they have among all rows, so that each statement is judged for itself: one that only passes on what another one
did is not blamed.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any

__all__ = ["Follower"]

VALUES = 3  # differing values that are told of a column
COLUMNS = 10


@dataclass
class Follower:
    """`same(wanted, got)` compares two values, `take(value, rows)` takes rows, `rows_of` lists them.

    `provenance` maps a file of the package and a line to the notebook's cell and line.
    """

    root: Path
    package: str
    same: Callable[[Any, Any], bool]
    take: Callable[[Any, Sequence[int]], Any]
    rows_of: Callable[[Any], list[Any]]
    provenance: dict[tuple[str, int], Any] = field(default_factory=dict)

    def differences(self, table: Any, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return the statements that make these rows differ from what they are among all, with what differs.

        Each has `place`, `code`, `name` and `columns`: for each column the row, its value among all rows and apart.
        """
        for mend in (True, False):
            found = [each for stage in ("preprocess", "predict") for each in self._stage(stage, table, rows, mend)]
            if found:
                return found if mend else found[:1]
        return []

    def _stage(self, stage: str, table: Any, rows: Sequence[int], mend: bool) -> Iterator[dict[str, Any]]:
        path = self.root / self.package / f"{stage}.py"
        if not path.exists():
            return
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        function = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == stage)
        globals_ = vars(importlib.import_module(f"{self.package}.{stage}"))
        argument = function.args.args[0].arg
        count = len(self.rows_of(table))
        walk = _Walk(self, count, rows, {**globals_, argument: table}, {**globals_, argument: self.taken(table, rows)})
        walk.local = {argument}
        for statement in function.body:
            place = self.provenance.get((f"{self.package}/{stage}.py", statement.lineno))
            code = ast.get_source_segment(text, statement) or ""
            for told in walk.step(statement, mend):
                if place is not None:
                    yield {"place": list(place), "code": code[:400], **told}
            if walk.ended:
                return

    def taken(self, value: Any, rows: Sequence[int]) -> Any:
        """Return rows as a request brings them; two equal rows are two rows, not one label twice."""
        found = self.take(value, rows)
        repeated = hasattr(found, "reset_index") and not found.index.is_unique
        return found.reset_index(drop=True) if repeated else found


@dataclass
class _Walk:
    """Two runs of one function, side by side: `full` has all rows, `part` some of them."""

    follower: Follower
    count: int
    rows: Sequence[int]
    full: dict[str, Any]
    part: dict[str, Any]
    local: set[str] = field(default_factory=set)
    ended: bool = False

    def step(self, statement: ast.stmt, mend: bool) -> Iterator[dict[str, Any]]:
        """Run one statement in both; yield what it makes different, and mend it."""
        statement, answer = _answering(statement)
        self.local |= {each.id for each in ast.walk(statement) if isinstance(each, ast.Name) and _stored(each)}
        code = compile(ast.Module([statement], []), "<served>", "exec")
        try:
            exec(code, self.full)
        except Exception:
            self.ended = True
            return
        try:
            exec(code, self.part)
        except Exception as problem:
            yield {"name": answer or "", "columns": [], "error": f"{type(problem).__name__}: {problem}"[:400]}
            self.ended = not mend
            self._restart()
            return
        mended: dict[int, Any] = {}  # two names of one object stay two names of one object
        for name in sorted(self.local & self.full.keys()):
            yield from self._judged(name, mended if mend else None)

    def _restart(self) -> None:
        """Go on behind a statement that failed: with what the few rows are among all."""
        for name in self.local & self.full.keys():
            among = self.full[name]
            if self._has_all_rows(among):
                self.part[name] = self.follower.taken(among, self.rows)
            elif name not in self.part or _is_plain(among):
                self.part[name] = _copied(among)

    def _judged(self, name: str, mended: dict[int, Any] | None) -> Iterator[dict[str, Any]]:
        among, apart = self.full[name], self.part.get(name)
        aligned = self._has_all_rows(among)
        if not aligned and not _is_plain(among):
            return  # a group, a model, a function: what it makes is looked at
        if not aligned and self._counts_rows(among, apart):
            return
        wanted = self.follower.taken(among, self.rows) if aligned else among
        if self._same(wanted, apart):
            return
        if id(among) not in (mended or {}):
            yield {"name": name, "columns": list(self._columns(wanted, apart, aligned))[:COLUMNS]}
        self.ended = self.ended or mended is None or (not aligned and hasattr(among, "columns"))
        if mended is not None:
            self.part[name] = mended.setdefault(id(among), wanted if aligned else _copied(among))

    def _same(self, wanted: Any, apart: Any) -> bool:
        try:
            return self.follower.same(wanted, apart)
        except Exception:
            return type(wanted) is type(apart)

    def _has_all_rows(self, value: Any) -> bool:
        if isinstance(value, str | bytes | dict | tuple) or not hasattr(value, "__len__"):
            return False
        try:
            return int(value.shape[0] if getattr(value, "shape", None) else len(value)) == self.count
        except TypeError:
            return False

    def _counts_rows(self, among: Any, apart: Any) -> bool:
        """`len(df)`, `X.shape`: a request of fewer rows has fewer rows."""
        return (_counted(among), _counted(apart)) == (self.count, len(self.rows))

    def _columns(self, wanted: Any, apart: Any, aligned: bool) -> Iterator[dict[str, Any]]:
        if hasattr(wanted, "columns") and hasattr(apart, "columns"):
            for each in dict.fromkeys([*wanted.columns, *apart.columns]):
                if each not in apart.columns or each not in wanted.columns:
                    among, alone = ("there" if each in other.columns else "not there" for other in (wanted, apart))
                    yield {"column": str(each), "row": None, "among": among, "apart": alone}
                elif not self._same(list(wanted[each]), list(apart[each])):
                    yield from self._values(str(each), wanted[each], apart[each], aligned)
        else:
            yield from self._values("", wanted, apart, aligned)

    def _values(self, column: str, wanted: Any, apart: Any, aligned: bool) -> Iterator[dict[str, Any]]:
        """Yield the first values that differ, with the row."""
        left, right = self.follower.rows_of(wanted), self.follower.rows_of(apart)
        if len(left) != len(right):
            yield {"column": column, "row": None, "among": f"{len(left)} rows", "apart": f"{len(right)} rows"}
            return
        pairs = zip(left, right, strict=True)
        wrong = [(at, *pair) for at, pair in enumerate(pairs) if not self._same([pair[0]], [pair[1]])]
        for at, among, alone in wrong[:1]:
            row = self.rows[at] if aligned and at < len(self.rows) else None
            yield {"column": column, "row": row, "among": _shown(among), "apart": _shown(alone)}


def _answering(statement: ast.stmt) -> tuple[ast.stmt, str | None]:
    """Return `return value` as `answer = value`."""
    if not isinstance(statement, ast.Return) or statement.value is None:
        return statement, None
    made = ast.Assign([ast.Name("answer", ast.Store())], statement.value)
    return ast.fix_missing_locations(ast.copy_location(made, statement)), "answer"


def _stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _counted(value: Any) -> int | None:
    """Return the number that a value is or, as a shape, begins with."""
    first = value[0] if isinstance(value, tuple) and value else value
    return int(first) if isinstance(first, Integral) else None


def _is_plain(value: Any) -> bool:
    """Tell whether a value can be compared by what it holds."""
    if value is None or isinstance(value, bool | int | float | str | list | tuple | dict | set):
        return True
    return hasattr(value, "dtype") or hasattr(value, "columns")


def _copied(value: Any) -> Any:
    try:
        return deepcopy(value)
    except Exception:
        return value


def _shown(value: Any) -> str:
    plain = value.item() if hasattr(value, "item") and not getattr(value, "shape", None) else value
    text = repr(plain)
    return text if len(text) <= 60 else text[:57] + "..."
