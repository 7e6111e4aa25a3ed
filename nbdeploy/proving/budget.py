"""The gate `budget`: how fast, how large and how soon there the service is, against the limits that were asked for."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.notebook.settings import LIMITS, unknown_limit
from nbdeploy.packaging.installed import installed
from nbdeploy.proving.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from nbdeploy.packaging.bento import BuiltBento
    from nbdeploy.proving.server import ServedBento

__all__ = [
    "LOAD_SECONDS",
    "budget",
    "check_limits",
    "latencies",
    "megabytes",
    "misses",
    "peak_memory",
    "requirements_mb",
    "sizes",
    "under_load",
]

LOAD_SECONDS = 1.3  # of one client, and again of sixteen
CLIENTS = (1, 16)
LAST_SECONDS = 300.0
SAMPLE_SECONDS = 0.05
AT_LEAST = {"rps"}  # all other limits are upper ones


def check_limits(limits: Mapping[str, float]) -> None:
    """Raise UsageError NBD551 where a limit is not known."""
    for key in limits:
        if key not in LIMITS:
            raise UsageError(Diagnostic(code="NBD551", message=unknown_limit(key), fix=f"give {' or '.join(LIMITS)}"))


def budget(
    server: ServedBento,
    bento: BuiltBento,
    bodies: Sequence[bytes],
    limits: Mapping[str, float],
    before: Mapping[str, Any] | None = None,
    *,
    seconds: float = LOAD_SECONDS,
) -> Verdict:
    """Measure the running Bento with requests of one row, and judge the figures by the limits, where there are some.

    `before` are the figures of the version that is deployed: then the ratios to it are told.
    """
    if not bodies:
        return Verdict("budget", Outcome.SKIP, "there is no recorded row to ask with")
    with peak_memory(server) as peak:
        seen = under_load({"address": server.address}, bodies, seconds)
    if "error" in seen:
        message = f"the service did not answer under load: {seen['error']}\n{server.log_tail(12)}"
        fix = "look into the log for what fails when requests come together; `--allow budget` deploys in spite of it"
        return Verdict("budget", Outcome.FAIL, message, {}, (Diagnostic(code="NBD552", message=message, fix=fix),))
    figures: dict[str, Any] = _figures(seen, server, bento, peak[0])
    figures["budget"] = dict(limits)
    if before:
        figures["ratio_to_last"] = {k: round(figures[k] / before[k], 3) for k in LIMITS if before.get(k)}
    over = [key for key, limit in limits.items() if misses(key, figures[key], limit)]
    if over:
        diagnostics = tuple(_missed(key, figures[key], limits[key], figures) for key in over)
        return Verdict("budget", Outcome.FAIL, "; ".join(each.message for each in diagnostics), figures, diagnostics)
    return Verdict("budget", Outcome.PASS, _reason(figures, limits), figures)


def _figures(seen: Mapping[str, Any], server: ServedBento, bento: BuiltBento, peak: float) -> dict[str, Any]:
    return {
        **latencies(seen),
        "memory_mb": round(peak, 1),
        "cold_start_s": round(server.ready_seconds, 2),
        "artifacts_mb": megabytes(bento.path / "src" / "artifacts"),
        **sizes(bento.path),
    }


def sizes(bento: Path) -> dict[str, float]:
    """Return the size of a Bento's folder, and of what an image of it adds to its base, in MB."""
    size = megabytes(bento)
    return {"size_mb": size, "image_mb": round(size + requirements_mb(bento / "env/python/requirements.txt"), 1)}


def requirements_mb(lock: Path) -> float:
    """Return what the pinned requirements take on disk where they are installed, in MB; none where there is no such file."""
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else []
    pins = {line.split("==")[0].strip() for line in lines if "==" in line and line[:1].isalnum()}
    return sum(each.size for name, each in installed().items() if name in pins) / 2**20


