"""A client that can also misbehave: what it writes to the socket is what the caller says, byte for byte."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Literal

__all__ = ["REQUEST_SECONDS", "Pace", "Reply", "exchange", "post", "request_bytes"]

REQUEST_SECONDS = 120.0
DRIP_SECONDS = 2.0  # what a slow body takes

Pace = Literal["at once", "slowly", "then silence", "then gone"]
"""How a request is written: `slowly` a byte at a time; `then silence` slowly, and the connection is left open;
`then gone` at once, and then no more will come."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A service's answer: its status (0: none, `text` says why), its body, and the seconds until it was there."""

    status: int
    text: str
    seconds: float
    json: dict[str, Any] | None = None

    @property
    def predictions(self) -> Any:
        return self.json.get("predictions") if self.json else None


def request_bytes(
    body: bytes,
    *,
    method: str = "POST",
    target: str = "/predict",
    headers: tuple[tuple[str, str], ...] = (),
    length: int | None = None,
) -> bytes:
    """Return a whole request. `length` is a Content-Length that is not the body's own, -1 for none at all."""
    fields = {"Host": "127.0.0.1", "Content-Type": "application/json", "Connection": "close"}
    if length != -1:
        fields["Content-Length"] = str(len(body) if length is None else length)
    lines = [f"{method} {target} HTTP/1.1"]
    replaced = {name.lower() for name, _ in headers}
    lines += [f"{name}: {value}" for name, value in fields.items() if name.lower() not in replaced]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def post(address: tuple[str, int], body: bytes, seconds: float = REQUEST_SECONDS) -> Reply:
    """Ask `POST /predict` as any client does."""
    return exchange(address, request_bytes(body), seconds=seconds)


def exchange(
    address: tuple[str, int],
    written: bytes,
    *,
    method: str = "POST",
    pace: Pace = "at once",
    seconds: float = REQUEST_SECONDS,
) -> Reply:
    """Write a request to a connection of its own and read the answer; a broken connection is a reply of status 0."""
    began = time.perf_counter()
    try:
        with socket.create_connection(address, timeout=seconds) as connection:
            trouble = _write(connection, written, pace)
            response = HTTPResponse(connection, method=method)
            try:
                response.begin()
                text = response.read()
            except (OSError, HTTPException) as error:
                raise trouble or error from None
            return _reply(response.status, text, time.perf_counter() - began)
    except (OSError, HTTPException) as error:
        return Reply(0, f"{type(error).__name__}: {error}", time.perf_counter() - began)


def _write(connection: socket.socket, written: bytes, pace: Pace) -> OSError | None:
    """Write as the pace says. A server may answer before it has read all, and close: then there is still an answer."""
    try:
        if pace in {"at once", "then gone"}:
            connection.sendall(written)
        else:
            head, _, body = written.partition(b"\r\n\r\n")
            connection.sendall(head + b"\r\n\r\n")
            for place in range(len(body)):
                connection.sendall(body[place : place + 1])
                time.sleep(DRIP_SECONDS / len(body))
        if pace == "then gone":
            connection.shutdown(socket.SHUT_WR)
    except OSError as error:
        return error
    return None


def _reply(status: int, text: bytes, seconds: float) -> Reply:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return Reply(status, text[:2_000].decode(errors="replace"), seconds, value if isinstance(value, dict) else None)
