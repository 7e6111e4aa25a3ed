"""The BentoML service of churn: HTTP in front, the package `churn` behind.

    POST /predict   {"rows": [{...}, ...]} -> {"predictions": ..., "version": ...}; prediction i answers row i
    GET  /contract  contract.json: what this service was proven to do
    BentoML's own   /healthz /livez /readyz /metrics /docs.json /schema.json

Every answer has the headers X-Request-Id (the client's own, where it sent one), X-Model-Version and X-Model-Digest (of
the artifacts that answer; contract.json has that of the proven ones). A request that
can't be answered gets 400 and {"error": ..., "problems": [{"row", "field", "message"}, ...]}; one that does not come to
its end, 408; one that is too large, 413; one that the model itself refuses, 422. BentoML itself answers 429
beyond MAX_AT_ONCE requests and 504 after ANSWER_SECONDS, without these headers.
What is JSON and what is data is decided in `churn/schema.py`.

The environment variable CHURN_API_KEY holds the key that a request must bring, or several with blanks between:
`Authorization: Bearer KEY`, or `X-API-Key: KEY`. Else it gets 401. Without the variable nobody is asked for a key.

    curl localhost:3000/predict -H 'Content-Type: application/json' -d '
      {"rows": [{"signup_date": "2020-12-26", "age": 32.0, "contract": "Month-to-month",
      "internet_service": "Phone only", "payment_method": "Credit card", "autopay": "yes", "monthly_charges": 34.15,
      "total_charges": "1261.09", "support_calls": 1}]}'
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import hashlib
import hmac
import json
import logging
import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import bentoml
from pydantic import PrivateAttr, WithJsonSchema
from pydantic_core import from_json, to_json
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from churn import predict
from churn.artifacts import FOLDER
from churn.schema import BadRequest, answer, input_schema, parse_rows, rows_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAME = "churn"
MAX_BODY = 64 * 1024 * 1024  # bytes
MAX_ROWS = 100_000  # in one request
BODY_SECONDS = 60.0  # a body has come by then, and
SILENCE_SECONDS = 5.0  # between two pieces of it no more than these
ANSWER_SECONDS = 60  # for all of a request
MAX_AT_ONCE = 64  # requests that are read, waiting or being answered
LARGE_BODY = 1024 * 1024  # bytes: the memory that such a request took is given back
SYSTEM_FAULTS = (ImportError, MemoryError, OSError, RuntimeError, SystemError)  # these stay a 500 when predict raises them
CONTRACT = (Path(__file__).parent / "contract.json").read_bytes()
OPEN = {"/healthz", "/livez", "/readyz", "/metrics"}  # for who runs the service: they ask for no key
KEY_VARIABLE = "CHURN_API_KEY"
SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")

logger = logging.getLogger("bentoml.serve")


def version() -> str:
    """The Bento's version; the contract's where the service runs from the exported folder."""
    served = bentoml.server_context.bento_version
    return served if served != "not available" else str(json.loads(CONTRACT).get("version", "unknown"))


def model_digest() -> str:
    """One sha256 for all artifacts in use."""
    artifacts = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    lines = "".join(f"{name} {each['sha256']}\n" for name, each in sorted(artifacts.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


DIGEST = model_digest().encode()


def respond(body: dict[str, Any], status: int = 200) -> Response:
    return Response(to_json(body), status, media_type="application/json")


def refuse(error: str, problems: list[dict[str, Any]], status: int = 400) -> Response:
    return respond({"error": error, "problems": problems, "version": version()}, status)


async def contract(request: Request) -> Response:
    return Response(CONTRACT, media_type="application/json")


class Unread(Exception):
    """The body can't be taken as it comes; `status` and the text are the answer."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


async def body_of(request: Request) -> bytes:
    """The body as it came. Raises Unread: it is encoded, too large, too slow, or breaks off."""
    too_large = Unread(413, f"the body is larger than {MAX_BODY} bytes")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unread(415, "send the body as it is, without a Content-Encoding")
    if int(request.headers.get("content-length", 0)) > MAX_BODY:
        raise too_large
    body = bytearray()
    now = asyncio.get_running_loop().time
    end = now() + BODY_SECONDS
    try:
        async with asyncio.timeout(SILENCE_SECONDS) as limit:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise too_large
                limit.reschedule(min(now() + SILENCE_SECONDS, end))
    except TimeoutError:
        raise Unread(408, "the body did not come to its end in time") from None
    except ClientDisconnect:
        raise Unread(400, "the body ended before its Content-Length") from None
    return bytes(body)


