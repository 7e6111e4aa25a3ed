"""The gate `better`: the new version and the champion on the same held-out rows, over all of them and by segments."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbdeploy.errors import Diagnostic
from nbdeploy.packaging.installed import installed
from nbdeploy.proving.locked import absent_modules
from nbdeploy.proving.process_environment import process_environment
from nbdeploy.proving.verdict import Outcome, Verdict
from nbdeploy.recording.recording import Recording

__all__ = ["Champion", "Told", "Wish", "better", "judged"]

SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Champion:
    """The version to beat: its number, how it was chosen (in words), and its package; `problem` where that is not here."""

    version: str
    chosen: str
    package: Path | None
    problem: str = ""

    @property
    def told(self) -> str:
        return f"version {self.version} ({self.chosen})"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the comparison is asked to look at: columns of the input, and by how much the metric may be worse."""

    segments: tuple[str, ...] = ()
    margin: float = 0.0


def better(folder: Path, recording: Recording, champion: Champion | None, wish: Wish) -> Verdict:
    """Compare the package in `folder` with the champion's; skipped where there is nothing to compare, with the reason."""
    if champion is None:
        return _skipped("no version before")
    if recording.measure is None:
        return _skipped(f"not compared with {champion.told}: {recording.unmeasured}")
    contract = _contract(champion.package) if champion.package else None
    if contract is None:
        return _skipped(f"not compared: {champion.problem or f'the package of {champion.told} is not on this machine'}")
    own = _contract(folder) or {}
    if contract["input"]["kind"] != own["input"]["kind"]:
        forms = f"it takes a {contract['input']['kind']}, these rows are a {own['input']['kind']}"
        return _skipped(f"not compared with {champion.told}: {forms}")
    assert champion.package is not None
    report = _asked(folder, champion.package, contract, recording, wish)
    if lacking := report.get("lacking"):
        return _skipped(f"not compared: {champion.told} needs columns that these rows have not: {', '.join(lacking)}")
    if problem := report.get("problem"):
        return _skipped(f"not compared with {champion.told}: {problem}")
    measure = recording.measure.measure
    told = Told(measure.name, measure.greater_is_better, champion, _same_rows(own, contract), wish)
    return judged(report, told)


def _skipped(reason: str) -> Verdict:
    return Verdict("better", Outcome.SKIP, reason)


