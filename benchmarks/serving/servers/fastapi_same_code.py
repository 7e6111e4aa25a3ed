"""FastAPI without its validation: the raw body, orjson, and the code of nbdeploy's package."""

from __future__ import annotations

import by_hand
import orjson
from fastapi import FastAPI, Request, Response

app = FastAPI()
answer = by_hand.same_code()


@app.post("/predict")
async def predict(request: Request) -> Response:
    rows = orjson.loads(await request.body())[by_hand.FIELD]
    return Response(orjson.dumps({"predictions": answer(rows)}), media_type="application/json")
