"""Diagnostics found in the text of a notebook, without running it: small files by theme, each rule a generator.

A rule takes what it looks at and yields diagnostics. It must not raise on any program, and it would rather be silent than
wrong: an error is said only where a deploy, or a run from the top, certainly fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nbdeploy.analysis.presumption import Presumption
from nbdeploy.analysis.program import Program
from nbdeploy.analysis.rules.asserting import empty_tests
from nbdeploy.analysis.rules.hidden_state import unbound_names
from nbdeploy.analysis.rules.labels import label_among_features, label_served
from nbdeploy.analysis.rules.namespace import code_in_texts, kept_defaults, patched_libraries, rebound_names
from nbdeploy.analysis.rules.randomness import unseeded_draws
from nbdeploy.analysis.rules.requests import Requests
from nbdeploy.analysis.rules.secret_texts import secrets
from nbdeploy.analysis.rules.served_code import clocks_and_draws, left_behind, preprocess_unused, troubles
from nbdeploy.analysis.rules.skew import lost_rows, request_aggregates, row_order
from nbdeploy.analysis.rules.surroundings import (
    absolute_paths,
    foreign_code,
    imports_of_no_package,
    outside_calls,
    prompts,
    star_imports,
)
from nbdeploy.analysis.rules.survey import Survey
from nbdeploy.errors import Diagnostic

__all__ = ["RULES", "SERVING_RULES", "findings"]

RULES: tuple[Callable[[Survey], Iterator[Diagnostic]], ...] = (
    absolute_paths,
    code_in_texts,
    empty_tests,
    foreign_code,
    imports_of_no_package,
    kept_defaults,
    label_among_features,
    left_behind,
    outside_calls,
    patched_libraries,
    prompts,
    rebound_names,
    secrets,
    star_imports,
    unbound_names,
    unseeded_draws,
)
SERVING_RULES: tuple[Callable[[Survey, Requests], Iterator[Diagnostic]], ...] = (
    clocks_and_draws,
    label_served,
    lost_rows,
    preprocess_unused,
    request_aggregates,
    row_order,
    troubles,
)


def findings(program: Program, presumption: Presumption | None = None) -> tuple[Diagnostic, ...]:
    """Return what the rules find in a program, by cell, line and code; the notebook is not run.

    `presumption` is what is presumed of it, where the user said something or somebody else asks, too.
    """
    survey = Survey.of(program)
    requests = Requests(survey, presumption or Presumption(program))
    found: dict[tuple[str, int | None, int | None, str], Diagnostic] = {}
    for each in _all(survey, requests):
        found.setdefault(_key(each), each)
    drawn = {(each.cell, each.line) for each in found.values() if each.code == "NBD123"}  # says more than NBD110
    kept = (each for each in found.values() if each.code != "NBD110" or (each.cell, each.line) not in drawn)
    return tuple(sorted(kept, key=_place))


def _all(survey: Survey, requests: Requests) -> Iterator[Diagnostic]:
    for rule in RULES:
        yield from _held(rule(survey))
    for each in SERVING_RULES:
        yield from _held(each(survey, requests))


def _held(rule: Iterator[Diagnostic]) -> Iterator[Diagnostic]:
    """What a rule finds; an expression that is nested too deeply for it keeps it silent."""
    try:
        yield from rule
    except RecursionError:
        return


def _key(finding: Diagnostic) -> tuple[str, int | None, int | None, str]:
    """Two inputs may lead to one finding: it is told once, for the first of them."""
    return finding.code, finding.cell, finding.line, finding.message.partition(", if ")[0].partition(" (if ")[0]


def _place(finding: Diagnostic) -> tuple[int, int, str]:
    return (-1 if finding.cell is None else finding.cell), finding.line or 0, finding.code
