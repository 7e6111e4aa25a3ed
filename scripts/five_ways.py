"""One package, five ways to run it, one table of equal answers.

    python scripts/five_ways.py house_prices

NAME is a deployed service. The rows that its notebook predicted are asked again, by each command as a user would type it: over
HTTP, as a batch, as messages through NATS, and in a browser. Needs nats-server and Chromium; the browser is left out where the
package has no graph.
"""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["WAYS", "Compared", "five_ways", "main"]

SECONDS = 300.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PREDICT = 'rows => import("./predict.js").then(({predict}) => predict(rows))'
BESIDE = {"model_version", "request_id", "request_row"}  # what a batch puts beside the predictions


@dataclass(frozen=True, slots=True)
class Asked:
    """The package of a deployed service, and the rows that its notebook predicted, as the service takes them."""

    name: str
    package: Path
    field: str
    rows: Sequence[Any]
    predictions: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Compared:
    """What one way answered: how many rows, how many are not equal to the notebook's, the largest relative difference."""

    way: str
    rows: int
    unequal: int
    largest: float


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 2
    found = five_ways(sys.argv[1], lambda each: print(f"asked: {each}", file=sys.stderr))
    print("| way | rows | not equal to the notebook's | largest relative difference |\n|---|---|---|---|")
    for each in found:
        print(f"| {each.way} | {each.rows} | {each.unequal} | {each.largest:.2g} |")
    return int(any(each.unequal for each in found))


def five_ways(name: str, told: Callable[[str], object] = lambda way: None) -> list[Compared]:
    """Ask a deployed service its recorded rows in all ways at once; the first of the list is the notebook itself."""
    asked = asked_of(name)
    graph = (asked.package / "edge" / "predict.onnx").is_file()
    ways = {way: ask for way, ask in WAYS.items() if way != "browser" or graph}

    def answered(way: str) -> Compared:
        with tempfile.TemporaryDirectory(prefix="nbdeploy-five-ways-", ignore_cleanup_errors=True) as scratch:
            found = compared(way, asked, ways[way](asked, Path(scratch)))
        told(way)
        return found

    with ThreadPoolExecutor() as pool:
        return [compared("notebook", asked, asked.predictions), *pool.map(answered, ways)]


def asked_of(name: str) -> Asked:
    from nbdeploy import load_deployment
    from nbdeploy.proving.clean_process import recorded_requests

    deployed = load_deployment(name)
    package = Path(deployed["package"])
    recorded = recorded_requests(package, deployed["module"])
    contract = json.loads((package / "contract.json").read_text(encoding="utf-8"))
    return Asked(name, package, contract["request"]["field"], recorded["rows"], recorded["predictions"])


def compared(way: str, asked: Asked, found: Sequence[Any]) -> Compared:
    differences = [difference(one, other) for one, other in zip(asked.predictions, found, strict=True)]
    return Compared(way, len(found), sum(each > 1e-9 for each in differences), max(differences, default=0.0))


def difference(one: Any, other: Any) -> float:
    """Return the largest relative difference of two predictions; what is no number is equal or infinitely different."""
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        return max((difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max(map(difference, one, other), default=0.0)
    if isinstance(one, float) and isinstance(other, int | float) and not isinstance(other, bool):
        return abs(one - other) / max(abs(one), 1e-3)
    return 0.0 if one == other and type(one) is type(other) else math.inf


# the ways -------------------------------------------------------------------------------------------------------------------


def over_http(asked: Asked, scratch: Path) -> list[Any]:
    port = free_port()
    with running("serve", asked.name, "--port", str(port)):
        wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close())
        body = json.dumps({asked.field: asked.rows}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            predictions: list[Any] = json.load(response)["predictions"]
            return predictions


def as_a_batch(asked: Asked, scratch: Path) -> list[Any]:
    rows, answers = scratch / "rows.jsonl", scratch / "answers.jsonl"
    columns = [] if asked.field == "rows" else [f"c{place}" for place in range(len(cells(asked.rows[0])))]
    records = [dict(zip(columns, cells(row), strict=True)) if columns else row for row in asked.rows]
    rows.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    options = ["--columns", ",".join(columns)] if columns else []
    command = [
        *nbdeploy("batch", asked.name),
        "--in",
        str(rows),
        "--out",
        str(answers),
        "--keep",
        "none",
        *options,
        "--quiet",
    ]
    subprocess.run(command, check=True, timeout=SECONDS)
    found = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    answered = [{key: value for key, value in each.items() if key not in BESIDE} for each in found]
    return [each["prediction"] if each.keys() == {"prediction"} else each for each in answered]


def as_messages(asked: Asked, scratch: Path) -> list[Any]:
    port = free_port()
    url = f"nats://127.0.0.1:{port}"
    broker = ["nats-server", "-js", "-sd", str(scratch), "-a", "127.0.0.1", "-p", str(port)]
    with process(broker):
        wait_for(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        with running("stream", asked.name, "--broker", url, "--in", "rows", "--out", "answers"):
            return asyncio.run(sent_and_read(asked, url))


async def sent_and_read(asked: Asked, url: str) -> list[Any]:
    import nats

    client = await nats.connect(url)
    jetstream = client.jetstream()
    await jetstream.add_stream(name="all", subjects=["rows", "answers", "rows.dead"])
    answers = await jetstream.subscribe("answers", ordered_consumer=True)
    for number, row in enumerate(asked.rows):
        await jetstream.publish("rows", json.dumps({asked.field: [row], "key": number}).encode())
    found: dict[int, Any] = {}
    while len(found) < len(asked.rows):
        answer = json.loads((await answers.next_msg(timeout=SECONDS)).data)
        (found[answer["key"]],) = answer["predictions"]
    await client.close()
    return [found[number] for number in range(len(found))]


def in_the_browser(asked: Asked, scratch: Path) -> list[Any]:
    from playwright.sync_api import sync_playwright

    subprocess.run(
        [*nbdeploy("edge", asked.name), "--out", str(scratch / "page"), "--quiet"], check=True, timeout=SECONDS
    )
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(scratch / "page")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as started:
            page = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            predictions: list[Any] = page.evaluate(PREDICT, list(asked.rows))
            return predictions
    finally:
        server.shutdown()
        server.server_close()


WAYS: Mapping[str, Callable[[Asked, Path], list[Any]]] = {
    "HTTP": over_http,
    "batch": as_a_batch,
    "stream": as_messages,
    "browser": in_the_browser,
}


# processes ------------------------------------------------------------------------------------------------------------------


def nbdeploy(*words: str) -> list[str]:
    return [sys.executable, "-m", "nbdeploy.frontends.cli", *words]


def running(*words: str) -> Any:
    return process([*nbdeploy(*words), "--quiet"])


@contextmanager
def process(command: list[str]) -> Iterator[None]:
    """Run a program until the block ends."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(60)


def wait_for(reached: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while True:
        try:
            reached()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def cells(row: Any) -> list[Any]:
    return row if isinstance(row, list) else [row]


if __name__ == "__main__":
    sys.exit(main())
