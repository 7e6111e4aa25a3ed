"""Runs in a process of its own: asks a service again and again, as one client and as many, and writes how long it took.

Started as a script with `python -I JOB REPORT`, so that neither this process' other work nor its lock is in the figures;
it knows nothing of nbdeploy. A client keeps its connection and sends the next request when the last one is answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any

WARM = 5  # requests of the first client that are not counted
LEAST = 20  # requests, even where they take longer than planned
LONGEST = 5.0  # times what was planned


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    status = lines[0].split()[1]
    length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    body = await reader.readexactly(length)
    if status != b"200":
        raise ValueError(f"status {status.decode()}: {body[:200].decode(errors='replace')}")


async def measured(job: dict[str, Any], clients: int) -> dict[str, Any]:
    """Ask as many clients for so long; the requests of client n start at the n-th body."""
    address, bodies, seconds = job["address"], [each.encode() for each in job["bodies"]], job["seconds"]
    fields = {"Host": f"{address[0]}:{address[1]}", "Content-Type": "application/json", **job.get("headers", {})}
    head = f"POST {job.get('path', '/predict')} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    requests = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
    seen: list[float] = []
    connections = [await asyncio.open_connection(*address, ssl=job.get("tls") or None) for _ in range(clients)]
    for n in range(WARM):
        await ask(*connections[0], requests[n % len(requests)])
    start = time.perf_counter()

    async def client(number: int) -> None:
        turns = cycle(requests[number % len(requests) :] + requests[: number % len(requests)])
        while True:
            began = time.perf_counter()
            spent = began - start
            if spent > LONGEST * seconds or (spent > seconds and len(seen) >= LEAST):
                return
            await ask(*connections[number], next(turns))
            seen.append(time.perf_counter() - began)

    await asyncio.gather(*(client(number) for number in range(clients)))
    spent = time.perf_counter() - start
    for _, writer in connections:
        writer.close()
    seen.sort()
    place = {"p50_ms": 0.50, "p99_ms": 0.99}
    return {
        "requests": len(seen),
        "rps": len(seen) / spent,
        "max_ms": seen[-1] * 1000,
        **{name: seen[min(len(seen) - 1, int(part * len(seen)))] * 1000 for name, part in place.items()},
    }


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        report: dict[str, Any] = {str(clients): asyncio.run(measured(job, clients)) for clients in job["clients"]}
    except (OSError, EOFError, ValueError, StopIteration) as problem:
        report = {"error": f"{type(problem).__name__}: {problem}"}
    Path(sys.argv[2]).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
