"""The BentoML service of churn: HTTP in front, the package `churn` behind.

    POST /predict   {"rows": [{...}, ...]} -> {"predictions": ..., "version": ...}; prediction i answers row i
                    Content-Type application/x-ndjson: a row on each line -> a prediction on each line
                    Content-Type application/vnd.apache.arrow.stream: record batches -> record batches
    GET  /contract  contract.json: what this service was proven to do
    BentoML's own   /healthz /livez /readyz /metrics /docs.json /schema.json

Every answer has the headers X-Request-Id (the client's own, where it sent one), X-Model-Version and X-Model-Digest (of
the artifacts that answer; contract.json has that of the proven ones). A request that
can't be answered gets 400 and {"error": ..., "problems": [{"row", "field", "message"}, ...]}; one that does not come to
its end, 408; one that is too large, 413; one that the model itself refuses, 422; one beyond MAX_AT_ONCE, 429; one that
takes longer than ANSWER_SECONDS, 504. What is JSON and what is data is decided in `churn/schema.py`.

The environment variable CHURN_API_KEY holds the key that a request must bring, or several with blanks between:
`Authorization: Bearer KEY`, or `X-API-Key: KEY`. Else it gets 401. Without the variable nobody is asked for a key.
CHURN_WORKERS is the number of processes that answer, 1 without it: as many as there are cores, where memory allows.

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
import secrets
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from pydantic import WithJsonSchema
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from churn.answering import BadRequest, Refused, alone, dumps, read, read_lines, read_table, score
from churn.artifacts import FOLDER
from churn.schema import input_schema
from churn.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAME = "churn"
PATH = "/predict"
MAX_BODY = 64 * 1024 * 1024  # bytes
BODY_SECONDS = 60.0  # a body has come by then, and
SILENCE_SECONDS = 5.0  # between two pieces of it no more than these
ANSWER_SECONDS = 60  # for an answer
MAX_AT_ONCE = 64  # requests that are read, waiting or being answered
BATCH_SECONDS: float | None = 0.05  # what scoring several requests at once may take; None: one by one
LONG_BODY = 64 * 1024  # bytes: others go on while such a one is read
LARGE_BODY = 1024 * 1024  # bytes: the memory that such a request took is given back
CONTRACT = (Path(__file__).parent / "contract.json").read_bytes()
OPEN = {"/healthz", "/livez", "/readyz", "/metrics"}  # for who runs the service: they ask for no key
KEY_VARIABLE = "CHURN_API_KEY"
# Processes: each has the model in memory, and limits of its own.
WORKERS = int(os.environ.get("CHURN_WORKERS") or 1)
SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
PICKLE = b"application/vnd.bentoml+pickle"

logger = logging.getLogger("bentoml.serve")


@cache
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


class Reply(NamedTuple):
    """What a request gets: its status, its body, and headers beside those that every answer has."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    media: bytes = b"application/json"


class Form(NamedTuple):
    """A form of bodies: how one is read, and predictions are written. `together`: others may be scored with it."""

    media: bytes
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]
    together: bool = True


def write_json(predictions: Any) -> bytes:
    return b'{"predictions":' + dumps(predictions) + b',"version":' + dumps(version()) + b"}"


def write_lines(predictions: list[Any]) -> bytes:
    return b"".join(dumps(each) + b"\n" for each in predictions)


LINES = Form(b"application/x-ndjson", read_lines, write_lines)
ARROW = Form(b"application/vnd.apache.arrow.stream", read_table, bytes, together=False)
JSON = Form(b"application/json", read, write_json)
FORMS: dict[bytes, Form] = {
    b"application/x-ndjson": LINES,
    b"application/ndjson": LINES,
    b"application/jsonl": LINES,
    ARROW.media: ARROW,
}


def refuse(error: str, status: int, problems: list[dict[str, Any]] | None = None) -> Reply:
    close = ((b"connection", b"close"),) if status == 408 else ()  # whatever else comes on it is no request
    return Reply(status, dumps({"error": error, "problems": problems or [], "version": version()}), close)


