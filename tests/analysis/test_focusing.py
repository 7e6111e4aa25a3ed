"""Tagged statements are cut down to what the answer needs, so that no more of them looks like a request."""

from __future__ import annotations

import pytest

from nbdeploy.analysis.focusing import focused
from tests.analysis.models import FITTED
from tests.analysis.notebooks import path_of, program_of, served_source

TORCH = """
import torch
from torch import nn
torch.manual_seed(0)
X_test, y_test = torch.ones(4, 2), torch.zeros(4)
model, loss_fn = nn.Linear(2, 1), nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters())
for epoch in range(2):
    loss = loss_fn(model(X_test)[:, 0], y_test)
    loss.backward()
    optimizer.step()
"""


def forms(*cells: str | tuple[str | None, str], answer: str) -> list[str]:
    program = program_of(*cells)
    return [each.source for each in focused(program, {answer}, program.serving[-1], {}).serving]


def test_a_loss_beside_the_prediction_makes_no_request_of_the_labels() -> None:
    predict = """
    with torch.no_grad():
        pred = model(X_test)[:, 0]
        loss = loss_fn(pred, y_test)
        print(loss.item())
    """
    path = path_of(TORCH, ("predict", predict))
    assert (path.input.name, path.output.label) == ("X_test", "pred")
    assert served_source(path) == ["with torch.no_grad():\n    pred = model(X_test)[:, 0]"]


@pytest.mark.parametrize(
    ("written", "left"),
    [
        pytest.param("a, b = f(train), f(rows)", "b = f(rows)", id="of two the needed one"),
        pytest.param("a, c, b = f(train), 1, f(rows)", "b = f(rows)", id="of three the needed one"),
        pytest.param("a, b = f(\n    train\n), f(\n    rows\n)", "b = (f(\n    rows\n))", id="over several lines"),
        pytest.param("a, b = (f(train), f(rows))", "b = f(rows)", id="in parentheses"),
        pytest.param("a, b = pair(train, rows)", "a, b = pair(train, rows)", id="one call that answers both"),
        pytest.param("a, *b = train, rows", "a, *b = train, rows", id="a starred name"),
        pytest.param("a = b = f(rows)", "a = b = f(rows)", id="two names for one value"),
        pytest.param("a, b = rows.pop(), f(rows)", "a, b = rows.pop(), f(rows)", id="the other value changes it"),
    ],
)
def test_of_a_parallel_assignment_the_needed_values_are_left(written: str, left: str) -> None:
    first = "def f(x):\n    return x\ndef pair(x, y):\n    return x, y\ntrain, rows = [1], [2, 3]"
    assert forms(first, ("preprocess", written), ("predict", "p = b"), answer="p") == [left, "p = b"]


def test_a_block_keeps_what_the_answer_needs_of_it() -> None:
    predict = """
    if len(X):
        scale = X.b.max() if False else 2.0
        p = model.predict(X) * scale
        worst = abs(p - y[: len(p)]).max()
    """
    path = path_of(FITTED, ("predict", predict), output="p", input="X")
    assert "worst" not in served_source(path)[-1]
    assert "scale" in served_source(path)[-1]
