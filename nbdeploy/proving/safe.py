"""The gate `safe`: no secret in what is emitted, no artifact that builds what nobody trusts, every requirement pinned.

What is judged was gathered before: by `secret_scan.py`, `audit.py`, the lock, and `advisories.py` where it was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, Severity
from nbdeploy.proving.audit import runs_code
from nbdeploy.proving.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from nbdeploy.packaging.environment import Lock
    from nbdeploy.proving.advisories import Advisories
    from nbdeploy.proving.audit import Audited
    from nbdeploy.proving.secret_scan import Place, Secret

__all__ = ["Gathered", "safe"]

SHOWN = 4
LET_PASS = "`--allow safe` deploys in spite of it"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the gate judges.

    `pickles` are the files that may be pickles by name, `carried` the user's own modules that travel as source,
    `pickled_rows` the recorded values in `tests/data` that no other format carries, `importers` the cell and line that import
    a requirement, by its pin.
    """

    secrets: tuple[Secret, ...]
    artifacts: tuple[Audited, ...]
    lock: Lock
    advisories: Advisories
    pickles: frozenset[str] = frozenset()
    carried: tuple[str, ...] = ()
    pickled_rows: tuple[str, ...] = ()
    importers: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def safe(seen: Gathered) -> Verdict:
    """Judge what was gathered. Warnings do not fail the gate; they come with the verdict."""
    found = (*_secrets(seen), *_artifacts(seen), *_requirements(seen), *_vulnerabilities(seen))
    errors = tuple(each for each in found if each.severity is Severity.ERROR)
    if errors:
        return Verdict("safe", Outcome.FAIL, "; ".join(each.message for each in errors), _figures(seen), found)
    return Verdict("safe", Outcome.PASS, _reason(seen), _figures(seen), found)


def _secrets(seen: Gathered) -> Iterator[Diagnostic]:
    for each in seen.secrets:
        first = each.places[0]
        by_file = {place.file: place for place in reversed(each.places)}  # the first of each file
        told = _listed(tuple(str(by_file[file]) for file in dict.fromkeys(place.file for place in each.places)))
        yield Diagnostic(
            code="NBD560",
            message=f"{each.what} ({each.shown}) would be handed over in {told}",
            fix=f"{_way_out(first)}, and revoke this one: it is in the file's history; {LET_PASS}",
            cell=first.cell,
            line=first.line if first.cell is not None else None,
        )


def _way_out(place: Place) -> str:
    if place.part == "output":
        return "do not print it: clear the cell's output"
    if place.file.startswith("the recorded"):
        return "leave the column out of the data that the notebook predicts"
    return "read it from the environment (os.environ[...])"


def _artifacts(seen: Gathered) -> Iterator[Diagnostic]:
    for each in seen.artifacts:
        if not each.intact:
            message = f"artifacts/{each.file} is not the file that was recorded: its sha256 is not the manifest's"
            yield Diagnostic(code="NBD561", message=message, fix="deploy again")
        elif each.format == "pickle" and each.file not in seen.pickles:
            message = f"{each.name} is a pickle, which runs what is in it when it is read, and nobody allowed that"
            yield Diagnostic(
                code="NBD562", message=message, fix=f"if you trust this notebook: --allow pickle:{each.name}"
            )
        yield from _types(each)


def _types(each: Audited) -> Iterator[Diagnostic]:
    if each.untrusted:
        message = (
            f"artifacts/{each.file} wants {_listed(each.untrusted)} built, which the manifest does not trust by name"
        )
        yield Diagnostic(code="NBD561", message=message, fix=f"deploy again; {LET_PASS}")
    running = tuple(name for name in each.trusted if runs_code(name))
    if running:
        message = f"artifacts/{each.file} holds {_listed(running)}, which runs code or programs when it is read"
        fix = f"keep only data in {each.name}, and call such functions in the predict cell; {LET_PASS}"
        yield Diagnostic(code="NBD561", message=message, fix=fix)


def _requirements(seen: Gathered) -> Iterator[Diagnostic]:
    lock = seen.lock
    for pin in lock.built:
        cell, line = seen.importers.get(pin, (None, None))
        name, _, version = pin.partition("==")
        yield Diagnostic(
            code="NBD563",
            message=f"{pin} was built from a folder or a repository: no index gives it to anybody else, and it has no hash",
            fix=f"publish {name} {version} to an index and install it from there, install it with `pip install -e` so that"
            f" its source travels along, or put the module beside the notebook; {LET_PASS}",
            cell=cell,
            line=line,
        )
    if not lock.hashed and not lock.built:
        yield Diagnostic(
            code="NBD564",
            severity=Severity.WARNING,
            message=f"the {len(lock.pins)} requirements are pinned by version, not by hash: {lock.reason}",
            fix="deploy where the package index can be reached; what was looked up once is remembered",
        )


def _vulnerabilities(seen: Gathered) -> Iterator[Diagnostic]:
    asked = seen.advisories
    severity = Severity.ERROR if asked.strict else Severity.WARNING
    for each in asked.found:
        cell, line = seen.importers.get(each.pin, (None, None))
        fixed = (
            f"upgrade it to {each.fixed} or later" if each.fixed else "no fixed version is known: look for another way"
        )
        yield Diagnostic(
            code="NBD565",
            severity=severity,
            message=f"{each.pin} has the known vulnerability {each.id}{f': {each.summary}' if each.summary else ''}",
            fix=f"{fixed}, and deploy again (https://osv.dev/vulnerability/{each.id})",
            cell=cell,
            line=line,
        )
    if asked.strict and asked.skipped:
        message = f"the known vulnerabilities could not be looked up: {asked.skipped}"
        fix = "deploy where the advisories can be reached, or without `--audit fail`"
        yield Diagnostic(code="NBD566", message=message, fix=fix)


def _figures(seen: Gathered) -> dict[str, Any]:
    lock, asked = seen.lock, seen.advisories
    return {
        "secrets": len(seen.secrets),
        "artifacts": {
            each.name: {"format": each.format, "trusted": list(each.trusted), "intact": each.intact}
            for each in seen.artifacts
        },
        "pickled_rows": list(seen.pickled_rows),
        "requirements": len(lock.pins),
        "hashed": len(lock.pins) if lock.hashed else 0,
        "unhashed_because": lock.reason,
        "carried_modules": list(seen.carried),
        "vulnerabilities": f"skipped: {asked.skipped}" if asked.skipped else [each.as_json() for each in asked.found],
    }


def _reason(seen: Gathered) -> str:
    trusted = tuple(sorted({name for each in seen.artifacts for name in each.trusted}))
    pickles = [each.name for each in seen.artifacts if each.format == "pickle"]
    lock, asked = seen.lock, seen.advisories
    trust = f"trusted by name: {_listed(trusted)}" if trusted else "no type has to be trusted"
    parts = ["no secret in what is emitted", f"{len(seen.artifacts)} artifacts audited, {trust}"]
    if pickles:
        parts.append(f"pickled by name: {', '.join(pickles)}")
    if seen.pickled_rows:
        parts.append(f"rows that only the package's tests read are pickles: {_listed(seen.pickled_rows)}")
    hashes = "with their hashes" if lock.hashed else f"without hashes ({lock.reason})"
    parts.append(f"{len(lock.pins)} requirements pinned {hashes}")
    if seen.carried:
        parts.append(f"own modules that travel as source: {_listed(seen.carried)}")
    if asked.skipped:
        parts.append(f"vulnerabilities not looked up ({asked.skipped})")
    else:
        parts.append(f"{len(asked.found) or 'no'} known vulnerabilities")
    return "; ".join(parts)


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
