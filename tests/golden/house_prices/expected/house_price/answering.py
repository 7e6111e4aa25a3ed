"""What `house_price` answers to the body of a request: JSON in, JSON out, and nothing of HTTP.

The gate `rowwise` has shown that a row's answer does not depend on the rows beside it, so rows of several requests are
predicted in one go.
"""

from __future__ import annotations

import logging
from itertools import accumulate
from typing import Any

import numpy as np
import orjson
from pydantic_core import from_json, to_json

from .predict import predict
from .schema import BadRequest, answer, parse_input, rows_of

MAX_ROWS = 100_000  # in one request

# When predict raises one of these, the input is not to blame.
SYSTEM_FAULTS = (ImportError, MemoryError, OSError, RuntimeError, SystemError)

logger = logging.getLogger("bentoml.serve")


class Refused(Exception):
    """A request that gets no predictions, with the status that HTTP has for it."""

    def __init__(self, error: str, status: int) -> None:
        super().__init__(error)
        self.status = status


def read(body: bytes) -> Any:
    """The value of the field `input`. Raises BadRequest, Refused."""
    try:
        request = loads(body)
    except ValueError as error:
        raise not_json("the body", error) from None
    if not isinstance(request, dict) or "input" not in request:
        message = 'the body must be a JSON object with the field "input"'
        raise BadRequest([{"row": None, "field": "input", "message": message}])
    return array_of(request["input"])


def array_of(sent: Any) -> np.ndarray:
    """The rows as `predict` takes them. Raises BadRequest, Refused."""
    return parse_input(limited(sent) if isinstance(sent, list) else sent)


def read_lines(body: bytes) -> np.ndarray:
    """The rows of a body that has one on each line. Raises BadRequest, Refused."""
    rows = []
    for line in body.splitlines():
        if line.strip():
            try:
                rows.append(loads(line))
            except ValueError as error:
                raise not_json("the line", error, len(rows)) from None
    return array_of(rows)


def limited(rows: Any) -> Any:
    """The rows, if they are not too many. Raises Refused."""
    if len(rows) > MAX_ROWS:
        raise Refused(f"{len(rows)} rows are more than the {MAX_ROWS} of one request", 413)
    return rows


def not_json(what: str, error: ValueError, row: int | None = None) -> BadRequest:
    return BadRequest([{"row": row, "field": None, "message": f"{what} is not JSON: {error}"}])


def loads(body: bytes) -> Any:
    """Read JSON. Raises ValueError."""
    try:
        return orjson.loads(body)
    except ValueError:  # NaN and Infinity are taken by this one: the schema refuses them by row and field
        return from_json(body)


def dumps(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # whole numbers beyond 64 bits
        return to_json(value)


def score(requests: list[Any]) -> list[Any]:
    """Predict for the rows of several requests at once: for each its predictions as JSON values, or what to raise."""
    if len(requests) == 1:
        return [alone(requests[0])]
    try:
        predictions = predicted(np.concatenate(requests))
    except Exception:
        logger.info("one of %d requests is at fault: each is asked by itself", len(requests), exc_info=True)
        return [alone(sent) for sent in requests]
    ends = accumulate(map(len, requests))
    return [predictions[end - len(sent) : end] for sent, end in zip(requests, ends, strict=True)]


def alone(sent: Any) -> Any:
    """Predict for one request; what is to be raised for it is returned."""
    try:
        return predicted(sent)
    except (BadRequest, Refused) as problem:
        return problem
    except Exception:
        logger.exception("the service broke down")
        return Refused("An unexpected error has occurred, please check the server log.", 500)


def predicted(sent: Any) -> Any:
    """The predictions as JSON values, one a row. Raises BadRequest, Refused."""
    if not len(sent):
        return []
    return answer(asked(sent, len(sent)))


def asked(value: Any, rows: int) -> Any:
    """What `predict` says. Raises Refused."""
    try:
        output = predict(value)
    except SYSTEM_FAULTS:
        raise
    except Exception as error:  # of this very input, whatever library raised it
        logger.exception("the model refused a request that its schema allows")
        raise Refused(f"the model can't answer this input: {type(error).__name__}: {error}", 422) from error
    if rows_of(output) != rows:
        raise Refused(f"{rows} rows were asked, {rows_of(output)} answered: none can be trusted", 422)
    return output
