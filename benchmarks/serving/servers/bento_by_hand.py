"""A BentoML service as its documentation shows: numpy or a DataFrame in, scikit-learn inside."""

from __future__ import annotations

from typing import Any

import bentoml
import by_hand
import numpy as np
import pandas as pd


@bentoml.service
class Service:
    def __init__(self) -> None:
        self.answer = by_hand.scikit_learn()

    if by_hand.FIELD == "input":

        @bentoml.api
        def predict(self, input: np.ndarray) -> list[Any]:
            return self.answer(input)
    else:

        @bentoml.api
        def predict(self, rows: pd.DataFrame) -> list[Any]:
            return self.answer(rows)