# what comes -----------------------------------------------------------------------------------------------------------


def media_of(headers: dict[bytes, bytes]) -> bytes:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


async def body_of(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The body as it came. Raises Refused: it is encoded, too large, too slow, or breaks off."""
    too_large = Refused(f"the body is larger than {MAX_BODY} bytes", 413)
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused("send the body as it is, without a Content-Encoding", 415)
    if media_of(headers) == PICKLE:
        raise Refused("send JSON: a pickle may run code", 415)
    if int(headers.get(b"content-length", 0)) > MAX_BODY:
        raise too_large
    pieces, size = [], 0
    now = asyncio.get_running_loop().time
    end = now() + BODY_SECONDS
    try:
        async with asyncio.timeout(SILENCE_SECONDS) as limit:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused("the body ended before its Content-Length", 400)
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
                if size > MAX_BODY:
                    raise too_large
                if not message.get("more_body"):
                    return b"".join(pieces)
                limit.reschedule(min(now() + SILENCE_SECONDS, end))
    except TimeoutError:
        raise Refused("the body did not come to its end in time", 408) from None


def give_memory_back() -> None:
    """What a large request took is free by now, but the C library keeps it unless it is asked."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


def keys_to_bring() -> list[bytes]:
    """The keys that are let in: an old and a new one can stand beside each other. None: nobody is asked for a key."""
    told = os.environ.get(KEY_VARIABLE)
    if told is not None and not told.split():
        raise RuntimeError(f"{KEY_VARIABLE} is set but empty; unset it to serve without a key")
    return [key.encode() for key in (told or "").split()]


KEYS = keys_to_bring()


def lets_in(headers: dict[bytes, bytes]) -> bool:
    """Whether one of the keys came, where there are any; how long that takes tells nothing of them."""
    if not KEYS:
        return True
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    sent = token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
    return any(hmac.compare_digest(sent, key) for key in KEYS)


def without_key() -> Reply:
    reply = refuse("a key is needed: send it as `Authorization: Bearer KEY`", 401)
    return reply._replace(headers=((b"www-authenticate", b"Bearer"),))


def stamp(headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """The headers that every answer has."""
    sent = headers.get(b"x-request-id", b"")
    request_id = sent if SANE_ID.fullmatch(sent) else secrets.token_hex(16).encode()
    return [(b"x-request-id", request_id), (b"x-model-version", version().encode()), (b"x-model-digest", DIGEST)]


# who answers ----------------------------------------------------------------------------------------------------------


class Counters:
    """BentoML's own counters, kept by the first of its middlewares: what is answered before that one counts, too."""

    def __init__(self, first: Any) -> None:
        if not getattr(first, "_is_setup", True):
            first._setup()
        context = bentoml.server_context
        self.labels: dict[str, Any] = {
            "service_name": context.bento_name,
            "service_version": context.bento_version,
            "runner_name": context.service_name,
        }
        self.known: dict[int, tuple[Any, ...]] = {}  # counters by status
        self.first = first
        self.counts = hasattr(first, "metrics_request_total")
        if self.counts:
            self.running = first.metrics_request_in_progress.labels(endpoint=PATH, **self.labels)
            self.last = first.metrics_last_request_timestamp.labels(**self.labels)

    def begin(self) -> float:
        if self.counts:
            self.running.inc()
            self.last.set_to_current_time()
        return time.perf_counter()

    def end(self, status: int, began: float) -> None:
        if not self.counts:
            return
        if status not in self.known:
            labels = {"endpoint": PATH, "http_response_code": status, **self.labels}
            metrics = (self.first.metrics_request_total, self.first.metrics_request_duration)
            self.known[status] = tuple(each.labels(**labels) for each in metrics)
        total, duration = self.known[status]
        total.inc()
        duration.observe(time.perf_counter() - began)
        self.running.dec()


class Direct:
    """Answers POST /predict before BentoML's middlewares, which take longer than most models; the rest is theirs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.counters, self.at_once = app, Counters(app), 0
        self.together = Together(score, BATCH_SECONDS)
        gc.collect()
        gc.freeze()  # what is loaded stays: the collector need not look through it in the middle of a request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        began = self.counters.begin()
        reply, size = Reply(500, b""), 0
        self.at_once += 1
        try:
            headers = dict(scope["headers"])
            reply, size = await self.reply(headers, receive)
            await respond(send, reply, stamp(headers))
        finally:
            self.at_once -= 1
            self.counters.end(reply.status, began)
        if size > LARGE_BODY:
            await asyncio.get_running_loop().run_in_executor(None, give_memory_back)

    async def reply(self, headers: dict[bytes, bytes], receive: Receive) -> tuple[Reply, int]:
        """The answer to a request, and the size of its body."""
        size = 0
        try:
            if not lets_in(headers):
                return without_key(), size
            if self.at_once > MAX_AT_ONCE:
                return Reply(429, b'{"error":"Too many requests"}'), size
            body = await body_of(headers, receive)
            size = len(body)
            form = FORMS.get(media_of(headers), JSON)
            predictions = await self.predictions(form, body)
            return Reply(200, form.write(predictions), media=form.media), size
        except BadRequest as bad:
            return refuse(str(bad), 400, bad.problems), size
        except Refused as refused:
            return refuse(str(refused), refused.status), size
        except TimeoutError:
            return Reply(504, dumps({"error": f"Not able to process the request in {ANSWER_SECONDS} seconds"})), size
        except Exception:
            logger.exception("a request broke down")
            return Reply(500, b'{"error":"An unexpected error has occurred, please check the server log."}'), size

    async def predictions(self, form: Form, body: bytes) -> Any:
        """The predictions for a body. Raises BadRequest, Refused, TimeoutError."""
        loop = asyncio.get_running_loop()
        sent = form.read(body) if len(body) < LONG_BODY else await loop.run_in_executor(None, form.read, body)
        answer = self.together.ask(sent, len(sent), alone=not form.together)
        late = loop.call_later(ANSWER_SECONDS, give_up, answer)
        try:
            return await answer
        finally:
            late.cancel()


def give_up(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


async def respond(send: Send, reply: Reply, headers: list[tuple[bytes, bytes]]) -> None:
    length = str(len(reply.body)).encode()
    headers += [(b"content-type", reply.media), (b"content-length", length), *reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


class Others:
    """Stamps all other answers, too, and lets in who brings a key, or asks for what is open to all."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        own = stamp(headers)

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *own]}
            await send(message)

        if scope["path"] in OPEN or lets_in(headers):
            await self.app(scope, receive, stamped)
        else:
            await respond(send, without_key(), own)


