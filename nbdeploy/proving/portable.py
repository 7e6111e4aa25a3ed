"""The gate `portable`: which fitted models are served as ONNX, and why the others stay as they are."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, EnvironmentProblem
from nbdeploy.home import data_folder
from nbdeploy.packaging.asked import asked_of, is_model
from nbdeploy.packaging.export import Converted, WholeGraphFiles
from nbdeploy.packaging.symbols import name_symbols
from nbdeploy.packaging.tolerance import Tolerance, of_precision
from nbdeploy.proving.process_environment import process_environment
from nbdeploy.proving.verdict import Outcome, Verdict
from nbdeploy.request import OnnxWish

if TYPE_CHECKING:
    from nbdeploy.analysis.serving import Frozen
    from nbdeploy.packaging.package import Package
    from nbdeploy.recording.recording import Recording

__all__ = ["Portable", "portable", "stays_native"]

SECONDS = 180.0  # for all models of a package; what has not been decided by then stays native


@dataclass(frozen=True, slots=True)
class Portable:
    """What the gate says, and the models that it chose to be ONNX files, by the keys of their frozen values.

    `reasons` tells for each model that stays native why; `whole` is the whole serving path as one graph, where it can be.
    """

    verdict: Verdict
    converted: Mapping[tuple[str, str], Converted] = field(default_factory=dict)
    tolerance: Tolerance = field(default_factory=Tolerance)
    reasons: Mapping[str, str] = field(default_factory=dict)
    whole: WholeGraphFiles | None = None


def portable(recording: Recording, package: Package, folder: Path, wish: OnnxWish) -> Portable:
    """Convert the models of the package written in `folder`, and judge what was seen."""
    if wish.mode == "off":
        return Portable(Verdict("portable", Outcome.SKIP, "the native models stay: --onnx off"))
    symbols = name_symbols(recording.path.values())
    models = {symbols.home(each)[1]: each for each in recording.path.artifacts if is_model(each)}
    asked = {symbol: asked_of(recording.path, each.name) for symbol, each in models.items()}
    reasons = {symbol: each for symbol, each in asked.items() if isinstance(each, str)}
    wanted = {symbol: models[symbol] for symbol, each in asked.items() if not isinstance(each, str) and each}
    if not wanted and not reasons:
        return _judged({}, {"": "no model of scikit-learn, XGBoost or LightGBM is served"}, wish)
    out = recording.folder / "onnx"
    job = {symbol: _job(recording, each, asked[symbol]) for symbol, each in wanted.items()}
    report = _reports(package, folder, job, out, wish) if job else {}
    reports, whole = report.get("models", {}), report.get("whole", {"reason": "no model is an ONNX graph"})
    reasons |= {symbol: reports[symbol]["reason"] for symbol in wanted if not reports[symbol]["used"]}
    used = {symbol: reports[symbol] for symbol in wanted if reports[symbol]["used"]}
    converted = {wanted[symbol].key: Converted(out / each["file"], each["arguments"]) for symbol, each in used.items()}
    return _with_whole(replace(_judged(used, reasons, wish), converted=converted), whole, out)


def _with_whole(found: Portable, whole: Mapping[str, Any], out: Path) -> Portable:
    """Add the whole path's graph, or why there is none, to what the gate says."""
    small = whole.get("quantized", {})
    told = {key: whole[key] for key in ("reason", "figures") if key in whole}
    told |= {"quantized": small.get("figures") or small["reason"]} if small else {}
    figures = {**found.verdict.figures, "whole_path": told}
    if "file" not in whole:
        return replace(found, verdict=replace(found.verdict, figures=figures))
    reason = f"{found.verdict.reason}; the whole path is one graph, too: edge/predict.onnx{_quantized_told(small)}"
    signature = {"inputs": whole["inputs"], "outputs": whole["outputs"]}
    verdict = replace(found.verdict, figures=figures, reason=reason)
    files = tuple(out / each["file"] for each in (whole, small) if "file" in each)
    return replace(found, verdict=verdict, whole=WholeGraphFiles(files, signature))


def _quantized_told(small: Mapping[str, Any]) -> str:
    if not small:
        return ""
    if "file" not in small:
        return f", not quantized: {small['reason']}"
    figures = small["figures"]
    return (
        f", and edge/{small['file']} with weights of 8 bits: {figures['size_ratio']:.2g} times the size,"
        f" {figures['speedup_at_1_row']:.2g} times the speed for one row and {figures['speedup_at_1000_rows']:.2g} for 1,000,"
        f" {figures['flips']} of {figures['rows']} recorded rows flip, largest difference {figures['largest_difference']:.2g}"
    )


