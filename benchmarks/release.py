"""Releases under a steady load, with real servers behind a real HAProxy: what users lose, and how soon a bad version is gone.

    python benchmarks/release.py [switches] [faults] [shadow] [kills] [--requests N] [--kills N] [--json]

    switches   a blue-green switch, five canary steps, a promotion, a rollback, until enough requests were sent: how many failed
    faults     a canary that fails on 5 % of requests, a slow one, one that answers otherwise: seconds until each is gone
    shadow     rounds with and without a shadow in turn: the p50 of each, what was mirrored, what was dropped
    kills      kill -9 of the supervisor, the proxy or a server at random moments: seconds until the service answers, and
               whether what is on record is right

The load is wrk's (apt-get install wrk), one row a request, eight connections. The service is a package of one formula: what is
measured is the way to it, not the model.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PORT = 3917
URL = f"http://127.0.0.1:{PORT}/predict"
PARTS = ("switches", "faults", "shadow", "kills")
CONNECTIONS = 8


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    rps: float


def wrk(folder: Path, seconds: float) -> subprocess.Popen[str]:
    from tests.operating.release.versions import REQUEST

    script = folder / "post.lua"
    body = json.dumps(REQUEST)
    script.write_text(f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = '{body}'\n")
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds:.0f}s",
        "--timeout",
        "30s",
        "--latency",
        "-s",
        str(script),
        URL,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def load_of(text: str) -> Load:
    def number(pattern: str) -> float:
        found = re.search(pattern, text)
        return float(found.group(1)) if found else 0.0

    def ms(percent: int) -> float:
        found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", text)
        return float(found.group(1)) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found.group(2)] if found else 0.0

    socket = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    lost = sum(int(each) for each in socket.groups()) if socket else 0
    refused = int(number(r"Non-2xx or 3xx responses: (\d+)"))
    return Load(int(number(r"(\d+) requests in")), lost + refused, ms(50), ms(99), number(r"Requests/sec:\s+([\d.]+)"))


@contextmanager
def under_load(folder: Path, seen: list[Load], slice_seconds: float = 20.0) -> Iterator[None]:
    """Keep the load on while the block runs, and until it has ended."""
    over = threading.Event()

    def keep() -> None:
        while not over.is_set():
            seen.append(load_of(wrk(folder, slice_seconds).communicate()[0]))

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def wish(strategy: str, version: str, **given: Any) -> Any:
    from nbdeploy.operating.release.control import Wish
    from nbdeploy.operating.release.state import Fallback, Strategy

    asked = {"every": 6.0, "port": PORT, "fallback": Fallback.PREVIOUS, **given}
    return Wish(strategy=Strategy(strategy), version=version, why="benchmark", **asked)


def released(strategy: str, version: str, *, wait: bool = True, **given: Any) -> dict[str, Any]:
    from nbdeploy.operating.release.control import release

    return release("scores", wish(strategy, version, **given), wait=wait)


def switches(folder: Path, requests: int) -> dict[str, Any]:
    from nbdeploy.operating.release.control import history, promote_version, roll_back

    seen: list[Load] = []
    with under_load(folder, seen):
        while True:
            released("blue-green", "2")
            released("canary", "3", steps=(5, 25, 50, 75, 100))
            released("canary", "1", steps=(10, 100), wait=False)
            promote_version("scores", why="benchmark")
            roll_back("scores", why="benchmark")
            if sum(each.requests for each in seen) >= requests:
                break
            roll_back("scores", to="1", why="again")
    promoted = [each["event"] for each in history("scores")]
    return {
        "requests": sum(each.requests for each in seen),
        "failed": sum(each.failed for each in seen),
        "promoted": promoted.count("promoted"),
        "rolled_back": promoted.count("rolled back"),
        "rps": statistics.median(each.rps for each in seen),
        "p50_ms": statistics.median(each.p50_ms for each in seen),
        "p99_ms": max(each.p99_ms for each in seen),
    }


def faults(folder: Path) -> dict[str, Any]:
    from nbdeploy.errors import GateError
    from nbdeploy.operating.release.control import history

    found: dict[str, Any] = {}
    for fault, version in (("errors", "11"), ("slow", "12"), ("differs", "13")):
        seen: list[Load] = []
        with under_load(folder, seen, 10.0):
            try:
                released("canary", version, steps=(10, 50, 100), every=30.0)
                outcome = "promoted"
            except GateError:
                outcome = "rolled back"
        events = [each for each in history("scores") if each["version"] == version]
        shared = next(each["at"] for each in events if each["event"].endswith("shared"))
        end = events[-1]
        found[fault] = {
            "outcome": outcome,
            "seconds": round(end["at"] - shared, 2),
            "why": end["why"],
            "requests": sum(each.requests for each in seen),
            "failed_for_users": sum(each.failed for each in seen),
        }
    return found


def paced(seconds: float, every: float = 0.05) -> list[float]:
    """Ask from as many connections, each so often; return the milliseconds of the answers, infinite where there was none.

    A shadow is asked as much as the live version: at the most that both cores can do, it would be their work that is measured.
    """
    from tests.operating.release.versions import REQUEST

    times: list[float] = []
    body = json.dumps(REQUEST)

    def client(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", PORT, timeout=30)
        due = time.perf_counter() + every * number / CONNECTIONS
        end = due + seconds
        while due < end:
            time.sleep(max(0.0, due - time.perf_counter()))
            began = time.perf_counter()
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            heard = connection.getresponse()
            heard.read()
            times.append((time.perf_counter() - began) * 1000 if heard.status == 200 else math.inf)
            due += every

    clients = [threading.Thread(target=client, args=(number,)) for number in range(CONNECTIONS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return times


def shadow(rounds: int = 4, seconds: float = 10.0) -> dict[str, Any]:
    from nbdeploy.operating.release.control import roll_back
    from nbdeploy.operating.release.state import Limits
    from nbdeploy.operating.release.status import status

    off: list[float] = []
    on: list[float] = []
    seen = {"asked": 0, "dropped": 0, "different": 0}
    for _ in range(rounds):
        released("shadow", "2", wait=False, limits=Limits(p99_ms=60_000.0))
        time.sleep(1.0)
        on += (these := paced(seconds))
        end = time.monotonic() + 10
        while (status("scores")["comparison"] or {"asked": 0})["asked"] < len(these) and time.monotonic() < end:
            time.sleep(0.2)
        for key in seen:
            seen[key] += status("scores")["comparison"][key]
        roll_back("scores", why="next round")
        time.sleep(2.0)
        off += paced(seconds)
    p50_off, p50_on = statistics.median(off), statistics.median(on)
    return {
        "requests": len(on),
        "failed": sum(math.isinf(each) for each in (*on, *off)),
        "mirrored": seen["asked"],
        "dropped": seen["dropped"],
        "different": seen["different"],
        "p50_ms_off": round(p50_off, 2),
        "p50_ms_on": round(p50_on, 2),
        "ratio": round(p50_on / p50_off, 3),
    }


def answers(seconds: float = 5.0) -> str | None:
    """Return the version that answers, None where none does."""
    from tests.operating.release.versions import REQUEST

    request = urllib.request.Request(URL, json.dumps(REQUEST).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as heard:
            return str(json.loads(heard.read())["version"]) if heard.status == 200 else None
    except (OSError, ValueError):
        return None


def victims(kind: str) -> list[int]:
    """Return the processes of a kind that live at this moment; of supervisors none as long as not both are there.

    Where the one that works and the one that stands by are killed within a second, only a command or systemd starts another.
    """
    import psutil

    from nbdeploy.operating.release.processes import Processes
    from nbdeploy.operating.release.store import Store

    folder = Store.of("scores").folder
    if kind != "supervisor":
        return [pid for each in Processes(folder).look() if each.part.kind == kind for pid in each.pids]
    found = psutil.process_iter(["cmdline", "environ"])
    both = [
        each.pid
        for each in found
        if (each.info["cmdline"] or [])[-2:] == ["nbdeploy.operating.release", "scores"]
        and (each.info["environ"] or {}).get("NBDEPLOY_HOME") == str(folder.parents[1])
    ]
    return both if len(both) > 1 else []


def killed(kind: str, draw: random.Random) -> float:
    """Kill one process of a kind for good; return the seconds until the service answers from then on."""
    import psutil

    end = time.monotonic() + 60
    while not (pids := victims(kind)):
        if time.monotonic() > end:
            sys.exit(f"no {kind} came back within a minute")
        time.sleep(0.05)
    pid = draw.choice(pids)
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)
    began = time.monotonic()
    while answers() is None and time.monotonic() - began < 120:
        time.sleep(0.02)
    return time.monotonic() - began


def kills(count: int) -> dict[str, Any]:
    from nbdeploy.operating.release.control import history
    from nbdeploy.operating.release.status import status

    draw = random.Random(7)
    waits: dict[str, list[float]] = {"supervisor": [], "proxy": [], "server": []}
    wrong: list[str] = []
    for number in range(count):
        time.sleep(draw.uniform(0.0, 2.0))
        victim = draw.choice(sorted(waits))
        seen = status("scores")
        waits[victim].append(killed(victim, draw))
        seqs = [each["seq"] for each in history("scores")]
        if status("scores")["live"] != seen["live"] or seqs != list(range(1, len(seqs) + 1)):
            wrong.append(f"after kill {number} of {victim}: {status('scores')['live']}, {seqs[-3:]}")
    return {
        "kills": sum(map(len, waits.values())),
        "wrong_records": wrong,
        "seconds_until_answered": {
            each: {"kills": len(found), "median": round(statistics.median(found), 2), "largest": round(max(found), 2)}
            for each, found in waits.items()
            if found
        },
    }


@contextmanager
def service() -> Iterator[Path]:
    """Give a folder with versions, the first one live; all ends with the block."""
    from nbdeploy.operating.release.control import stop_service
    from tests.operating.release.versions import version

    folder = Path(tempfile.mkdtemp(prefix="nbdeploy-release-"))
    os.environ |= {"NBDEPLOY_HOME": str(folder / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    for number, fault in (("1", ""), ("2", ""), ("3", ""), ("11", "errors"), ("12", "slow"), ("13", "differs")):
        version(folder / "packages", number, fault)
    try:
        released("blue-green", "1")
        yield folder
    finally:
        stop_service("scores")
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    found: dict[str, Any] = {}
    with service() as folder:
        run: dict[str, Callable[[], Any]] = {
            "switches": lambda: switches(folder, options.requests),
            "faults": lambda: faults(folder),
            "shadow": shadow,
            "kills": lambda: kills(options.kills),
        }
        for part in options.parts:
            found[part] = run[part]()
            print(f"{part}: {json.dumps(found[part], indent=None if options.json else 2)}", file=sys.stderr)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
