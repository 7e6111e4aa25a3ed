"""Run the worker: `python -m worker --broker URL --in TOPIC --out TOPIC`, in the folder of an exported package.

Exit status: 0 after SIGTERM or Ctrl-C, when what was taken is answered and acknowledged; 3 where the broker can't be reached.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .answering import Answering
from .line import Line, Wish

__all__ = ["main"]

BROKERS = {  # by the beginning of the address: the file, and the port where the address has none
    "nats": ("nats", 4222),
    "tls": ("nats", 4222),
    "redis": ("redis", 6379),
    "rediss": ("redis", 6379),
    "amqp": ("rabbit", 5672),
    "amqps": ("rabbit", 5671),
    "kafka": ("kafka", 9092),
}
NO_BROKER = 3
CONNECT_SECONDS = 5.0
BROKER = "WORKER_BROKER"

logger = logging.getLogger("worker")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="worker", description="Answers the messages of a broker.")
    add = made.add_argument
    add("--broker", default=os.environ.get(BROKER), metavar="URL", help=f"default: the environment's {BROKER}")
    add("--in", dest="topic", required=True, metavar="TOPIC", help="where messages come from")
    add("--out", required=True, metavar="TOPIC", help="where answers go")
    add("--dead", metavar="TOPIC", help="where messages go that can't be answered (default: TOPIC.dead of --in)")
    add("--group", help="the workers that share the messages (default: the package's name)")
    add("--key", metavar="FIELD", help='the field of a message that holds its key (default: "key", else a header)')
    add("--batch", type=int, default=256, help="the most messages that are predicted at once")
    add("--patience", type=float, default=30.0, metavar="SECONDS", help="after these, what is not answered comes again")
    add("--package", type=Path, default=Path.cwd(), metavar="DIR", help="the exported package (default: this folder)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer messages until a signal comes; return the exit status."""
    options = parser().parse_args(arguments)
    if urlsplit(options.broker or "").scheme not in BROKERS:
        parser().error(f"--broker needs an address that begins with one of {', '.join(BROKERS)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    sys.path.insert(0, str(options.package.resolve()))
    answering = Answering(options.package, options.key)
    wish = Wish(
        options.broker,
        options.topic,
        options.out,
        options.dead or f"{options.topic}.dead",
        options.group or answering.name,
        options.batch,
        options.patience,
    )
    return asyncio.run(run(wish, answering))


async def run(wish: Wish, answering: Answering) -> int:
    from faststream import FastStream

    url = urlsplit(wish.broker)
    file, port = BROKERS[url.scheme]
    first = urlsplit(f"//{url.netloc.rpartition('@')[2].partition(',')[0]}")
    host, port = first.hostname or "localhost", first.port or port
    shown = f"{host}:{port}"
    try:
        _, tried = await asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_SECONDS)
        tried.close()
    except (OSError, TimeoutError) as problem:  # the clients would try for minutes, and say nothing
        logger.error("no broker answers at %s: %s", shown, problem)
        return NO_BROKER
    line = Line(answering.replies, wish.batch)
    broker = await importlib.import_module(f"{__package__}.{file}").connected(wish, line)
    logger.info("%s %s answers %s of %s to %s", answering.name, answering.version, wish.topic, shown, wish.out)
    await FastStream(broker, logger=None, after_startup=line.when_started).run()
    logger.info("ended: %s", line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
