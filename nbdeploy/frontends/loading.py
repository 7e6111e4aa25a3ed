"""The command `loadtest`: how many requests a second a service answers, and how large it is to be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.arguments import whole_number
from nbdeploy.frontends.command import Answer

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

    from nbdeploy.operating.loadtest.loadtest import LoadWish

__all__ = ["loadtest", "loadtest_options"]

API_KEY = "NBDEPLOY_API_KEY"


def loadtest_options(parser: argparse.ArgumentParser) -> None:
    target = "NAME[:VERSION], a package's folder, a Bento (started here), or the http(s) address of a running service"
    parser.add_argument("target", metavar="TARGET", help=target)
    add = parser.add_argument_group("what it is sized for").add_argument
    add(
        "--peak",
        type=rate,
        metavar="RATE",
        help="the most requests a second that will come (default: what one replica keeps)",
    )
    add("--usual", type=rate, metavar="RATE", help="those of a usual hour (default: a quarter of the peak)")
    add("--cores", type=rate, default=1.0, metavar="NUMBER", help="the cores that a replica gets (default: 1)")
    add(
        "--slow",
        dest="p99_ms",
        type=rate,
        metavar="MS",
        help="the p99 that is still well, in milliseconds (default: the budget's, else 20 medians)",
    )
    add = parser.add_argument_group("how it is asked").add_argument
    add("--first", type=rate, default=5.0, metavar="RATE", help="the first rate; it is doubled from there (default: 5)")
    add("--most", type=rate, default=2000.0, metavar="RATE", help="no rate above this one (default: 2000)")
    add("--seconds", type=rate, default=5.0, metavar="NUMBER", help="of each rate (default: 5)")
    add("--shape", choices=("steady", "ramp", "spike", "replay"), help="let locust's users play this, too")
    add("--shape-seconds", type=rate, default=60.0, metavar="NUMBER", help="how long they do (default: 60)")
    add(
        "--calls",
        type=whole_number(100, 10_000),
        default=1000,
        metavar="NUMBER",
        help="requests of a spike, 100 to 10000 (default: 1000)",
    )
    add(
        "--day",
        type=Path,
        metavar="FILE",
        help="replay: calls of each hour of a day, one a line (default: office hours)",
    )
    add = parser.add_argument_group("what is written").add_argument
    add(
        "--out",
        type=Path,
        metavar="FILE",
        help="write all figures: `nbdeploy ci --sizing FILE` takes the sizes from it",
    )
    add("--locustfile", type=Path, metavar="FILE", help="write the users of --shape (default: steady) for locust")
    parser.epilog = f"{parser.epilog}\nThe environment variable {API_KEY} holds the key of a service that wants one."


def rate(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def loadtest(options: argparse.Namespace, stdout: TextIO) -> Answer:
    from nbdeploy.frontends.progress_views import quiet_view, terminal_view
    from nbdeploy.operating.loadtest.loadtest import loadtest

    wanted = wanted_of(options)
    with quiet_view() if options.quiet else terminal_view() as progress:
        found = loadtest(options.target, wanted, api_key=os.environ.get(API_KEY) or None, progress=progress)
    document = found.as_json()
    for file, text in written(options, found, wanted).items():
        from nbdeploy.home import write_atomically

        write_atomically(file, text)
    return Answer(document, lambda console: show(document, console))


def wanted_of(options: argparse.Namespace) -> LoadWish:
    from nbdeploy.operating.loadtest.loadtest import LoadWish
    from nbdeploy.operating.loadtest.shapes import read_day

    same = ("peak", "usual", "cores", "seconds", "first", "most", "p99_ms", "shape", "shape_seconds", "calls")
    day = read_day(options.day) if options.day else ()
    return LoadWish(**{name: getattr(options, name) for name in same}, day=day)


def written(options: argparse.Namespace, found: Any, wanted: LoadWish) -> dict[Path, str]:
    """Return the files that were asked for, with their texts."""
    import json

    from nbdeploy.operating.loadtest.locust import locustfile
    from nbdeploy.operating.loadtest.shapes import plan_of

    files = {}
    if options.out:
        files[options.out] = json.dumps(found.as_json(), indent=2) + "\n"
    if options.locustfile:
        shape = wanted.shape or "steady"
        highest = wanted.peak or found.knee or wanted.first
        plan = plan_of(shape, highest, wanted.shape_seconds, wanted.calls, wanted.day)
        requests = [request for request, _ in found.contract.examples]
        files[options.locustfile] = locustfile(found.contract.name, shape, plan, requests)
    return files


def show(document: dict[str, Any], console: Any) -> None:
    from rich.text import Text

    from nbdeploy.frontends.rendering import print_table

    heads = ("offered/s", "achieved", "p50 ms", "p90", "p99", "max", "CPU ms each", "errors")
    keys = ("offered", "achieved", "p50_ms", "p90_ms", "p99_ms", "max_ms", "cpu_ms", "errors")
    print_table(heads, [[cell(each[key]) for key in keys] for each in document["steps"]], console)
    for each in document["steps"]:
        if each["why"]:
            console.print(Text(f"{cell(each['offered'])} a second are too many: {each['why']}"), soft_wrap=True)
    console.print(Text(f"one replica keeps {cell(document['knee'])} requests a second", "bold"))
    if shape := document["shape"]:
        users, probe = shape["users"], shape["probe"]
        failed = f"{users['failures']} failed, p99 {cell(users['p99_ms'])} ms"
        told = f"{shape['name']}: users sent {users['requests']} requests, {failed};"
        beside = f"p50 {cell(probe['p50_ms'])}, p99 {cell(probe['p99_ms'])} ms, {probe['errors']} errors"
        console.print(Text(f"{told} the probe beside them saw {beside}"), soft_wrap=True)
    size = document["sizing"]
    memory = f"{size['memory_request_mib']}Mi, limit {size['memory_limit_mib']}Mi"
    replicas = f"replicas {size['least']} to {size['most']}, autoscaled at {size['cpu_percent']} % CPU"
    console.print(Text(f"{replicas}; each asks for {size['cpu_millis']}m CPU, {memory}"), soft_wrap=True)
    console.print(Text(f"from {size['why']}", "dim"), soft_wrap=True)
    for each in (*document["advice"], *document["notes"]):
        console.print(Text(f"note: {each}", "yellow"), soft_wrap=True)


def cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
