"""The service's contract, without HTTP: it answers as the notebook did, and refuses what it can't read.

Made by nbdeploy from house_prices.ipynb; the comments name the cells.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compare import assert_same
from house_price import predict
from house_price.schema import BadRequest, answer, parse_input
from recorded import recorded, row

CONTRACT = json.loads((Path(__file__).parents[1] / "contract.json").read_text(encoding="utf-8"))


def asked(request: dict[str, Any]) -> Any:
    return answer(predict(parse_input(request["input"])))


def test_each_example_of_the_contract_is_answered_as_it_says() -> None:
    for example in CONTRACT["examples"]:
        assert_same(asked(example["request"]), example["predictions"])


def test_each_wrong_request_of_the_contract_is_refused_by_row_and_field() -> None:
    for wrong in CONTRACT["refusals"]:
        with pytest.raises(BadRequest) as refused:
            asked(wrong["request"])
        told = [(problem["row"], problem["field"]) for problem in refused.value.problems]
        assert (wrong["row"], wrong["field"]) in told, wrong["why"]


def test_all_rows_at_once_are_answered_as_in_the_notebook() -> None:
    """300 recorded rows."""
    assert_same(predict(recorded("example_input")), recorded("example_output"))


@pytest.mark.parametrize("number", [0, 100, 150, 299])
def test_one_row_alone_is_answered_as_among_the_others(number: int) -> None:
    alone = predict(row(recorded("example_input"), number))
    assert_same(alone, row(recorded("example_output"), number))