def give_memory_back() -> None:
    """What a large request took is free by now, but the C library keeps it unless it is asked."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


class PredictRequest(bentoml.IODescriptor):
    """The body of POST /predict, kept as it came: `schema.py` reads it, for it names each row and field at fault."""

    rows: Annotated[Any, WithJsonSchema(input_schema())]
    _body: bytes = PrivateAttr(default=b"")
    _unread: Unread | None = PrivateAttr(default=None)

    @classmethod
    async def from_http_request(cls, request: Request, serde: object) -> PredictRequest:
        received = cls.model_construct()
        try:
            received._body = await body_of(request)
        except Unread as unread:
            received._unread = unread
        return received


class PredictAnswer(bentoml.IODescriptor):
    """The answer of POST /predict; prediction i answers row i."""

    predictions: Any
    version: str


@bentoml.service(
    name=NAME,
    workers=1,
    traffic={"timeout": ANSWER_SECONDS, "max_concurrency": MAX_AT_ONCE},
    logging={"access": {"enabled": False}},  # /metrics counts requests; a line for each costs more than many models
)
@bentoml.asgi_app(Starlette(routes=[Route("/contract", contract)]))
class Service:
    """Predicts with the model of churn."""

    @bentoml.api(route="/predict", output_spec=PredictAnswer)
    def predict(self, request: PredictRequest, /) -> Response:
        """Predict for each row."""
        if request._unread is not None:
            return refuse_unread(request._unread)
        response = answered(request._body)
        if len(request._body) > LARGE_BODY:
            response.background = BackgroundTask(give_memory_back)
        return response


def answered(body: bytes) -> Response:
    """The answer to a request whose body is here."""
    try:
        sent = read(body)
        if isinstance(sent, list) and len(sent) > MAX_ROWS:
            return refuse(f"{len(sent)} rows are more than the {MAX_ROWS} of one request", [], 413)
        value = parse_rows(sent)
    except BadRequest as bad:
        return refuse(str(bad), bad.problems)
    if not sent:
        return respond({"predictions": [], "version": version()})
    try:
        output = predict(value)
    except SYSTEM_FAULTS:
        raise
    except Exception as error:  # of this very input, whatever library raised it
        logger.exception("the model refused a request that its schema allows")
        return refuse(f"the model can't answer this input: {type(error).__name__}: {error}", [], 422)
    if rows_of(output) != len(sent):
        return refuse(f"{len(sent)} rows were asked, {rows_of(output)} answered: none can be trusted", [], 422)
    predictions = answer(output)
    return respond({"predictions": predictions, "version": version()})


def refuse_unread(unread: Unread) -> Response:
    response = refuse(str(unread), [], unread.status)
    if unread.status == 408:
        response.headers["connection"] = "close"  # whatever else comes on it is no request
    return response


def read(body: bytes) -> Any:
    """The value of the field `rows`. Raises BadRequest."""
    try:
        request = from_json(body)  # takes NaN and Infinity, too: the schema refuses them by row and field
    except ValueError as error:
        raise BadRequest([{"row": None, "field": None, "message": f"the body is not JSON: {error}"}]) from None
    if not isinstance(request, dict) or "rows" not in request:
        message = 'the body must be a JSON object with the field "rows"'
        raise BadRequest([{"row": None, "field": "rows", "message": message}])
    return request["rows"]


class Stamp:
    """Gives every answer its request id, and the model's version and digest."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = sent if SANE_ID.fullmatch(sent) else uuid.uuid4().hex.encode()

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                stamp = [(b"x-request-id", request_id), (b"x-model-version", version().encode())]
                headers = [*message.get("headers", []), *stamp, (b"x-model-digest", DIGEST)]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, stamped)


def keys_to_bring() -> list[bytes]:
    """The keys that are let in: an old and a new one can stand beside each other. None: nobody is asked for a key."""
    told = os.environ.get(KEY_VARIABLE)
    if told is not None and not told.split():
        raise RuntimeError(f"{KEY_VARIABLE} is set but empty; unset it to serve without a key")
    return [key.encode() for key in (told or "").split()]


class Guard:
    """Lets a request in that brings a key, where there are any; its body is not read before."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.keys = keys_to_bring()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.keys or scope["type"] != "http" or scope["path"] in OPEN or self.lets_in(dict(scope["headers"])):
            await self.app(scope, receive, send)
            return
        response = refuse("a key is needed: send it as `Authorization: Bearer KEY`", [], 401)
        response.headers["www-authenticate"] = "Bearer"
        await response(scope, receive, send)

    def lets_in(self, headers: dict[bytes, bytes]) -> bool:
        """Whether one of the keys came; how long that takes tells nothing of them."""
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        sent = token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        return any(hmac.compare_digest(sent, key) for key in self.keys)


served = cast("Any", Service)  # the decorator made a BentoML service of the class
served.add_asgi_middleware(Stamp)
served.add_asgi_middleware(Guard)
