"""The command `stream`: answer the messages of a broker with a deployed package."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.arguments import whole_number, wrong_use
from nbdeploy.frontends.command import Answer
from nbdeploy.frontends.package_folder import package_folder

if TYPE_CHECKING:
    from typing import TextIO

    from nbdeploy.operating.stream import Start, Stream

__all__ = ["stream", "stream_options"]

BROKER = "NBDEPLOY_BROKER"


def stream_options(parser: argparse.ArgumentParser) -> None:
    target = "a deployed service (default version: the newest), or an exported package's folder"
    parser.add_argument("target", metavar="NAME[:VERSION]", help=target)
    add = parser.add_argument
    address = f"nats://, redis://, amqp:// or kafka://HOST:PORT (default: the environment's {BROKER})"
    add("--broker", metavar="URL", default=os.environ.get(BROKER), help=address)
    add("--in", dest="topic", metavar="TOPIC", help="where messages come from: subject, stream, queue or topic")
    add("--out", metavar="TOPIC", help="where answers go")
    add("--dead", metavar="TOPIC", help="where messages go that can't be answered (default: IN.dead)")
    add(
        "--key",
        metavar="FIELD",
        help="the field that holds a message's key (default: \"key\", else the sender's header)",
    )
    add("--group", metavar="GROUP", help="the workers that share the messages (default: the package's name)")
    add(
        "--batch", type=whole_number(1), metavar="N", help="the most messages that are predicted at once (default: 256)"
    )
    patience = "what a worker took and did not answer within these comes again (default: 30)"
    add("--patience", type=whole_number(1), metavar="SECONDS", help=patience)
    add("--emit", type=Path, metavar="DIR", help="write the worker to DIR/worker instead of running it")


def stream(options: argparse.Namespace, stdout: TextIO) -> Answer:
    from nbdeploy.operating.stream import Stream, emit_worker, start_of

    package = package_folder(options.target)
    if not options.broker:
        raise wrong_use(f"stream needs --broker URL, or {BROKER} in the environment", "--broker nats://localhost:4222")
    if options.emit is not None:
        return emitted(emit_worker(package, options.broker, options.emit))
    if not options.topic or not options.out:
        raise wrong_use(
            "stream needs --in TOPIC and --out TOPIC", f"nbdeploy stream {options.target} --in rows --out answers"
        )
    own = {name: getattr(options, name) for name in ("key", "group", "batch", "patience")}
    asked = Stream(
        package,
        options.broker,
        options.topic,
        options.out,
        options.dead or f"{options.topic}.dead",
        {name: str(value) for name, value in own.items() if value is not None},
    )
    start = start_of(asked)
    tell(asked, options, stdout)
    return Answer({}, lambda console: None, run(start))


def emitted(worker: Path) -> Answer:
    lines = (
        f"pip install -r {worker}/requirements.txt",
        "python -m worker --broker URL --in TOPIC --out TOPIC   # in the package's folder, with worker/ in it",
    )

    def show(console: Any) -> None:
        from rich.text import Text

        console.print(Text(f"{worker}\n" + "\n".join(f"  {line}" for line in lines)), soft_wrap=True)

    return Answer({"ok": True, "worker": str(worker)}, show)


def tell(asked: Stream, options: argparse.Namespace, stdout: TextIO) -> None:
    """Say what begins, before this process becomes the worker."""
    if options.json:
        told = {"ok": True, "package": str(asked.package), "broker": asked.shown}
        told |= {"in": asked.topic, "out": asked.out, "dead": asked.dead}
        stdout.write(json.dumps(told) + "\n")
        stdout.flush()
    elif not options.quiet:
        print(f"{asked.topic} -> {asked.out} on {asked.shown} (Ctrl-C ends it)", file=sys.stderr)


def run(start: Start) -> int:
    """Become the worker: signals are then its own."""
    if os.name == "posix":
        os.execve(start.command[0], start.command, dict(start.environment))
    return subprocess.call(start.command, env=dict(start.environment))