class FrontedService(bentoml.Service):
    """A BentoML service with `Direct` in front; behind BentoML's tracing, where that is on."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        self.add_asgi_middleware(Others)
        if BentoMLContainer.tracing.exporter_type.get():
            self.middlewares.insert(0, (Direct, {}))
            return super().to_asgi(is_main)
        app = super().to_asgi(is_main)
        app.add_middleware(Direct)
        return app


# the service ----------------------------------------------------------------------------------------------------------


class PredictAnswer(bentoml.IODescriptor):
    """The answer of POST /predict; prediction i answers row i."""

    predictions: Any
    version: str


async def contract(request: Request) -> Response:
    return Response(CONTRACT, media_type="application/json")


@bentoml.service(
    name=NAME,
    workers=WORKERS,
    traffic={"timeout": ANSWER_SECONDS, "max_concurrency": MAX_AT_ONCE},
    logging={"access": {"enabled": False}},  # /metrics counts requests; a line for each costs more than many models
    service_class=FrontedService,
)
@bentoml.asgi_app(Starlette(routes=[Route("/contract", contract)]))
class Service:
    """Predicts with the model of churn."""

    @bentoml.api(route=PATH)
    def predict(self, rows: Annotated[Any, WithJsonSchema(input_schema())]) -> PredictAnswer:
        """Predict for each row."""  # over HTTP `Direct` does so
        found = alone(rows)
        if isinstance(found, Exception):
            raise found
        return PredictAnswer(predictions=found, version=version())
