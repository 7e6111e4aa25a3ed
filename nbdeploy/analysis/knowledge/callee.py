"""What is known of what a call calls, looked up once for all calls of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from nbdeploy.analysis.knowledge.known import Condition, Knowledge, names_origin
from nbdeploy.analysis.pseudo_names import random_stream

__all__ = ["Callee", "callee_of"]

_NONE: frozenset[str] = frozenset()
# What makes an object that changes when it is only read, besides iterators.
_GENERATORS = frozenset(
    {"collections.defaultdict", "numpy.random.Generator", "numpy.random.RandomState", "numpy.random.default_rng",
     "random.Random", "torch.Generator"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """A library's function, by its path, or any method of a name; both None for the notebook's own functions.

    `calm` ones change neither their receiver nor their arguments. `answer` tells how what is answered goes with the
    receiver and the arguments; None: in any way. `iterates`: the answer changes when it is only used.
    """

    origin: str | None
    method: str | None
    calm: bool
    answer: Literal["fresh", "shallow", "view"] | None = None
    iterates: bool = False
    shows: bool = False
    reads_files: bool = False
    writes_files: bool = False
    sets: bool = False  # a method that changes what it is of, were it no function: `sys.path.append`

    # of functions
    makes_object: bool = False  # a class: making an object of it changes nothing that it is made of
    changes_first: bool = False  # its first argument
    changes_state: bool = False  # options, the environment
    out_position: int | None = None
    settled: bool = False  # it is known which streams of random numbers it draws from
    seeds: frozenset[str] = _NONE

    # of methods
    trains: bool = False
    switches: bool = False
    changes_receiver: bool = False
    changes_arguments: bool = False
    delegates: bool = False
    works: bool = False  # the receiver may draw random numbers, or be used up

    # streams of random numbers
    draws: frozenset[str] = _NONE
    draws_bare: frozenset[str] = _NONE  # without arguments
    draws_if: Mapping[str, tuple[Condition, ...]] = field(default_factory=dict)
    streams: frozenset[str] = _NONE  # that a method of this name may draw from, whatever object it is of

    @property
    def touches(self) -> bool:
        """Tell whether it may do something to files or streams."""
        return bool(
            self.reads_files or self.writes_files or self.seeds or self.draws or self.draws_bare or self.draws_if
        )


@lru_cache(maxsize=8192)
def callee_of(known: Knowledge, origin: str | None, method: str | None) -> Callee:
    if origin is not None:
        return _function(known, origin, method)
    return _method(known, method) if method is not None else Callee(origin=None, method=None, calm=False)


def _function(known: Knowledge, origin: str, method: str | None) -> Callee:
    makes_object = origin.rpartition(".")[2][:1].isupper()
    conditions = known.draw_conditions(origin)
    moved, bare = known.streams_moved(origin), known.streams_drawn_bare(origin)
    delegates = names_origin(known.delegating, origin)
    return Callee(
        origin=origin,
        method=method,
        calm=known.changes_no_argument(origin) or makes_object,
        answer=known.answer_of(origin),
        iterates=origin in _GENERATORS or names_origin(known.iterator_functions, origin),
        shows=origin == "builtins.display" or names_origin(known.show_functions, origin),
        reads_files=names_origin(known.file_readers, origin) or origin == "builtins.open",
        writes_files=names_origin(known.file_writers, origin) or origin in {"builtins.open", "builtins.print"},
        sets=method in known.changing_methods,
        makes_object=makes_object,
        changes_first=names_origin(known.changing_functions, origin),
        changes_state=names_origin(known.state_functions, origin),
        out_position=known.out_position(origin),
        settled=known.never_draws(origin) or bool(moved) or delegates,
        seeds=_named(known.streams_seeded(origin)),
        draws=_named(moved - conditions.keys() - bare),
        draws_bare=_named(bare),
        draws_if={random_stream(stream): entries for stream, entries in conditions.items()},
    )


def _method(known: Knowledge, method: str) -> Callee:
    fresh, shallow = method in known.fresh_methods, method in known.shallow_methods
    view, trains = method in known.view_methods, method in known.training_methods
    streams = _named(stream for stream, names in known.draw_methods.items() if method in names)
    iterates = method in known.iterator_methods
    changing = method in known.changing_methods and (trains or method not in known.two_faced_methods)
    return Callee(
        origin=None,
        method=method,
        calm=fresh or shallow or view,
        answer="fresh" if fresh or method in known.fresh_answer_methods else "shallow" if shallow else None,
        iterates=iterates and not fresh,
        shows=method in known.show_methods,
        reads_files=method in known.file_reading_methods or method.startswith("read_"),
        writes_files=method in known.file_writing_methods,
        trains=trains,
        switches=method in known.switching_methods,
        changes_receiver=(method[-1] == "_" and method[0] != "_") or changing,
        changes_arguments=method in known.argument_changing_methods,
        delegates=method in known.delegating_methods,
        works=iterates or bool(streams),
        draws=_NONE if trains or fresh else streams,
        streams=streams,
    )


def _named(streams: Iterable[str]) -> frozenset[str]:
    return frozenset(random_stream(each) for each in streams)
