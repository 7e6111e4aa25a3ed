"""Runs in a process of its own: sends each request when it is due, answered or not, and counts latency from that moment.

Started as a script with `python -I JOB REPORT`; it knows nothing of nbdeploy. A client that waits for an answer before it asks
again (a closed loop) asks a slow service less, and sees it faster than its users do. Here the clock asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any

CONNECTIONS = 128  # requests that are under way at once; those beyond wait, and their time counts
GRACE = 10.0  # seconds after the last request is due until what is not answered is given up


class Probe:
    def __init__(self, job: dict[str, Any]) -> None:
        self.host, self.port = job["address"]
        self.tls = ssl.create_default_context() if job.get("tls") else None
        fields = {"Host": f"{self.host}:{self.port}", "Content-Type": "application/json", **job.get("headers", {})}
        head = f"POST {job.get('path', '/predict')} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
        bodies = [each.encode() for each in job["bodies"]]
        self.requests = cycle([f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies])
        self.due: list[float] = job["due"]
        self.waiting: asyncio.Queue[float] = asyncio.Queue()
        self.latencies: list[float] = []
        self.statuses: dict[str, int] = {}
        self.last = 0.0
        self.late = 0.0  # by how much this process itself fell behind: then its figures are its own

    async def run(self) -> dict[str, Any]:
        senders = [asyncio.create_task(self.sender()) for _ in range(min(CONNECTIONS, len(self.due)))]
        await asyncio.sleep(0.05)
        start = time.perf_counter() + 0.05
        for each in self.due:
            await asyncio.sleep(start + each - time.perf_counter())
            self.late = max(self.late, time.perf_counter() - start - each)
            self.waiting.put_nowait(start + each)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.waiting.join(), GRACE)
        for sender in senders:
            sender.cancel()
        unanswered = len(self.due) - sum(self.statuses.values())
        return {
            "sent": len(self.due),
            "latencies": [round(each, 6) for each in self.latencies],
            "statuses": self.statuses | ({"none": self.statuses.get("none", 0) + unanswered} if unanswered else {}),
            "seconds": max(self.last - start, self.due[-1]) if self.latencies else GRACE,
            "late": round(self.late, 4),
        }

    async def sender(self) -> None:
        """Send what is due over one connection; a broken one is opened anew for the next request."""
        streams = None
        while True:
            due = await self.waiting.get()
            try:
                streams = streams or await asyncio.open_connection(self.host, self.port, ssl=self.tls)
                status = await ask(*streams, next(self.requests))
            except (OSError, EOFError, ValueError, StopIteration, asyncio.LimitOverrunError):
                streams, status = None, "none"
            now = time.perf_counter()
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == "200":
                self.latencies.append(now - due)
                self.last = now
            self.waiting.task_done()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> str:
    """Send a request, read its answer, and return the status."""
    writer.write(request)
    await writer.drain()
    lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    await reader.readexactly(length)
    return lines[0].split()[1].decode()


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    report = asyncio.run(Probe(job).run())
    Path(sys.argv[2]).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
