"""What the graph of a serving path loses and gains when its weights are quantized: measured on the recorded rows."""

from __future__ import annotations

from functools import partial
from typing import Any

from nbdeploy.packaging.onnx_quantize import quantized
from nbdeploy.proving.timing import least_seconds
from nbdeploy.proving.whole_path import WholeGraph, fed, session_of

__all__ = ["quantized_graph"]

MANY = 1_000


def quantized_graph(whole: WholeGraph, rows: Any) -> tuple[bytes, dict[str, Any]] | str:
    """Return the quantized file and the figures of it beside the exact one, or why there is none.

    `flips` counts rows in which a class, a text or a whole number is another one; `largest_difference` and
    `mean_difference` are of the numbers. Ratios above 1 are a gain: times the speed; `size_ratio` below 1 is a smaller file.
    """
    content = quantized(whole.content)
    if content is None:
        return "no matrix of weights is in it: there is nothing to quantize"
    if len(content) >= len(whole.content):
        return f"it would be larger: {len(content):,} bytes instead of {len(whole.content):,}"
    exact, small = session_of(whole.content), session_of(content)
    asked = fed(rows, exact)
    figures = _differences(whole, exact.run(None, asked), small.run(None, asked))
    figures |= {"bytes": len(content), "size_ratio": round(len(content) / len(whole.content), 4)}
    for name, count in (("speedup_at_1_row", 1), ("speedup_at_1000_rows", MANY)):
        some = {key: values[[each % len(values) for each in range(count)]] for key, values in asked.items()}
        figures[name] = round(
            least_seconds(partial(exact.run, None, some)) / least_seconds(partial(small.run, None, some)), 2
        )
    return content, figures


def _differences(whole: WholeGraph, exact: list[Any], small: list[Any]) -> dict[str, Any]:
    import numpy as np

    rows = len(exact[0])
    flipped, numbers = np.zeros(rows, dtype=bool), [np.zeros(1)]
    for output, one, other in zip(whole.outputs, exact, small, strict=True):
        if output["kind"] == "double":
            numbers.append(np.abs(one - other).ravel())
        else:
            flipped |= (one != other).reshape(rows, -1).any(axis=1)
    every = np.concatenate(numbers[1:] or numbers)
    return {
        "rows": rows,
        "flips": int(flipped.sum()),
        "largest_difference": float(np.nanmax(every)),
        "mean_difference": float(np.nanmean(every)),
    }
