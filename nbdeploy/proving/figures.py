"""What each figure of a report measures, and its unit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbdeploy.notebook.settings import LIMITS

__all__ = ["Figure", "figures_of", "shown_number"]

KNOWN = {
    "cells": ("code cells that ran", ""),
    "seconds": ("time that it took", "s"),
    "peak_memory_mb": ("largest memory of the kernel after a cell", "MiB"),
    "live_objects": ("objects taken from the live kernel", ""),
    "rows": ("recorded rows asked", ""),
    "mismatches": ("rows answered otherwise", ""),
    "largest_difference": ("largest difference of two numbers", ""),
    "largest_relative": ("largest difference, relative to the number", ""),
    "arrangements": ("arrangements of the rows tried", ""),
    "way": ("how the model was converted", ""),
    "edge_rows": ("rows near a decision or at an edge", ""),
    "flips": ("rows whose class changed", ""),
    "seconds_to_convert": ("time to convert", "s"),
    "native_us_at_1_row": ("native model, one row", "µs"),
    "onnx_us_at_1_row": ("ONNX model, one row", "µs"),
    "speedup_at_1_row": ("speed of ONNX, one row", "times native"),
    "speedup_at_1000_rows": ("speed of ONNX, 1,000 rows", "times native"),
    "size_ratio": ("size of the ONNX file", "times native"),
    "requests": ("requests sent", ""),
    "ready_seconds": ("start to first ready answer", "s"),
    "median_request_ms": ("median of a request's time", "ms"),
    "tests": ("tests run", ""),
    "failed": ("tests failed", ""),
    "test_cells": ("test cells of the notebook", ""),
    "left_out": ("test cells that could not be carried over", ""),
    "refused": ("requests refused", ""),
    "refusals_with_place": ("refusals that name row and field", ""),
    "answered": ("requests answered", ""),
    "compared_with_package": ("answers compared with the package's own", ""),
    "server_errors": ("answers of 5xx", ""),
    "faults": ("faults found", ""),
    "slowest_ms": ("slowest answer", "ms"),
    "memory_before_mb": ("memory of the server before", "MB"),
    "memory_after_mb": ("memory of the server after", "MB"),
    "memory_rounds": ("rounds of memory measured", ""),
    "statuses": ("answers by status", ""),
    "p50_ms": ("median latency, 1 client", "ms"),
    "p99_ms": ("99th percentile of latency, 1 client", "ms"),
    "rps_1": ("throughput, 1 client", "requests/s"),
    "requests_1": ("requests measured, 1 client", ""),
    "p50_ms_16": ("median latency, 16 clients", "ms"),
    "p99_ms_16": ("99th percentile of latency, 16 clients", "ms"),
    "rps": ("throughput, 16 clients", "requests/s"),
    "requests_16": ("requests measured, 16 clients", ""),
    "memory_mb": ("peak memory of the server's processes", "MB"),
    "cold_start_s": ("start to first ready answer", "s"),
    "size_mb": ("size of the Bento", "MB"),
    "artifacts_mb": ("size of the stored objects", "MB"),
    "image_mb": ("Bento and installed requirements", "MB"),
    "budget": ("limit asked for", ""),
    "ratio_to_last": ("ratio to the version before", "times"),
    "reason": ("why", ""),
    "quantized": ("with weights of 8 bits", ""),
    "asks": ("times that the package was asked", ""),
    "arrangement": ("arrangement that is answered otherwise", ""),
    "positions": ("rows that are answered otherwise", ""),
    "smallest": ("smallest number of rows that shows it", ""),
    "secrets": ("secrets found in what is emitted", ""),
    "intact": ("file is the recorded one", ""),
    "trusted": ("types trusted by name", ""),
    "requirements": ("requirements pinned", ""),
    "hashed": ("requirements pinned with hashes", ""),
    "unhashed_because": ("why requirements have no hashes", ""),
    "carried_modules": ("own modules that travel as source", ""),
    "pickled_rows": ("recorded rows kept as pickles", ""),
    "format": ("format of the file", ""),
    "vulnerabilities": ("known vulnerabilities", ""),
    "metric": ("measure", ""),
    "candidate": ("measure of this version", ""),
    "champion": ("measure of the version to beat", ""),
    "champion_version": ("version to beat", ""),
    "greater_is_better": ("greater is better", ""),
    "difference": ("difference to the version to beat", ""),
    "low": ("lower end of the interval of the difference", ""),
    "high": ("upper end of the interval of the difference", ""),
    "level": ("level of the interval", ""),
    "resamples": ("bootstrap samples drawn", ""),
    "compared_rows": ("rows compared", ""),
    "same_held_out_rows": ("both were measured on the same rows", ""),
    "margin": ("difference that is accepted", ""),
}
UNITS = (
    ("_ms", "ms"),
    ("_mb", "MB"),
    ("_us", "µs"),
    ("_s", "s"),
    ("_seconds", "s"),
    ("_bytes", "bytes"),
    ("_ratio", "times"),
)
SEPARATOR = " / "
INSIDE = {"budget", "ratio_to_last"}  # their items are figures themselves


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number (or text): its name in the JSON, what it measures, the value as text, and the unit."""

    name: str
    what: str
    value: str
    unit: str = ""


def figures_of(figures: Mapping[str, Any], outer: str = "") -> Iterator[Figure]:
    """Yield every figure, also those that lie inside others, by names such as `model / rows`."""
    for name, value in figures.items():
        path = f"{outer}{SEPARATOR}{name}" if outer else str(name)
        if isinstance(value, Mapping):
            yield from figures_of(value, path)
        elif isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
            yield from figures_of({str(number): each for number, each in enumerate(value, 1)}, path)
        else:
            what, unit = _meaning(path)
            yield Figure(path, what, _text(value), unit)


def _meaning(path: str) -> tuple[str, str]:
    """Say what the figure at a path measures; `model / rows` are the rows of `model`."""
    *outer, name = path.split(SEPARATOR)
    what, unit = KNOWN.get(name, (None, None))
    if what is None:
        what = name.replace("_", " ")
        unit = next((unit for end, unit in UNITS if name.endswith(end)), "")
    if not outer:
        return what, unit or ""
    if outer[-1] == "statuses":
        return f"answers with status {name}" if name != "none" else "connections without an answer", ""
    if outer[-1] in INSIDE:
        first, own = KNOWN[outer[-1]]
        return f"{first}: {what}", own or (unit or "" if name in LIMITS else "")
    return f"{', '.join(outer)}: {what}", unit or ""


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int | float):
        return shown_number(value)
    if isinstance(value, list | tuple):
        return ", ".join(_text(each) for each in value) or "none"
    return str(value)


def shown_number(value: float) -> str:
    """Return a number as people read it: `1,500`, `0.0398`, `2.8e-16`."""
    if isinstance(value, int) or (value == int(value) if _is_finite(value) and abs(value) < 1e15 else False):
        return f"{int(value):,}"
    text = f"{value:,.4f}".rstrip("0") if 1e-3 <= abs(value) < 1e6 else f"{value:.2e}"
    return re.sub(r"e([+-])0*(\d)", r"e\1\2", text).replace("e+", "e")


def _is_finite(value: float) -> bool:
    return value - value == 0
