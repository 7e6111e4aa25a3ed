"""FastAPI without its validation: the raw body, orjson, ONNX Runtime."""

from __future__ import annotations

import by_hand
import orjson
from fastapi import FastAPI, Request, Response

app = FastAPI()
answer = by_hand.onnx()


@app.post("/predict")
async def predict(request: Request) -> Response:
    rows = orjson.loads(await request.body())[by_hand.FIELD]
    return Response(orjson.dumps({"predictions": answer(rows)}), media_type="application/json")
