"""Rows at which two forms of a model would part: close to where the answer changes, and with uncommon values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nbdeploy.packaging.trees import Forest, read_forest

if TYPE_CHECKING:
    from nbdeploy.packaging.onnx import Layout

__all__ = ["edge_rows", "near_rows", "refusals"]

SAMPLE = 256  # recorded rows that others are made from
PAIRS = 64  # thresholds or changes of class that are approached
HALVINGS = 70  # of the way between two rows: more than a double has bits
COLUMNS = 40  # columns that uncommon values are tried in
ALL_COLUMNS = 200  # up to so many, each is asked whether it may be missing; a wider table is asked at both ends
HUGE = 1e300
CHANGES: tuple[Callable[[str], str], ...] = (
    str.upper,
    lambda text: text.replace(" ", ","),
    lambda text: text.replace(" ", "-"),
    lambda text: text.replace(" ", "_"),
    lambda text: text.replace(" ", "'"),
    lambda text: text.replace(" ", "\n"),
    lambda text: text.replace(" ", " é"),
    lambda text: text.replace(" ", "\u00a0"),
    lambda text: text[::-1],
    lambda text: f"{text} 1 a 22 {text}",
)
"""What words are made of is where tokenizers differ."""
TEXTS = ("", " ", "seldom seen", "ÉÀÜ ñ 東京", "a b-c_d 12.5 x", "UPPER lower")


# near a decision ------------------------------------------------------------------------------------------------------------


def near_rows(model: Any, rows: Any, layout: Layout) -> Iterator[Any]:
    """Yield tables of rows near decisions: on both sides of tree thresholds, or of changes of class; and slightly moved rows."""
    if layout.kind == "texts":
        texts = [str(each) for each in rows[:SAMPLE]]
        yield from ([change(each) for each in texts] for change in CHANGES)
        return
    sample = _take(rows, range(min(len(rows), SAMPLE)))
    if not _floats(sample, layout):
        return
    yield from _moved(sample, layout)
    forest = read_forest(_last(model))
    if forest is not None and not hasattr(model, "steps"):
        yield from _at_thresholds(forest, sample, layout)
    elif forest is not None:
        yield from _between(sample, layout, *_threshold_sides(model, forest, sample))
    elif hasattr(model, "predict") and model.predict(_take(sample, [0])).dtype.kind != "f":
        yield from _between(sample, layout, *_class_sides(model, sample))


def _last(model: Any) -> Any:
    return _last(model.steps[-1][1]) if hasattr(model, "steps") else model


def _moved(sample: Any, layout: Layout) -> Iterator[Any]:
    import numpy as np

    random = np.random.default_rng(0)
    values = _numbers(sample, layout)
    for size in (1e-12, 1e-7, 1e-3):
        yield _with_numbers(sample, layout, values * (1.0 + size * random.standard_normal(values.shape)))


def _questions(forest: Forest) -> list[tuple[int, float]]:
    """Return feature and threshold of nodes from all over the forest; an infinite one asks only what is missing."""
    found = sorted(
        {
            (tree.feature[node], tree.threshold[node])
            for tree in forest.trees
            for node in range(len(tree.feature))
            if tree.left[node] >= 0 and math.isfinite(tree.threshold[node])
        }
    )
    return found[:: max(1, len(found) // (4 * PAIRS))]


def _at_thresholds(forest: Forest, sample: Any, layout: Layout) -> Iterator[Any]:
    """Place values at thresholds, at the next doubles beside them, and at the next float32."""
    import numpy as np

    places = _floats(sample, layout)
    questions = [each for each in _questions(forest) if each[0] in places]
    for way in (
        lambda t: t,
        lambda t: np.nextafter(t, np.inf),
        lambda t: np.nextafter(t, -np.inf),
        lambda t: float(np.float32(t)),
        lambda t: float(np.nextafter(np.float32(t), np.float32(np.inf))),
        lambda t: float(np.nextafter(np.float32(t), np.float32(-np.inf))),
    ):
        table = _take(sample, [number % len(sample) for number in range(len(questions))])
        values = _numbers(table, layout)
        for number, (feature, threshold) in enumerate(questions):
            values[number, places.index(feature)] = way(threshold)
        if questions:
            yield _with_numbers(table, layout, values)


Sides = tuple[list[int], list[int], Callable[[Any], Any]]


def _threshold_sides(model: Any, forest: Forest, sample: Any) -> Sides:
    """Pair rows on the two sides of thresholds, as the steps before the trees make them."""
    import numpy as np

    before = model[:-1]

    def features(rows: Any) -> Any:
        made = before.transform(rows)
        return np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=float)

    made = features(sample)
    low: list[int] = []
    high: list[int] = []
    asked: list[tuple[int, float]] = []
    for feature, threshold in _questions(forest):
        under, over = np.flatnonzero(made[:, feature] <= threshold), np.flatnonzero(made[:, feature] > threshold)
        if len(under) and len(over) and len(low) < PAIRS:
            low.append(int(under[len(low) % len(under)]))
            high.append(int(over[len(low) % len(over)]))
            asked.append((feature, threshold))
    numbers, limits = np.array([each for each, _ in asked], dtype=int), np.array([each for _, each in asked])

    def is_over(rows: Any) -> Any:
        return features(rows)[np.arange(len(numbers)), numbers] > limits

    return low, high, is_over


def _class_sides(model: Any, sample: Any) -> Sides:
    """Pair rows of different classes."""
    import numpy as np

    classes = np.asarray(model.predict(sample))
    pairs = [(n, m) for n in range(len(sample)) for m in (n + 1, n + 7) if m < len(sample) and classes[n] != classes[m]]
    low, high = [n for n, _ in pairs[:PAIRS]], [m for _, m in pairs[:PAIRS]]
    begin = classes[low]
    return low, high, lambda rows: np.asarray(model.predict(rows)) != begin


def _between(
    sample: Any, layout: Layout, low: list[int], high: list[int], is_over: Callable[[Any], Any]
) -> Iterator[Any]:
    """Halve the way between paired rows until two neighbouring rows lie on the two sides, and yield both tables."""
    import numpy as np

    if not low:
        return
    table = _take(sample, low)  # what can't be halved, texts and whole numbers, stays that of the lower row
    under, over = _numbers(table, layout), _numbers(_take(sample, high), layout)
    for _ in range(HALVINGS):
        middle = under + (over - under) / 2
        side = np.asarray(is_over(_with_numbers(table, layout, middle)), dtype=bool)[:, None]
        under, over = np.where(side, under, middle), np.where(side, middle, over)
    yield _with_numbers(table, layout, under)
    yield _with_numbers(table, layout, over)


# uncommon values ------------------------------------------------------------------------------------------------------------


def edge_rows(rows: Any, layout: Layout) -> Iterator[tuple[str, Any]]:
    """Yield single rows with one uncommon value each, and what it is."""
    if layout.kind == "texts":
        for text in TEXTS:
            yield f"the text {text!r}", [text]
        return
    row, width = _take(rows, [0]), len(layout.columns)
    values = _numbers(rows, layout)
    floats = _floats(rows, layout)
    for number in range(0, width, max(1, width // COLUMNS)):
        name, kind = layout.columns[number]
        label = f"in column {name if name is not None else number}"
        if kind == "text":
            for text in TEXTS:
                yield f"the text {text!r} {label}", _with(row, layout, number, text)
            yield f"nothing {label}", _with(row, layout, number, None)
            continue
        for value in _uncommon(values[:, floats.index(number)] if number in floats else None):
            yield f"{value:g} {label}", _with(row, layout, number, value)


def _uncommon(values: Any) -> list[float]:
    import numpy as np

    found = [0.0, -1.0, HUGE, float("nan"), float("inf"), float("-inf")]
    known = values[np.isfinite(values)] if values is not None else np.array([])
    return [*found, float(known.min()), float(known.max()), 1e6 * float(known.max())] if len(known) else found


def refusals(model: Any, call: Any, layout: Layout) -> dict[str, list[int]]:
    """Return the numbers of the columns in which the model refuses missing, infinite, huge values, by asking it."""
    refused: dict[str, list[int]] = {"nan": [], "inf": [], "huge": []}
    if layout.kind == "texts":
        return refused
    row, width = _take(call.rows, [0]), len(layout.columns)
    asked = range(width) if width <= ALL_COLUMNS else (0, width - 1)
    ask = getattr(model, call.method)
    for number in asked:
        text = layout.columns[number][1] == "text"
        for kind, value in (("nan", None if text else float("nan")), ("inf", float("inf")), ("huge", HUGE)):
            if kind == "nan" or not text:
                try:
                    ask(_with(row, layout, number, value))
                except Exception:
                    refused[kind].append(number)
    if width > ALL_COLUMNS:
        return {kind: list(range(width)) if found else [] for kind, found in refused.items()}
    return refused


# tables and arrays ----------------------------------------------------------------------------------------------------------


def _take(rows: Any, positions: Any) -> Any:
    import numpy as np

    chosen = list(positions)
    if hasattr(rows, "iloc"):
        return rows.iloc[chosen].reset_index(drop=True)
    return np.asarray(rows)[chosen]


def _floats(rows: Any, layout: Layout) -> list[int]:
    """Return the numbers of the columns that hold numbers with a fraction."""
    if hasattr(rows, "dtypes"):
        return [n for n, dtype in enumerate(rows.dtypes) if getattr(dtype, "kind", "O") == "f"]
    return list(range(len(layout.columns)))


def _numbers(rows: Any, layout: Layout) -> Any:
    """Return the columns of numbers with a fraction as an array of doubles."""
    import numpy as np

    if hasattr(rows, "iloc"):
        return rows.iloc[:, _floats(rows, layout)].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    return np.array(rows, dtype=np.float64)


def _with_numbers(rows: Any, layout: Layout, values: Any) -> Any:
    """Return the rows with other numbers in these columns, in their own dtypes."""
    if not hasattr(rows, "iloc"):
        return values
    changed = rows.copy()
    for place, number in enumerate(_floats(rows, layout)):
        changed[changed.columns[number]] = values[:, place].astype(rows.dtypes.iloc[number])
    return changed


def _with(row: Any, layout: Layout, number: int, value: Any) -> Any:
    """Return a single row with another value in one column."""
    import numpy as np

    if hasattr(row, "iloc"):
        from pandas import Series

        changed, name = row.copy(), row.columns[number]
        dtype = row.dtypes.iloc[number] if layout.columns[number][1] == "text" else None
        changed[name] = Series([value], index=row.index, dtype=dtype)
        return changed
    changed = np.array(row, dtype=np.float64)
    changed[0, number] = value
    return changed
