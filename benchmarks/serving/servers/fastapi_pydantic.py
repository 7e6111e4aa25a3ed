"""FastAPI with a pydantic model of the request, scikit-learn inside."""

from __future__ import annotations

import json
import os
from typing import Any

import by_hand
from fastapi import FastAPI
from pydantic import BaseModel, create_model

EXAMPLE = json.loads(os.environ["EXAMPLE"])
if by_hand.FIELD == "input":
    Request = create_model("Request", input=list[list[float]])
else:
    kinds = {name: (str if isinstance(value, str) else float) | None for name, value in EXAMPLE.items()}
    Row: Any = create_model("Row", **{name: (kind, ...) for name, kind in kinds.items()})
    Request = create_model("Request", rows=list[Row])

app = FastAPI()
answer = by_hand.scikit_learn()


class Answer(BaseModel):
    predictions: list[Any]


@app.post("/predict")
def predict(request: Request) -> Answer:
    rows = getattr(request, by_hand.FIELD)
    return Answer(predictions=answer(rows if by_hand.FIELD == "input" else [each.model_dump() for each in rows]))