def _contract(package: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((package / "contract.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found.get("input"), dict) and "module" in found else None


def _same_rows(own: Mapping[str, Any], other: Mapping[str, Any]) -> bool | None:
    """Tell whether both versions were measured on the same rows; None where the other does not say."""
    mine, theirs = ((each.get("labels") or {}).get("rows_sha256") for each in (own, other))
    return None if theirs is None else mine == theirs


def _asked(
    folder: Path, champion: Path, contract: Mapping[str, Any], recording: Recording, wish: Wish
) -> dict[str, Any]:
    from nbdeploy.proving import better_process, probe

    assert recording.measure is not None
    measure = recording.measure.measure
    columns = contract["input"].get("columns", ())
    job = {
        "tests": str(folder / "tests"),
        "champion": str(champion),
        "module": contract["module"],
        "columns": [each["name"] for each in columns if each.get("required", True)],
        "known": [each["name"] for each in columns],
        "absent": sorted(absent_modules(champion / "requirements.lock", installed()) - {contract["module"]}),
        "probe": probe.__file__,
        "root": str(Path(better_process.__file__).resolve().parents[2]),
        "name": measure.name,
        "function": measure.function,
        "labels_at": measure.labels_at,
        "greater": measure.greater_is_better,
        "segments": list(wish.segments),
        "margin": wish.margin,
    }
    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as scratch:
        asked, report = Path(scratch, "job.json"), Path(scratch, "report.json")
        asked.write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-I", "-X", "utf8", "-W", "ignore", better_process.__file__, str(asked), str(report)]
        try:
            done = subprocess.run(
                command, cwd=champion, env=process_environment(), capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return {"problem": f"the comparison took more than {SECONDS:.0f} seconds"}
        if not report.exists():
            return {"problem": f"its package brought the process down (status {done.returncode})"}
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


# judging ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What the words of a verdict need besides the figures."""

    metric: str
    greater: bool
    champion: Champion
    same_rows: bool | None
    wish: Wish

    def figures(self, found: Mapping[str, Any]) -> str:
        """Return `accuracy_score 0.91 against 0.93, difference -0.02 (95 % interval -0.03 to -0.01)`."""
        pair = f"{self.metric} {found['candidate']:.4g} against {found['champion']:.4g}"
        pair += "" if self.greater else " (smaller is better)"
        if found["problem"]:
            return f"{pair} ({found['problem']})"
        raw = self.raw(found)
        interval = f"{100 * found['level']:.4g} % interval {raw['low']:+.3g} to {raw['high']:+.3g}"
        return f"{pair}, difference {raw['difference']:+.3g} ({interval})"

    def segment(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Return the figures of a segment: `level` is what Holm's procedure gave its interval."""
        kept = {key: found[key] for key in ("rows", "candidate", "champion", "level")}
        return {**kept, **self.raw(found), **({"problem": found["problem"]} if found["problem"] else {})}

    def raw(self, found: Mapping[str, Any]) -> dict[str, float]:
        """Return candidate minus champion and its interval, in the metric's own direction."""
        if self.greater:
            return {key: found[key] for key in ("difference", "low", "high")}
        return {"difference": -found["difference"], "low": -found["high"], "high": -found["low"]}


def judged(report: Mapping[str, Any], told: Told) -> Verdict:
    """Judge what the process saw: fail where the whole interval says worse, over all rows or in a segment."""
    overall, margin = report["overall"], told.wish.margin
    diagnostics = tuple(_faults(report, told))
    figures = _plain(
        {
            "metric": told.metric,
            "champion_version": told.champion.version,
            "candidate": report["candidate"],
            "champion": report["champion"],
            "greater_is_better": told.greater,
            **told.raw(overall),
            "resamples": overall["resamples"],
            "rows": report["rows"],
            "compared_rows": report["compared"],
            "same_held_out_rows": told.same_rows,
            "margin": margin,
            "halves": report["halves"],
            "segments": {name: told.segment(each) for name, each in report["segments"].items()},
            "segments_not_judged": report["small"],
        }
    )
    if diagnostics:
        return Verdict("better", Outcome.FAIL, diagnostics[0].message, figures, diagnostics)
    if overall["problem"]:
        return Verdict("better", Outcome.SKIP, f"not compared with {told.champion.told}: {overall['problem']}", figures)
    return Verdict("better", Outcome.PASS, "; ".join(_sentences(report, told)), figures)


def _faults(report: Mapping[str, Any], told: Told) -> Iterator[Diagnostic]:
    margin = told.wish.margin
    than = f"worse than {told.champion.told}" + (f" by more than {margin:g}" if margin else "")
    accept = "`--margin NUMBER` accepts a difference, `--allow better` deploys in spite of it"
    if _worse(report["overall"], margin):
        yield Diagnostic(
            code="NBD580",
            message=f"{than} on {report['rows']} held-out rows: {told.figures(report['overall'])}{_caution(told)}",
            fix=f"keep the champion, or find out what the change cost (`nbdeploy show NAME` has the figures); {accept}",
        )
    for name, found in report["segments"].items():
        if _worse(found, margin):
            yield Diagnostic(
                code="NBD581",
                message=f"{than} where {name} ({found['rows']} rows): {told.figures(found)}; over all rows:"
                f" {told.figures(report['overall'])}{_caution(told)}",
                fix=f"look at these rows: fewer of them to train on, or a feature that tells them apart is gone; {accept}",
            )


def _worse(found: Mapping[str, Any], margin: float) -> bool:
    return not found["problem"] and found["high"] < -margin


def _sentences(report: Mapping[str, Any], told: Told) -> Iterator[str]:
    overall, split, segments = report["overall"], report["halves"], report["segments"]
    sure = "better than" if overall["low"] > 0 else "no difference seen from"
    if overall["high"] < 0:
        sure = f"worse by less than {told.wish.margin:g} than"
    yield f"{sure} {told.champion.told}: {told.figures(overall)}, {report['rows']} held-out rows"
    if split["unstable"]:
        yield f"unstable: better on {split['won']} and worse on {split['lost']} of {split['tried']} random halves of the rows"
    judged = [name for name, each in segments.items() if not each["problem"]]
    if judged:
        yield f"in none of {len(judged)} segments worse"
    unjudged = [*report["small"], *(name for name in segments if name not in judged)]
    if unjudged:
        shown = ", ".join(unjudged[:5]) + (f" and {len(unjudged) - 5} more" if len(unjudged) > 5 else "")
        yield f"not judged, too few rows or classes: {shown}"
    if caution := _caution(told):
        yield caution.removeprefix("; ")


def _caution(told: Told) -> str:
    """Say it where the champion may have seen these rows in training."""
    if told.same_rows:
        return ""
    which = "names other held-out rows" if told.same_rows is False else "does not say which rows it held out"
    return f"; the champion {which}, and may have been trained on some of these: the comparison may favour it"


def _plain(value: Any) -> Any:
    """Return figures as JSON has them: no NaN, no infinity."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
