"""Which objects the names of a notebook hold, at every moment of a run.

A name points to objects, an object may hold others, and a function is an object that reads its globals when it is called.
This is a points-to analysis by allocation site, flow-sensitive for names and only growing for what objects hold (Andersen,
"Program analysis and specialization for the C programming language", 1994, with strong updates for names). Moments are the
indices of statements: what is asked for `before` an index is what the statements up to it, exclusive, have left behind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from nbdeploy.analysis.imported import BUILTINS
from nbdeploy.analysis.pseudo_names import is_pseudo
from nbdeploy.analysis.summary import Summary

__all__ = ["NOTHING", "Code", "Heap"]

NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Code:
    """A function or class of the notebook: the names that it reads when it is called, and what a call does."""

    late: frozenset[str]
    summary: Summary


class Heap:
    """Objects are numbers.

    `code` tells which are functions; `used_up` are those that change when they are only used (iterators, generators of random
    numbers), `flat` arrays and frames, whose copies share nothing with them; `draws` tells which draw from process-wide
    streams of random numbers when they are put to work, `settled` of which that is all that is to be known.
    """

    def __init__(self) -> None:
        self.code: dict[int, Code] = {}
        self.used_up: set[int] = set()
        self.flat: set[int] = set()
        self.draws: dict[int, frozenset[str]] = {}
        self.settled: set[int] = set()
        self._history: dict[str, list[tuple[int, frozenset[int]]]] = {}
        self._held: dict[int, dict[int, int]] = {}  # object -> what it may hold, and since which statement
        self._names: dict[int, set[str]] = {}

    # asking -----------------------------------------------------------------------------------------------------------

    def points_to(self, name: str, before: int) -> frozenset[int]:
        """Return the objects that a name may be."""
        history = self._history.get(name)
        if not history:
            return NOTHING
        position = len(history) if history[-1][0] < before else bisect_left(history, (before,))
        return history[position - 1][1] if position else NOTHING

    def reach(self, objects: Iterable[int], before: int) -> frozenset[int]:
        """Return the objects, and those that they hold, directly or not."""
        found = set(objects)
        waiting = [each for each in found if each in self._held]
        while waiting:
            for each, since in self._held.get(waiting.pop(), {}).items():
                if each not in found and since < before:
                    found.add(each)
                    waiting.append(each)
        return frozenset(found)

    def reached(self, names: Iterable[str], before: int) -> frozenset[int]:
        """Return all objects that names lead to."""
        return self.reach([each for name in names for each in self.points_to(name, before)], before)

    def functions_of(self, names: Iterable[str], before: int) -> list[Code]:
        """Return the functions that the names themselves are: not those that objects hold, nor classes."""
        objects = frozenset(each for name in names for each in self.points_to(name, before))
        return [self.code[each] for each in objects & self.code.keys() if not self.code[each].summary.methods]

    def code_behind(self, names: Iterable[str], before: int) -> list[Code]:
        """Return the functions that what the names hold may call, and those that these may call in turn."""
        found: dict[int, Code] = {}
        seen: set[str] = set()
        waiting = list(names) if self.code else []
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for each in self.reached([name], before):
                if each in self.code and each not in found:
                    found[each] = self.code[each]
                    waiting += found[each].late
        return list(found.values())

    def names_of(self, objects: Iterable[int]) -> frozenset[str]:
        """Return the names that lead to one of the objects at some moment."""
        return frozenset(name for each in objects for name in self._names.get(each, ()))

    # writing down -----------------------------------------------------------------------------------------------------

    def new(self, name: str = "") -> int:
        """Return a new object, made for a name."""
        made = len(self._names) + 1
        self._names[made] = {name} if name else set()
        return made

    def know(self, name: str) -> None:
        """Give a name that nothing has bound an object, which statements may change."""
        if name not in self._history and not is_pseudo(name) and name not in BUILTINS:
            self._history[name] = [(-1, frozenset({self.new(name)}))]

    def bind(self, name: str, objects: Iterable[int], now: int) -> None:
        """Let a name be one of the objects once the statement `now` has run."""
        held = frozenset(objects)
        self._history.setdefault(name, []).append((now, held))
        self._name(name, held, now)

    def hold(self, holder: int, objects: Iterable[int], now: int) -> bool:
        """Let an object hold others from the statement `now` on; tell whether that is new."""
        held = self._held.setdefault(holder, {})
        new = [each for each in objects if each not in held and each != holder]
        held |= dict.fromkeys(new, now)
        for name in self._names[holder] if new else ():
            self._name(name, new, now)
        return bool(new)

    def _name(self, name: str, objects: Iterable[int], now: int) -> None:
        for each in self.reach(objects, now + 1):
            self._names[each].add(name)
