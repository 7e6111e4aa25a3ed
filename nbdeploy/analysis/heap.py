"""Which objects the names of a notebook hold, at every moment of a run.

A name points to objects, an object may hold others, and a function is an object that reads its globals when it is called.
This is a points-to analysis by allocation site, flow-sensitive for names and only growing for what objects hold (Andersen,
"Program analysis and specialization for the C programming language", 1994, with strong updates for names). Moments are the
indices of statements: what is asked for `before` an index is what the statements up to it, exclusive, have left behind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from nbdeploy.analysis.imported import BUILTINS
from nbdeploy.analysis.pseudo_names import is_pseudo
from nbdeploy.analysis.summary import Summary

__all__ = ["NOTHING", "Behind", "Code", "Heap"]

NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Code:
    """A function or class of the notebook: the names that it reads when it is called, and what a call does."""

    late: frozenset[str]
    summary: Summary


class Behind(NamedTuple):
    """Names and objects that code can get at, and the functions among the objects: it may call them."""

    names: frozenset[str]
    objects: frozenset[int]
    code: list[Code]


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
        self._made = 0

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
            new = self._held_by(waiting.pop(), before) - found
            found |= new
            waiting += [each for each in new if each in self._held]
        return frozenset(found)

    def _held_by(self, holder: int, before: int) -> Set[int]:
        held = self._held[holder]
        if next(reversed(held.values())) < before:  # what is held longest comes first
            return held.keys()
        return {each for each, since in held.items() if since < before}

    def reached(self, names: Iterable[str], before: int) -> frozenset[int]:
        """Return all objects that names lead to."""
        return self.reach([each for name in names for each in self.points_to(name, before)], before)

    def functions_of(self, names: Iterable[str], before: int) -> list[Code]:
        """Return the functions that the names themselves are: not those that objects hold, nor classes."""
        objects = frozenset(each for name in names for each in self.points_to(name, before))
        return [self.code[each] for each in objects & self.code.keys() if not self.code[each].summary.methods]

    def behind(self, names: Iterable[str], before: int) -> Behind:
        """Return what is reached from names, through the functions that what they hold may call, and so on."""
        found = {*names}
        objects = self.reached(found, before)
        code: dict[int, Code] = {}
        while new := [each for each in objects if each in self.code and each not in code]:
            code |= {each: self.code[each] for each in new}
            late = {name for each in new for name in self.code[each].late} - found
            found |= late
            objects |= self.reached(late, before)
        return Behind(frozenset(found), objects, [*code.values()])

    def names_of(self, objects: Iterable[int]) -> frozenset[str]:
        """Return the names that lead to one of the objects at some moment."""
        leading, waiting = set(objects), [*objects]
        while waiting:
            new = [each for each in self._holders.get(waiting.pop(), ()) if each not in leading]
            leading.update(new)
            waiting += new
        return frozenset(name for each in leading for name in self._named.get(each, ()))

    @cached_property
    def _named(self) -> dict[int, set[str]]:
        """The names that each object has at some moment: asked for when all statements have been gone through."""
        found: dict[int, set[str]] = {}
        for name, history in self._history.items():
            for each in frozenset[int]().union(*(objects for _, objects in history)):
                found.setdefault(each, set()).add(name)
        return found

    @cached_property
    def _holders(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for holder, held in self._held.items():
            for each in held:
                found.setdefault(each, []).append(holder)
        return found

    # writing down -----------------------------------------------------------------------------------------------------

    def new(self) -> int:
        """Return a new object."""
        self._made += 1
        return self._made

    def know(self, names: Iterable[str]) -> None:
        """Give names that nothing has bound an object each, which statements may change."""
        for name in names:
            if name not in self._history and not is_pseudo(name) and name not in BUILTINS:
                self._history[name] = [(-1, frozenset({self.new()}))]

    def bind(self, name: str, objects: Iterable[int], now: int) -> None:
        """Let a name be one of the objects once the statement `now` has run."""
        self._history.setdefault(name, []).append((now, frozenset(objects)))

    def hold(self, holder: int, objects: Iterable[int], now: int) -> bool:
        """Let an object hold others from the statement `now` on; tell whether that is new."""
        held = self._held.get(holder, ())
        new = [each for each in objects if each not in held and each != holder]
        if new:
            self._held.setdefault(holder, {}).update(dict.fromkeys(new, now))
        return bool(new)