def stays_native(why: str, wish: OnnxWish) -> Portable:
    """Return the gate's answer for a package whose ONNX form was found wanting by another gate."""
    return _judged({}, {"": why}, wish)


def _job(recording: Recording, model: Frozen, methods: frozenset[str] | str) -> dict[str, Any]:
    stored = recording.artifacts[model.key]
    return {
        "format": stored.format,
        "methods": sorted(methods),
        "sha256": stored.sha256,
        "size": stored.size,
        "stem": Path(stored.file).stem,
    }


def _reports(package: Package, folder: Path, models: Mapping[str, Any], out: Path, wish: OnnxWish) -> dict[str, Any]:
    """Let another process convert and compare; a model that it did not come to has the reason."""
    from nbdeploy.proving import portable_process

    root = Path(portable_process.__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as scratch:
        job, report = Path(scratch, "job.json"), Path(scratch, "report.json")
        content = {
            "package": str(folder),
            "module": package.module,
            "models": models,
            "out": str(out),
            "cache": str(_cache(Path(scratch))),
            "tolerance": wish.tolerance,
            "required": wish.mode == "require",
            "quantize": wish.quantize,
        }
        job.write_text(json.dumps(content), encoding="utf-8")
        start = f"import sys; sys.path.insert(0, {str(root)!r})"
        start += "; from nbdeploy.proving.portable_process import main; main(*sys.argv[1:])"
        command = [sys.executable, "-I", "-X", "utf8", "-W", "ignore", "-c", start, str(job), str(report)]
        why = "converting it brought its process down"
        try:
            subprocess.run(
                command, cwd=folder, env=process_environment(), capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            why = f"converting and comparing took more than {SECONDS:.0f} seconds"
        found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    known = found.get("models", {})
    models = {symbol: known.get(symbol, {"used": False, "reason": why}) for symbol in models}
    return {"models": models, "whole": found.get("whole", {"reason": why})}


def _cache(scratch: Path) -> Path:
    """Return where converted models are kept, for this deploy alone where there is no such place."""
    try:
        return data_folder() / "onnx"
    except EnvironmentProblem:
        return scratch


def _judged(used: Mapping[str, Any], reasons: Mapping[str, str], wish: OnnxWish) -> Portable:
    figures = {symbol: {"way": each["way"], **each["figures"]} for symbol, each in used.items()}
    native = "; ".join(f"{symbol}: {why}" if symbol else why for symbol, why in sorted(reasons.items()))
    told = ["ONNX is used: " + "; ".join(_told(symbol, each) for symbol, each in used.items())] if used else []
    told += [f"the native model stays: {native}"] if native else []
    verdict = Verdict("portable", Outcome.PASS if used else Outcome.SKIP, "; ".join(told), figures)
    if wish.mode == "require" and reasons:
        message = f"--onnx require, and not every served model can be ONNX: {native}"
        fix = "let nbdeploy choose with --onnx auto, or accept a wider difference with --onnx-tolerance"
        verdict = replace(
            verdict,
            outcome=Outcome.FAIL,
            reason=message,
            diagnostics=(Diagnostic(code="NBD515", message=message, fix=fix),),
        )
    return Portable(verdict, {}, _tolerance(used, wish), dict(reasons))


def _tolerance(used: Mapping[str, Any], wish: OnnxWish) -> Tolerance:
    """Return what the package's answers may differ by at most: as wished, else by the precision of its models."""
    if wish.tolerance is not None:
        return Tolerance(wish.tolerance, wish.tolerance)
    answers = (answer for each in used.values() for answer in each["arguments"]["answers"].values())
    return of_precision(*(answer["dtype"] for answer in answers))


def _told(symbol: str, report: Mapping[str, Any]) -> str:
    figures = report["figures"]
    return (
        f"{symbol} ({report['way']}), no class flips on {figures['rows']:,} recorded and {figures['edge_rows']:,} edge"
        f" answers, largest relative difference {figures['largest_relative']:.1g}, {figures['speedup_at_1_row']:.3g} times the"
        f" speed for one row and {figures['speedup_at_1000_rows']:.2g} for 1,000, {figures['size_ratio']:.2g} times the size"
    )
