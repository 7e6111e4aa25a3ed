"""What is known of the libraries that a notebook imports, put together.

Nobody knows the type of a receiver before the notebook has run, so a method is looked up by its name alone, over all
libraries at hand. Where two of them disagree the safe one wins: a name that changes its receiver in any of them is not
`fresh`, nor is one that answers a view in any of them. Functions are looked up by their whole
path (`numpy.random.shuffle`), so that there is nothing to disagree about.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from nbdeploy.analysis.knowledge.library import BY_STREAM_FIELDS, Library, library, library_names

__all__ = ["Condition", "Knowledge", "knowledge_of", "names_origin"]

_PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Condition:
    """A keyword, and the texts of the values with which a function draws; no value: with any but False and None."""

    keyword: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Knowledge:
    """What methods and functions do; what is in no set may do anything. `docs/knowledge.md` explains each field.

    Methods are bare names, functions paths from an import root: ask with `names_origin`.
    """

    roots: frozenset[str] = frozenset()

    training_methods: frozenset[str] = frozenset()
    changing_methods: frozenset[str] = frozenset()
    switching_methods: frozenset[str] = frozenset()
    argument_changing_methods: frozenset[str] = frozenset()
    fresh_methods: frozenset[str] = frozenset()
    fresh_answer_methods: frozenset[str] = frozenset()
    shallow_methods: frozenset[str] = frozenset()
    view_methods: frozenset[str] = frozenset()
    delegating_methods: frozenset[str] = frozenset()
    iterator_methods: frozenset[str] = frozenset()
    show_methods: frozenset[str] = frozenset()
    two_faced_methods: frozenset[str] = frozenset()
    file_reading_methods: frozenset[str] = frozenset()
    file_writing_methods: frozenset[str] = frozenset()
    row_losing_methods: frozenset[str] = frozenset()
    row_order_methods: frozenset[str] = frozenset()
    whole_column_methods: frozenset[str] = frozenset()

    changing_functions: frozenset[str] = frozenset()
    delegating: frozenset[str] = frozenset()
    fresh_functions: frozenset[str] = frozenset()
    shallow_functions: frozenset[str] = frozenset()
    view_functions: frozenset[str] = frozenset()
    iterator_functions: frozenset[str] = frozenset()
    show_functions: frozenset[str] = frozenset()
    state_functions: frozenset[str] = frozenset()
    clock_functions: frozenset[str] = frozenset()
    file_readers: frozenset[str] = frozenset()
    file_writers: frozenset[str] = frozenset()
    interactive: frozenset[str] = frozenset()
    network: frozenset[str] = frozenset()
    shell: frozenset[str] = frozenset()
    swallowing: frozenset[str] = frozenset()
    row_order_functions: frozenset[str] = frozenset()
    whole_column_functions: frozenset[str] = frozenset()

    show_modules: frozenset[str] = frozenset()
    operators_hold: frozenset[str] = frozenset()
    copy_keywords: frozenset[str] = frozenset()
    in_place_keywords: frozenset[str] = frozenset()
    generator_keywords: frozenset[str] = frozenset()

    complete: Mapping[str, frozenset[str]]
    out_positions: Mapping[str, int]
    seeds: Mapping[str, frozenset[str]]
    draws: Mapping[str, frozenset[str]]
    draws_bare: Mapping[str, frozenset[str]]
    draws_rarely: Mapping[str, frozenset[str]]
    draws_if: Mapping[str, Mapping[str, tuple[Condition, ...]]]
    advances: Mapping[str, frozenset[str]]
    draw_methods: Mapping[str, frozenset[str]]

    def changes_no_argument(self, origin: str) -> bool:
        """Tell whether this function of a library is known to change none of its arguments, iterators and `out` apart."""
        if names_origin(self.changing_functions, origin) or origin.endswith(
            "_"
        ):  # torch's mark: `init.normal_(weight)`
            return False
        return self.answer_of(origin) is not None or self._is_complete("changing_functions", origin)

    def answer_of(self, origin: str) -> Literal["fresh", "shallow", "view"] | None:
        """Return how the answer of this function or class goes with its arguments; None where it may do so in any way."""
        if names_origin(self.view_functions, origin):
            return "view"
        if names_origin(self.shallow_functions, origin):
            return "shallow"
        return "fresh" if names_origin(self.fresh_functions, origin) else None

    def out_position(self, origin: str) -> int | None:
        """Return the position of the argument that this function writes its answer into, if it is given."""
        return self.out_positions.get(origin)

    def streams_seeded(self, origin: str) -> frozenset[str]:
        """Return the random streams that a call of this function sets."""
        return _streams(self.seeds, origin)

    def streams_drawn(self, origin: str) -> frozenset[str]:
        """Return the random streams that what this function or class answers depends on, unless it is given a generator.

        Without those of `draws_if` and `draws_bare`, which depend on the call, and of `draws_rarely`, which depend on the data.
        """
        return _streams(self.draws, origin)

    def streams_drawn_bare(self, origin: str) -> frozenset[str]:
        """Return the random streams that this function or class draws from when it is called without arguments."""
        return _streams(self.draws_bare, origin)

    def draw_conditions(self, origin: str) -> Mapping[str, tuple[Condition, ...]]:
        """Return by stream the settings, any one of which makes this function or class draw."""
        found = {}
        for stream, entries in self.draws_if.items():
            if entry := next((each for each in _entries_for(origin) if each in entries), None):
                found[stream] = entries[entry]
        return found

    def streams_moved(self, origin: str) -> frozenset[str]:
        """Return the random streams that this function or class may move on, so that later draws depend on it."""
        every = (self.draws, self.draws_bare, self.draws_rarely, self.advances)
        moved = frozenset[str]().union(*(_streams(each, origin) for each in every))
        return moved | frozenset(self.draw_conditions(origin))

    def never_draws(self, origin: str) -> bool:
        """Tell whether this function or class is known to leave every random stream alone."""
        delegates = names_origin(self.delegating, origin)
        return self._is_complete("draws", origin) and not delegates and not self.streams_moved(origin)

    def _is_complete(self, field: str, origin: str) -> bool:
        """Python's own list is as long as its library: the roots are those of `sys.stdlib_module_names`."""
        roots = self.complete.get(field, frozenset())
        root = _root(origin)
        return root in roots or (_PYTHON in roots and (root == "builtins" or root in sys.stdlib_module_names))


