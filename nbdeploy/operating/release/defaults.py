"""Runs in a process of its own: answers each row with the documented default, when no version can."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["main"]

MOST_BYTES = 64 * 1024 * 1024


class Defaults(BaseHTTPRequestHandler):
    """`POST /predict` in the form of the service, marked as a fallback; ready as long as it runs."""

    protocol_version = "HTTP/1.1"
    default: Any = None
    field = "rows"
    by_row = True

    def do_GET(self) -> None:
        self.answer(200, {"ready": True})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BYTES:
            self.close_connection = True
            self.answer(413, {"error": "the body is too large"})
            return
        try:
            sent = json.loads(self.rfile.read(length))[self.field]
            count = len(sent) if self.by_row else None
        except (ValueError, LookupError, TypeError):
            self.answer(400, {"error": f'the body must be a JSON object with the field "{self.field}"'})
            return
        predictions = self.default if count is None else [self.default] * count
        self.answer(200, {"predictions": predictions, "version": "default", "fallback": "default"})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Model-Version", "default")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words: Any) -> None:
        """Say nothing: the proxy has it in its log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main() -> None:
    job = json.loads(sys.argv[2])
    Defaults.default, Defaults.field, Defaults.by_row = job["default"], job["field"], job["by_row"]
    Server(("127.0.0.1", int(sys.argv[1])), Defaults).serve_forever()


if __name__ == "__main__":
    main()
