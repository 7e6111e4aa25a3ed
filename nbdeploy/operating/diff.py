"""What changed between two versions of a service: what was made, what it was made of, and what it answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nbdeploy.errors import Diagnostic, GateError, UsageError
from nbdeploy.operating import changes
from nbdeploy.operating.changes import Change, FileChange
from nbdeploy.operating.spread import Distance, apart, flattened
from nbdeploy.operating.versions import Version, version_before, version_of
from nbdeploy.progress import Event, Progress, silent
from nbdeploy.proving.answers import Comparison, compared
from nbdeploy.proving.clean_process import answers_of, recorded_requests
from nbdeploy.proving.contract import request_bodies

__all__ = ["Asked", "Difference", "diff"]

UNKNOWN = Distance(1.0, float("inf"), float("inf"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What one version answers to the rows that the other one was proven on.

    `rows` are those rows, `differ` those with another answer (`first` tells the first), `refused` those that got none (`why`).
    `distance` is between both versions' answers, None where they are not of one form.
    """

    version: str
    rows_of: str
    rows: int
    differ: int = 0
    refused: int = 0
    largest: float = 0.0
    first: str = ""
    why: str = ""
    distance: Distance | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "rows_of": self.rows_of,
            "rows": self.rows,
            "differ": self.differ,
            "refused": self.refused,
            "largest_difference": self.largest,
            "first": self.first,
            "why": self.why,
            **(self.distance.as_json() if self.distance else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All that differs between the versions `before` and `after`; an empty part is the same in both."""

    name: str
    before: str
    after: str
    code: tuple[FileChange, ...]
    constants: tuple[Change, ...]
    artifacts: tuple[Change, ...]
    environment: tuple[Change, ...]
    form: tuple[Change, ...]
    data: tuple[Change, ...]
    metrics: tuple[Change, ...]
    figures: tuple[Change, ...]
    answers: tuple[Asked, ...] = ()

    def as_json(self) -> dict[str, Any]:
        parts = ("code", "constants", "artifacts", "environment", "form", "data", "metrics", "figures", "answers")
        told = {part: [each.as_json() for each in getattr(self, part)] for part in parts}
        return {"ok": True, "name": self.name, "before": self.before, "after": self.after, **told}


def diff(
    name: str, before: str | None = None, after: str | None = None, *, ask: bool = True, progress: Progress = silent
) -> Difference:
    """Compare two versions of a service; by default the newest with the one before it.

    With `ask`, each package answers the rows that the other was proven on, in a clean process. Raises UsageError: NBD603 where
    there is no such version, NBD750 where its package is gone, NBD751 where there is no other one.
    """
    two = version_of(name, after)
    one = version_of(name, before or _before(two))
    return Difference(
        name=name,
        before=one.number,
        after=two.number,
        code=changes.code(one, two),
        constants=changes.constants(one, two),
        artifacts=changes.artifacts(one, two),
        environment=changes.environment(one, two),
        form=changes.form(one, two),
        data=changes.data(one, two),
        metrics=changes.metrics(one, two),
        figures=changes.figures(one, two),
        answers=_answers(one, two, progress) if ask else (),
    )


def _before(version: Version) -> str:
    found = version_before(version.name, version.number)
    if found is None:
        message = f"{version.name} {version.number} is the first version: there is none to compare it with"
        fix = f"name two versions: `nbdeploy diff {version.name} 1 2`; `nbdeploy list` shows what there is"
        raise UsageError(Diagnostic(code="NBD751", message=message, fix=fix))
    return found


def _answers(one: Version, two: Version, progress: Progress) -> tuple[Asked, ...]:
    progress(Event("diff", "start", f"asking {one.name} {one.number} and {two.number}"))
    with ThreadPoolExecutor(2) as both:  # each waits for processes of its own
        found = tuple(both.map(_asked, (one, two), (two, one)))
    progress(Event("diff", "done"))
    return found


def _asked(asked: Version, proven: Version) -> Asked:
    """Ask a version the rows that another was proven on: all that its package carries, else the contract's examples."""
    rows_of = proven.number
    try:
        requests = recorded_requests(proven.folder, proven.contract.module)
        bodies, wanted = request_bodies(proven.contract.input, requests)
        rows = sum(len(each) for each in wanted) if proven.contract.by_row else 1
        answers = answers_of(asked.folder, asked.contract, bodies)
    except (GateError, LookupError) as problem:
        return Asked(asked.number, rows_of, 0, why=str(problem))
    given = [(got["predictions"], want) for got, want in zip(answers, wanted, strict=True) if "predictions" in got]
    seen = Comparison(tolerance=proven.contract.tolerance)
    for got, want in given:
        seen = compared(seen, got, want)
    answered = sum(len(want) if proven.contract.by_row else 1 for _, want in given)
    distance = apart(*(flattened([pair[side] for pair in given]) for side in (0, 1)))
    return Asked(
        version=asked.number,
        rows_of=rows_of,
        rows=rows,
        differ=seen.mismatches,
        refused=rows - answered,
        largest=seen.largest,
        first=seen.first,
        why=next((each["error"] for each in answers if "error" in each), ""),
        distance=distance if given and distance != UNKNOWN else None,
    )
