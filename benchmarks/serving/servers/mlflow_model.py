"""A model for `mlflow models serve`: an MLflow "model from code"."""

from __future__ import annotations

import os
import sys
from typing import Any

import mlflow

sys.path.insert(0, os.environ["SERVERS"])


class ByHand(mlflow.pyfunc.PythonModel):
    def load_context(self, context: Any) -> None:
        import by_hand

        self.answer = by_hand.scikit_learn()

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return self.answer(model_input)


mlflow.models.set_model(ByHand())
