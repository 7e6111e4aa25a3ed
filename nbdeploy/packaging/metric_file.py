"""`tests/metric.py`: how the notebook measures its answers, as a function of labels and answers."""

from __future__ import annotations

from nbdeploy.packaging.text import banner, indented, module_text
from nbdeploy.recording.recording import Recording

__all__ = ["METRIC_FILE", "metric_module"]

METRIC_FILE = "tests/metric.py"


def metric_module(recording: Recording) -> str:
    """Return the file's text, an empty one where nothing is measured."""
    if recording.measure is None:
        return ""
    measure = recording.measure.measure
    greater = "greater" if measure.greater_is_better else "smaller"
    from_cell = f"as in cell {measure.cell}" if measure.cell is not None else "as is usual for such labels"
    body = [
        f"def metric({measure.labels}: Any, {measure.answers}: Any) -> float:",
        f'    """Return {measure.name}, {from_cell}: {measure.value:.6g} on the recorded rows, {greater} is better."""',
        *(indented(line) for line in measure.lines),
        indented(f"return float({measure.expression})"),
    ]
    text = banner(
        recording.program.notebook.path.rsplit("/", 1)[-1],
        'How good the answers are, by the notebook\'s own measure: `metric(recorded("labels"), predict(...))`.',
    )
    settled = f"GREATER_IS_BETTER = {measure.greater_is_better}"
    return module_text(text, ["from typing import Any", *measure.imports], settled, "\n".join(body))
