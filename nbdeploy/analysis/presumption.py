"""What a deploy would probably serve, told before anything has run.

A deploy infers input, output and bindings from the recorded run (`inference.py`). Without a run only the text speaks: what is
presumed here is shown to people as a presumption ("if the input is `df`"), and nothing is deployed on the strength of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nbdeploy.analysis.binding_time import Cut, Source
from nbdeploy.analysis.focusing import focused
from nbdeploy.analysis.likely_answer import Answer, likely_answer
from nbdeploy.analysis.likely_input import Candidates, cut_reaching
from nbdeploy.analysis.program import Program
from nbdeploy.analysis.row_parts import likely_bindings
from nbdeploy.notebook.cells import Role

__all__ = ["Presumed", "Presumption", "Said", "presume", "said_in"]


@dataclass(frozen=True, slots=True)
class Said:
    """What the user settled: by an option, a role magic or the notebook's settings."""

    input: str | None = None
    output: str | None = None
    bind: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Presumed:
    """The service that the tagged cells would make, and those of the inputs that are as likely as its own.

    `settled` says that the input can be no other: the user named it, or no other data reaches the answer.
    """

    cut: Cut
    answer: Answer
    bindings: Mapping[str, str]
    rivals: tuple[Cut, ...] = ()
    settled: bool = True

    @property
    def input(self) -> str:
        return self.cut.source.name

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.source.name for each in self.rivals if each.source.name != self.input))


def said_in(program: Program, options: Said) -> Said:
    """Return what is settled; options win over role magics, and these over the notebook's settings."""
    magics: dict[str, str] = {}
    for cell in program.notebook.cells:
        magics |= cell.options
    settings = program.notebook.settings
    return Said(
        options.input or magics.get("input") or settings.input,
        options.output or magics.get("output") or settings.output,
        {**settings.bind, **options.bind},
    )


@dataclass(frozen=True)
class Presumption:
    """What is presumed of a program with these options: found out when it is asked for, and once."""

    program: Program
    options: Said = field(default_factory=Said)

    @cached_property
    def said(self) -> Said:
        return said_in(self.program, self.options)

    @cached_property
    def presumed(self) -> Presumed | None:
        return presume(self.program, self.said)


def presume(program: Program, said: Said) -> Presumed | None:
    """Return the most likely service of the tagged cells; None where there is none, or no input reaches the answer.

    Where no cell is tagged `predict`, the answer has no label: it is all that the preprocess cells make.
    """
    answer = likely_answer(program, said.output) or _prepared(program)
    if answer is None:
        return None
    bindings = {**likely_bindings(program, answer.names, answer.statement), **said.bind}
    program = focused(program, answer.names, answer.statement, bindings)
    if said.input is not None:
        return _for_input(program, said.input, answer, bindings)
    candidates = Candidates(program, answer, bindings)
    found = candidates.likeliest()
    if not found:
        return None
    bindings = {**_used(bindings, found[0]), **said.bind}
    return Presumed(found[0], answer, bindings, tuple(found[1:]), candidates.settled)


def _prepared(program: Program) -> Answer | None:
    preprocess = program.with_role(Role.PREPROCESS)
    if not preprocess or program.with_role(Role.PREDICT):
        return None
    made = (name for each in preprocess for name in each.effects.defs | each.effects.mutates)
    return Answer("", preprocess[-1], frozenset(name for name in made if name.isidentifier()))


def _used(bindings: Mapping[str, str], cut: Cut) -> dict[str, str]:
    """Return the bindings that the served statements make use of."""
    read = {name for each in cut.served for name in each.dynamic} | cut.dynamic
    return {name: made for name, made in bindings.items() if name in read and made in cut.dynamic}


def _for_input(program: Program, name: str, answer: Answer, bindings: Mapping[str, str]) -> Presumed | None:
    preprocess = program.with_role(Role.PREPROCESS)
    if not any(name in program.reads(each) | each.effects.defs for each in preprocess):
        bindings = {}  # the input is first met in the predict cells: preprocess takes no part
    made = [Source(name, each) for each in program.serving if name in each.effects.kills]
    for source in (Source(name), *made):
        cut = cut_reaching(program, source, answer, bindings)
        if cut is not None:
            return Presumed(cut, answer, bindings)
    return None