def latencies(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `under_load` measured by the names of the figures."""
    one, many = (seen[str(each)] for each in CLIENTS)
    return {
        "p50_ms": round(one["p50_ms"], 2),
        "p99_ms": round(one["p99_ms"], 2),
        "rps_1": round(one["rps"], 1),
        "requests_1": one["requests"],
        "p50_ms_16": round(many["p50_ms"], 2),
        "p99_ms_16": round(many["p99_ms"], 2),
        "rps": round(many["rps"], 1),
        "requests_16": many["requests"],
    }


def under_load(service: Mapping[str, Any], bodies: Sequence[bytes], seconds: float = LOAD_SECONDS) -> dict[str, Any]:
    """Return what 1 and 16 clients measured, or an `error`. `service` has `address`, and perhaps `path`, `headers`, `tls`."""
    from nbdeploy.proving import load

    job = {**service, "bodies": [each.decode() for each in bodies], "clients": CLIENTS}
    with tempfile.TemporaryDirectory(prefix="nbdeploy-load-") as scratch:
        asked, report = Path(scratch) / "job.json", Path(scratch) / "report.json"
        asked.write_text(json.dumps({**job, "seconds": seconds}), encoding="utf-8")
        command = [sys.executable, "-I", load.__file__, str(asked), str(report)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=LAST_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return {"error": f"no end of it after {LAST_SECONDS:.0f} seconds"}
        if not report.exists():
            return {"error": done.stderr.decode(errors="replace")[-300:]}
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


@contextmanager
def peak_memory(server: ServedBento) -> Iterator[list[float]]:
    """Yield a list whose only item is the largest memory of the server's processes, in MB, seen inside the block."""
    peak, over = [server.memory_mb()], threading.Event()

    def look() -> None:
        while not over.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], server.memory_mb())

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield peak
    finally:
        over.set()
        looking.join()


def megabytes(folder: Path) -> float:
    """Return what the files of a folder are together, in MB, to three digits after the point."""
    files = (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
    return round(sum(each.stat().st_size for each in files) / 2**20, 3)


def misses(key: str, figure: float, limit: float) -> bool:
    """Tell whether a figure breaks its limit."""
    return figure < limit if key in AT_LEAST else figure > limit


def _reason(figures: Mapping[str, Any], limits: Mapping[str, float]) -> str:
    kept = ", ".join(f"{key} {figures[key]:g} of {limit:g}" for key, limit in limits.items())
    measured = (
        f"p50 {figures['p50_ms']:g} ms, p99 {figures['p99_ms']:g} ms; 16 clients: p99 {figures['p99_ms_16']:g} ms,"
        f" {figures['rps']:g} requests a second; {figures['memory_mb']:.0f} MB, ready after {figures['cold_start_s']:g} s"
    )
    told = f"kept: {kept}; {measured}" if limits else f"measured, no budget asked: {measured}"
    ratio = figures.get("ratio_to_last", {}).get("p99_ms")
    return f"{told}; p99 is {ratio:g} times that of the version before" if ratio else told


FIXES = {
    "ms": "profile `predict` of the package with one row: what it loads or fits for each request belongs into an untagged cell,"
    " where it is frozen; a smaller model answers sooner",
    "rps": "requests are answered one after the other by each worker: make `predict` faster, or raise `workers` in service.py",
    "memory_mb": "freeze less: columns, tables and models that the serving path reads stay in memory; fewer imports help, too",
    "cold_start_s": "most of it are imports and artifacts: serve with fewer libraries, or a smaller model",
    "mb": "store less: fewer or smaller trees, fewer components, float32 arrays",
}


def _missed(key: str, figure: float, limit: float, figures: Mapping[str, Any]) -> Diagnostic:
    """Tell which figure missed its limit, and by how much."""
    ratio = (
        (limit / figure if figure else float("inf")) if key in AT_LEAST else (figure / limit if limit else float("inf"))
    )
    word = "at least" if key in AT_LEAST else "at most"
    requests = figures["requests_16" if key.endswith(("16", "rps")) else "requests_1"]
    on = f" over {requests} requests" if "ms" in key or key == "rps" else ""
    message = f"{key} ({LIMITS[key]}) is {figure:g}{on}, and {word} {limit:g} was asked: {ratio:.3g} times too much"
    if key in AT_LEAST:
        message = message.replace("too much", "too little")
    kind = key if key in FIXES else "ms" if "_ms" in key else "mb"
    return Diagnostic(code="NBD550", message=message, fix=f"{FIXES[kind]}; `--allow budget` deploys in spite of it")
