"""Ask a package the recorded rows in other arrangements, and find the smallest one that it answers otherwise.

Read by `probe.py` as a file beside it, in the process of the exported package.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

__all__ = ["Arrangements"]

SINGLE_ROWS = 25
MANY_ROWS = 2_000  # a wrong arrangement shows in the first thousands or not at all
OTHER_ROWS = 100
ASKS = 100  # what the search for the smallest failing rows may ask, and for how many seconds
SECONDS = 30.0


@dataclass
class Arrangements:
    """`table` has the rows that can be sent, `known` says for each of them which row of `expected` is its answer.

    `ask` gives `{"value": ...}` or `{"error": ...}`; `compare`, `rows`, `follower` and `smallest` are the files beside.
    """

    table: Any
    expected: Any
    known: Mapping[int, int]
    ask: Callable[[Any], dict[str, Any]]
    compare: Callable[[Any, Any], Any]
    rows: Any
    follower: Any
    smallest: Callable[..., list[int]]
    asked: int = 0
    began: float = field(default_factory=time.perf_counter)

    def run(self) -> dict[str, Any]:
        """Every row must be answered as it was among all: alone, in halves, in another order, doubled, among others."""
        tried = 0
        for kind, table, positions in self._all():
            tried += 1
            judged = self.judged(table, positions)
            if not judged["same"]:
                return {**judged, "arrangement": kind, "tried": tried, **self.narrowed(table, positions)}
        return {"same": True, "among": len(self.table), "tried": tried, "asks": self.asked}

    def first_failing(self) -> str:
        """Return the first arrangement that is answered otherwise, empty where there is none."""
        return next((kind for kind, table, places in self._all() if not self.judged(table, places)["same"]), "")

    def _all(self) -> Iterator[tuple[str, Any, list[int]]]:
        everything = list(self.known)
        step = max(1, len(everything) // SINGLE_ROWS)
        yield from (("one row alone", self.table, [row]) for row in everything[::step][:SINGLE_ROWS])
        if len(everything) > 1:
            shuffled = sorted(everything, key=lambda row: (row * 7919 + 13) % (len(everything) + 1))
            yield "half of the rows", self.table, everything[: len(everything) // 2][:MANY_ROWS]
            yield "the rows in another order", self.table, shuffled[:MANY_ROWS]
            yield "rows sent twice", self.table, [row for row in everything[:50] for _ in range(2)]
            if self.among_others is not None:
                count = len(self.among_others) - len(self.table)
                others = list(range(len(self.table), len(self.table) + count))
                positions = [*others[: count // 2], *everything[:MANY_ROWS], *others[count // 2 :]]
                if "error" not in self._answer(self.among_others, others):
                    yield "the rows with others among them", self.among_others, positions

    @cached_property
    def among_others(self) -> Any:
        """The table, and below it rows whose cells come from different recorded rows; None where it is no table."""
        if not hasattr(self.table, "iloc") or not hasattr(self.table, "columns") or len(self.table) < 3:
            return None
        import pandas

        size, count = len(self.table), min(OTHER_ROWS, len(self.table))
        columns = [
            self.table.iloc[[(row + 1 + 7 * number) % size for row in range(count)], [number]].reset_index(drop=True)
            for number in range(self.table.shape[1])
        ]
        try:
            return pandas.concat([self.table, pandas.concat(columns, axis=1)], ignore_index=True)
        except (TypeError, ValueError):
            return None

    # one arrangement ----------------------------------------------------------------------------------------------------

    def _answer(self, table: Any, positions: Sequence[int]) -> dict[str, Any]:
        self.asked += 1
        return self.ask(self.follower.taken(table, list(positions)))

    def judged(self, table: Any, positions: Sequence[int]) -> dict[str, Any]:
        """Ask these rows, and compare the answers of those that are known; `wrong` is the first one that differs."""
        answer = self._answer(table, positions)
        places = [at for at, row in enumerate(positions) if row in self.known]
        if "error" in answer:
            return {"same": False, "error": answer["error"], "rows": len(places), "first": "", "wrong": None}
        try:
            got = self.rows.take_rows(answer["value"], places)
        except (IndexError, KeyError, TypeError, ValueError):
            got = answer["value"]
        wanted = self.rows.take_rows(self.expected, [self.known[positions[at]] for at in places])
        found = self.compare(wanted, got)
        return {"same": found.same, "rows": found.rows, "first": found.first, "wrong": None}

    # narrowing ----------------------------------------------------------------------------------------------------------

    def narrowed(self, table: Any, positions: Sequence[int]) -> dict[str, Any]:
        """Return the smallest failing rows, what is wrong with them, and the statements that make the difference."""
        limit, until = self.asked + ASKS, time.perf_counter() + SECONDS

        def may_ask() -> bool:
            return self.asked < limit and time.perf_counter() < until

        def fails(rows: list[int]) -> bool:
            return any(row in self.known for row in rows) and not self.judged(table, rows)["same"]

        found = self.smallest(list(positions), fails, may_ask)
        if sorted(found) != found and fails(sorted(found)):
            found = sorted(found)
        judged = self.judged(table, found)
        return {
            **{key: judged[key] for key in ("first", "error") if key in judged},
            "positions": [row if row < len(self.table) else None for row in found[:10]],
            "smallest": len(found),
            "among": len(self.table),
            "statements": self._statements(table, found, until),
            "asks": self.asked,
            "seconds": round(time.perf_counter() - self.began, 3),
        }

    def _statements(self, table: Any, found: list[int], until: float) -> list[dict[str, Any]]:
        """Return the statements that make the failing rows differ, and behind them those that do so to other rows."""
        everything = list(self.known)
        some = [[row] for row in everything[:: max(1, len(everything) // 4)][:4]]
        statements: dict[tuple[Any, ...], dict[str, Any]] = {}
        for rows in (found, everything[: len(everything) // 2][:MANY_ROWS], *some):
            if rows and (not statements or time.perf_counter() < until):
                for each in self.follower.differences(table, rows):
                    statements.setdefault((*each["place"], each["code"]), each)
        return list(statements.values())
