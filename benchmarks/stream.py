"""Messages through a real broker, with the worker killed on the way: is every key answered, and none answered differently?

    python benchmarks/stream.py churn --broker nats --messages 100000 --kills 3

The first argument is a deployed name or a package's folder. The rows are the package's recorded ones, and each answer is
compared with the notebook's. The broker (nats-server or redis-server) is started on a free port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from nbdeploy.frontends.package_folder import module_of, package_folder
from nbdeploy.proving.clean_process import recorded_requests

__all__ = ["main"]

AT_ONCE = 1000
PATIENCE = 10


def main() -> None:
    parser = argparse.ArgumentParser(description="Messages through a broker, with the worker killed on the way.")
    parser.add_argument("package", help="a deployed name, or an exported package's folder")
    parser.add_argument("--broker", choices=BROKERS, default="nats")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    folder = package_folder(options.package)
    recorded = recorded_requests(folder, module_of(folder))
    with tempfile.TemporaryDirectory(prefix="nbdeploy-benchmark-", ignore_cleanup_errors=True) as scratch:
        found = asyncio.run(measured(folder, recorded, options, Path(scratch)))
    print(json.dumps(found, indent=2))
    sys.exit(found["unanswered"] + found["unlike_the_notebook"] + found["answered_differently"] > 0)


async def measured(folder: Path, recorded: dict[str, Any], options: Any, scratch: Path) -> dict[str, Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kind = BROKERS[options.broker]
    server = subprocess.Popen(
        kind.command(port, scratch), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    await asyncio.sleep(2.0)
    broker = kind()
    url = f"{options.broker}://127.0.0.1:{port}"
    try:
        await broker.connect(url)
        rows = recorded["rows"]
        bodies = [json.dumps(with_key(rows[number % len(rows)], number)).encode() for number in range(options.messages)]
        for start in range(0, len(bodies), AT_ONCE):
            await broker.send(bodies[start : start + AT_ONCE])
        return await asked(folder, url, broker, recorded["predictions"], options)
    finally:
        server.terminate()
        server.wait()


def with_key(row: Any, number: int) -> dict[str, Any]:
    field = "rows" if isinstance(row, dict) else "input"
    return {field: [row], "key": number}


async def asked(folder: Path, url: str, broker: Any, wanted: list[Any], options: Any) -> dict[str, Any]:
    """Read answers until all keys have one, and kill the worker at random places on the way."""
    places = sorted(random.Random(0).sample(range(options.messages // 10, options.messages), options.kills))
    found: dict[int, list[Any]] = {}
    answers, kills, working, last = 0, 0, 0.0, time.monotonic()
    worker = started(folder, url)
    while len(found) < options.messages and time.monotonic() - last < 20 * PATIENCE:
        began = time.monotonic()
        read = await broker.read()
        for each in read:
            found.setdefault(each["key"], []).append(each["predictions"])
        answers += len(read)
        if read:
            last = time.monotonic()
            working += last - began
        if kills < len(places) and len(found) >= places[kills]:
            await asyncio.sleep(random.random() * 0.2)  # anywhere between two batches, or in one
            worker.kill()
            worker.wait()
            kills += 1
            worker = started(folder, url)
    worker.send_signal(signal.SIGTERM)
    status = worker.wait(120)
    unlike = sum(not same(each[0], wanted[key % len(wanted)]) for key, [each, *_] in found.items())
    return {
        "broker": options.broker,
        "messages": options.messages,
        "kills": kills,
        "unanswered": options.messages - len(found),
        "unlike_the_notebook": unlike,
        "answered_twice": answers - len(found),
        "answered_differently": sum(any(each != first for each in rest) for first, *rest in found.values()),
        "dead_letters": await broker.dead(),
        "status_after_sigterm": status,
        "messages_per_second": round(answers / working),
    }


def started(folder: Path, url: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "nbdeploy.frontends.cli",
        "stream",
        str(folder),
        "--in",
        "rows",
        "--out",
        "answers",
    ]
    environment = {**os.environ, "NBDEPLOY_BROKER": url}
    return subprocess.Popen([*command, "--patience", str(PATIENCE), "--quiet"], env=environment)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)


class Nats:
    @staticmethod
    def command(port: int, folder: Path) -> list[str]:
        return ["nats-server", "-js", "-sd", str(folder), "-a", "127.0.0.1", "-p", str(port)]

    async def connect(self, url: str) -> None:
        import nats

        self.jetstream = (await nats.connect(url)).jetstream()
        for name, topic in (("rows", "rows"), ("answers", "answers"), ("dead", "rows.dead")):
            await self.jetstream.add_stream(name=name, subjects=[topic])
        self.answers = await self.jetstream.pull_subscribe("answers", "benchmark")

    async def send(self, bodies: list[bytes]) -> None:
        await asyncio.gather(*(self.jetstream.publish("rows", each) for each in bodies))

    async def read(self) -> list[Any]:
        try:
            found = await self.answers.fetch(AT_ONCE, timeout=1)
        except TimeoutError:
            return []
        for each in found:
            await each.ack()
        return [json.loads(each.data) for each in found]

    async def dead(self) -> int:
        return int((await self.jetstream.stream_info("dead")).state.messages)


class Redis:
    @staticmethod
    def command(port: int, folder: Path) -> list[str]:
        return ["redis-server", "--port", str(port), "--dir", str(folder), "--save", "", "--bind", "127.0.0.1"]

    async def connect(self, url: str) -> None:
        from redis.asyncio import from_url

        self.client, self.last = from_url(url), "0"

    async def send(self, bodies: list[bytes]) -> None:
        async with self.client.pipeline(transaction=False) as together:
            for each in bodies:
                together.xadd("rows", {"data": each})
            await together.execute()

    async def read(self) -> list[Any]:
        found = await self.client.xread({"answers": self.last}, count=AT_ONCE, block=1000)
        entries = found[0][1] if found else []
        if entries:
            self.last = entries[-1][0]
        return [json.loads(fields[b"__data__"]) for _, fields in entries]

    async def dead(self) -> int:
        return int(await self.client.xlen("rows.dead"))


BROKERS = {"nats": Nats, "redis": Redis}

if __name__ == "__main__":
    main()