def names_origin(entries: frozenset[str], origin: str) -> bool:
    """Tell whether one of the entries names this function: `numpy.random.*` names `numpy.random.normal`."""
    return not entries.isdisjoint(_entries_for(origin))


def knowledge_of(roots: frozenset[str]) -> Knowledge:
    """Return what is known with these import roots (`{"pandas", "sklearn"}`): of Python, of theirs and what they include."""
    return _knowledge(roots & library_names())


@lru_cache(maxsize=64)
def _knowledge(names: frozenset[str]) -> Knowledge:
    libraries = _with_included(names)
    known: dict[str, Any] = {field: frozenset[str]().union(*sets) for field, sets in _by_field(libraries).items()}
    known.pop("complete", None)
    positions = (entry.rpartition(":") for entry in known.pop("out_positions", ()))
    changing = known.get("changing_methods", frozenset()) | known.get("training_methods", frozenset())
    fresh, shallow, views = (known.get(f"{each}_methods", frozenset()) for each in ("fresh", "shallow", "view"))
    unsafe = changing | known.get("argument_changing_methods", frozenset())
    known |= {
        "changing_methods": changing,
        "fresh_methods": fresh - unsafe - views - shallow,
        "shallow_methods": shallow - unsafe - views,
        "view_methods": views - unsafe,
        "two_faced_methods": unsafe & (fresh | shallow | views),
        "fresh_answer_methods": known.get("fresh_answer_methods", frozenset()) - views,
    }
    by_stream: dict[str, Any] = {field: _by_stream(libraries, field) for field in BY_STREAM_FIELDS}
    by_stream["draws_if"] = {stream: _conditions(entries) for stream, entries in by_stream["draws_if"].items()}
    return Knowledge(
        roots=frozenset(root for each in libraries for root in each.imports),
        complete={field: _complete(libraries, field) for field in ("changing_functions", "draws")},
        out_positions={function: int(position) for function, _, position in positions},
        **by_stream,
        **known,
    )


def _complete(libraries: tuple[Library, ...], field: str) -> frozenset[str]:
    stated = (each for each in libraries if field in each.names.get("complete", ()))
    return frozenset(root for each in stated for root in each.imports or (_PYTHON,))


def _streams(by_stream: Mapping[str, frozenset[str]], origin: str) -> frozenset[str]:
    return frozenset(stream for stream, names in by_stream.items() if names_origin(names, origin))


def _with_included(names: frozenset[str]) -> tuple[Library, ...]:
    found: dict[str, Library] = {}
    waiting = [_PYTHON, *sorted(names)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = library(name)
            waiting += found[name].includes
    return tuple(found.values())


def _by_field(libraries: tuple[Library, ...]) -> dict[str, list[frozenset[str]]]:
    sets: dict[str, list[frozenset[str]]] = {}
    for each in libraries:
        for field, names in each.names.items():
            sets.setdefault(field, []).append(names)
    return sets


def _by_stream(libraries: tuple[Library, ...], field: str) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for each in libraries:
        for (title, stream), names in each.streams.items():
            if title == field:
                found[stream] = found.get(stream, frozenset()) | names
    return found


def _conditions(entries: frozenset[str]) -> dict[str, tuple[Condition, ...]]:
    found: dict[str, tuple[Condition, ...]] = {}
    for entry in sorted(entries):
        function, _, condition = entry.partition(":")
        keyword, _, values = condition.partition("=")
        found[function] = (*found.get(function, ()), Condition(keyword, frozenset(values.split(",")) - {""}))
    return found


@lru_cache(maxsize=4096)
def _entries_for(origin: str) -> tuple[str, ...]:
    """Return the entries that would name this function: itself, `sklearn.*.SVC` (wherever it is), `numpy.random.*`."""
    module, _, name = origin.rpartition(".")
    found = [origin, f"{_root(origin)}.*.{name}"]
    while module:
        found.append(f"{module}.*")
        module = module.rpartition(".")[0]
    return tuple(found)


def _root(origin: str) -> str:
    return origin.partition(".")[0]
