"""A small contract and a service in this process that keeps it, or breaks it in a named way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.proving.contract_file import CONTRACT_VERSION

__all__ = ["CONTRACT", "DIGEST", "OTHER_DIGEST", "FakeService", "changed"]

DIGEST, OTHER_DIGEST = "a" * 64, "b" * 64
FORM = Schema(kind=Kind.TABLE, type="pandas.DataFrame", rows=2, shape=(2, 1), columns=(ColumnSpec("age", "float64"),))
ANSWER = Schema(
    kind=Kind.TABLE,
    type="pandas.DataFrame",
    rows=2,
    shape=(2, 2),
    columns=(ColumnSpec("risk", "float64"), ColumnSpec("call", "str")),
)
CONTRACT: dict[str, Any] = {
    "contract": CONTRACT_VERSION,
    "name": "risk",
    "module": "risk",
    "version": "3",
    "model": {"digest": DIGEST},
    "request": {"method": "POST", "path": "/predict", "field": "rows", "by_row": True},
    "input": FORM.as_json(),
    "output": ANSWER.as_json(),
    "tolerance": {"relative": 1e-9, "absolute": 1e-12},
    "budgets": {},
    "examples": [
        {"request": {"rows": [{"age": age}]}, "predictions": [{"risk": age / 100, "call": "no"}]}
        for age in (20.0, 31.5)
    ],
    "refusals": [{"request": {"rows": [{"age": 1.0}, {"age": "x"}]}, "row": 1, "field": "age", "why": "age is a text"}],
    "gates": [],
}


def changed(**keys: Any) -> dict[str, Any]:
    """Return the contract with other values of some keys."""
    return {**CONTRACT, **keys}


@dataclass
class FakeService:
    """Answers over real HTTP by a rule, not by a model: a stand-in for services that are hard to come by.

    `slow` are seconds before an answer; `off` is added to every risk; `lost` drops the last prediction; `rename` renames a field;
    `status` answers right requests with it; `lenient` answers wrong ones; `key` is the API key that it asks for.
    """

    contract: dict[str, Any] = field(default_factory=lambda: CONTRACT)
    version: str = "3"
    digest: str | None = DIGEST
    slow: float = 0.0
    off: float = 0.0
    lost: bool = False
    rename: str = "risk"
    status: int = 200
    lenient: bool = False
    nameless: bool = False
    key: str | None = None
    heard: list[str] = field(default_factory=list)

    def answer(self, rows: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        wrong = next((n for n, row in enumerate(rows) if not isinstance(row.get("age"), float)), None)
        if wrong is not None and not self.lenient:
            place = {"row": None, "field": None} if self.nameless else {"row": wrong, "field": "age"}
            return 400, {"error": "age is not a number", "problems": [{**place, "message": "not a number"}]}
        if self.status != 200:
            return self.status, {"error": "not today", "problems": []}
        ages = [row["age"] if isinstance(row["age"], float) else 0.0 for row in rows]
        found = [{self.rename: age / 100 + self.off, "call": "no"} for age in ages]
        return 200, {"predictions": found[:-1] if self.lost else found, "version": self.version}

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve until the block ends; gives the address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        serving = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            serving.join()


def _handler(service: FakeService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = self.path == "/contract"
            self.reply(200 if found else 404, service.contract if found else {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.heard.append(self.path)
            if service.key and self.headers.get("X-API-Key") != service.key:
                return self.reply(401, {"error": "no key"})
            time.sleep(service.slow)
            return self.reply(*service.answer(body["rows"]))

        def reply(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("X-Model-Version", service.version)
            if service.digest:
                self.send_header("X-Model-Digest", service.digest)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
