"""Runs in a process of its own: asks the other version what a client asked the first one, and compares the answers.

HAProxy (release.lua) hands it pairs of a request and its answer, through a socket in the service's folder. `witness.json` there
says who the two versions are; `comparison.json` is what was seen; `comparisons.jsonl` keeps both answers to each request.
Nobody waits for it: where it is too slow, pairs are dropped and counted.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import struct
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from pathlib import Path
from typing import IO, Any

from nbdeploy.home import write_atomically
from nbdeploy.operating.release.comparison import disagreement, rows_of
from nbdeploy.operating.release.haproxy import PAIRS, in_folder
from nbdeploy.packaging.tolerance import Tolerance
from nbdeploy.proving.answers import same

__all__ = ["main"]

CLIENTS = 4
WAITING = 64  # pairs; more wait in the proxy, which counts what it drops
RECENT = 2_000  # rows and times that the figures are of
MOST_BYTES = 64 * 1024 * 1024  # of the stored comparisons; as much again is kept from before
EVERY = 0.5  # seconds
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A request with the answer that one lane gave."""

    lane: str
    dropped: int
    id: str
    request: bytes
    answer: bytes


@dataclass(slots=True)
class Tally:
    """What was seen in one release."""

    release: int = 0
    asked: int = 0
    failed: int = 0
    dropped: int = 0
    rows: int = 0
    different: int = 0
    first: str = ""
    times: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    pairs: deque[tuple[Any, Any]] = field(default_factory=lambda: deque(maxlen=RECENT))

    def as_json(self, tolerance: Tolerance) -> dict[str, Any]:
        _, disagreed, drift = disagreement(tuple(self.pairs), tolerance)
        recent = len(self.pairs)
        return {
            "release": self.release,
            "asked": self.asked,
            "failed": self.failed,
            "dropped": self.dropped,
            "rows": recent,
            "rows_in_all": self.rows,
            "different": self.different,
            "disagreed": disagreed,
            "drift": drift,
            "first": self.first,
            "times": list(self.times),
        }


class Witness:
    """Takes pairs, asks, compares, writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job: dict[str, Any] = {}
        self.tally = Tally()
        self.lock = threading.Lock()
        self.waiting: queue.Queue[Pair] = queue.Queue(WAITING)

    def run(self) -> None:
        self.read_job()
        for _ in range(CLIENTS):
            threading.Thread(target=self.ask_all, daemon=True).start()
        threading.Thread(target=self.report, daemon=True).start()
        self.take()

    def take(self) -> None:
        """Take pairs from the proxy, from one connection after the other."""
        with suppress(FileNotFoundError):
            (self.folder / PAIRS).unlink()
        with in_folder(self.folder, PAIRS) as path, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self.take_from, args=(connection,), daemon=True).start()

    def take_from(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(EOFError, OSError):
            while True:
                lane, dropped, id = _part(stream).decode().split(" ", 2)
                self.waiting.put(Pair(lane, int(dropped), id, _part(stream), _part(stream)))

    def ask_all(self) -> None:
        asked = Asked()
        while True:
            pair = self.waiting.get()
            job = self.job
            before, trial = job.get("before", {}), job.get("trial", {})
            other = trial if pair.lane == before.get("lane") else before if pair.lane == trial.get("lane") else None
            with self.lock:
                self.tally.dropped += pair.dropped
            if other and other["ports"]:
                self.compare(pair, job, asked, other)

    def compare(self, pair: Pair, job: dict[str, Any], asked: Asked, other: dict[str, Any]) -> None:
        began = time.perf_counter()
        status, body = asked.ask(other["ports"], pair.request, _headers(job))
        ms = (time.perf_counter() - began) * 1000
        given = _predictions(pair.answer)
        if given is None:
            return
        got = _predictions(body) if status == 200 else None
        before, now = (given, got) if other is job["trial"] else (got, given)
        with self.lock:
            if job is not self.job:
                return
            self._count(before, now, ms if got is not None else None, Tolerance(*job["tolerance"]))
        self._keep({"at": time.time(), "id": pair.id, "release": job["release"], "asked": other["version"],
                    "before": before, "trial": now, "status": status, "ms": round(ms, 2)})  # fmt: skip

    def _count(self, before: list[Any] | None, now: list[Any] | None, ms: float | None, tolerance: Tolerance) -> None:
        tally = self.tally
        tally.asked += 1
        if before is None or now is None or ms is None:
            tally.failed += 1
            return
        tally.times.append(ms)
        if len(before) != len(now):
            before, now = [before], [now]
        tally.rows += len(before)
        tally.pairs.extend(zip(before, now, strict=True))
        wrong = [(a, b) for a, b in zip(before, now, strict=True) if not same(b, a, tolerance)]
        tally.different += len(wrong)
        if wrong and not tally.first:
            tally.first = f"{json.dumps(wrong[0][0])[:100]} before, {json.dumps(wrong[0][1])[:100]} on trial"

    def report(self) -> None:
        while True:
            time.sleep(EVERY)
            self.read_job()
            with self.lock:
                seen = self.tally.as_json(Tolerance(*self.job.get("tolerance", (0.0, 0.0))))
            write_atomically(self.folder / "comparison.json", json.dumps(seen))

    def read_job(self) -> None:
        with suppress(OSError, ValueError):
            job = json.loads((self.folder / "witness.json").read_text(encoding="utf-8"))
            if job != self.job:
                with self.lock:
                    if job["release"] != self.tally.release:
                        self.tally = Tally(release=job["release"])
                    self.job = job

    def _keep(self, line: dict[str, Any]) -> None:
        file = self.folder / "comparisons.jsonl"
        with self.lock, file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
            full = out.tell() > MOST_BYTES
        if full:
            with suppress(FileNotFoundError):
                file.replace(file.with_suffix(".jsonl.1"))


class Asked:
    """A client that keeps its connections."""

    def __init__(self) -> None:
        self.connections: dict[int, HTTPConnection] = {}
        self.turn = cycle(range(1000))

    def ask(self, ports: list[int], body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Return the status (0: none came) and the body. A connection that was closed meanwhile is opened again."""
        port = ports[next(self.turn) % len(ports)]
        for again in (True, False):
            connection = self.connections.setdefault(port, HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS))
            try:
                connection.request("POST", "/predict", body, {"Content-Type": "application/json", **headers})
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, HTTPException) as problem:
                connection.close()
                del self.connections[port]
                if not again:
                    return 0, str(problem).encode()
        raise AssertionError("the loop returns")


def _headers(job: dict[str, Any]) -> dict[str, str]:
    keys = os.environ.get(job["key_variable"], "").split()
    return {"Authorization": f"Bearer {keys[0]}"} if keys else {}


def _part(stream: IO[bytes]) -> bytes:
    """Read a text with its length before it (four bytes, the highest first). Raises EOFError."""
    (length,) = struct.unpack(">I", _exactly(stream, 4))
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], length: int) -> bytes:
    part = stream.read(length)
    if len(part) < length:
        raise EOFError
    return part


def _predictions(body: bytes) -> list[Any] | None:
    try:
        return rows_of(json.loads(body)["predictions"])
    except (ValueError, LookupError, TypeError):
        return None


def main() -> None:
    folder = Path(sys.argv[1])
    os.nice(5)  # who waits for an answer comes first
    Witness(folder).run()


if __name__ == "__main__":
    main()
