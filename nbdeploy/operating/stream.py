"""Answer a broker's messages with a package: start the worker, or write it out for who runs it without nbdeploy.

The worker is the folder `worker/` beside this file. It knows nothing of nbdeploy, so that it can be copied as it is.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from nbdeploy.errors import Diagnostic, EnvironmentProblem, UsageError
from nbdeploy.packaging.installed import closure_of, installed
from nbdeploy.packaging.placing import check_place, written_whole
from nbdeploy.proving.locked import absent_modules
from nbdeploy.proving.process_environment import process_environment
from nbdeploy.suggestions import did_you_mean

__all__ = ["Start", "Stream", "emit_worker", "start_of"]

WORKER = Path(__file__).parent / "worker"
BROKER = "WORKER_BROKER"
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of broker: FastStream's extra for it, the module of its client, and the port where the URL has none."""

    extra: str
    client: str
    port: int


NATS, REDIS, RABBIT, KAFKA = (
    Kind("nats", "nats", 4222),
    Kind("redis", "redis", 6379),
    Kind("rabbit", "aio_pika", 5672),
    Kind("kafka", "aiokafka", 9092),
)
KINDS = {
    "nats": NATS,
    "tls": NATS,
    "redis": REDIS,
    "rediss": REDIS,
    "amqp": RABBIT,
    "amqps": Kind("rabbit", "aio_pika", 5671),
    "kafka": KAFKA,
}


@dataclass(frozen=True, slots=True)
class Stream:
    """What a worker is asked for; `options` are its own beside these, by their names on its command line."""

    package: Path
    broker: str
    topic: str
    out: str
    dead: str
    options: Mapping[str, str]

    @property
    def shown(self) -> str:
        """The broker's address without user and password."""
        url = urlsplit(self.broker)
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True)
class Start:
    """The command of a worker's process, and its environment: the broker's password stands there, where others can't read it."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def start_of(stream: Stream) -> Start:
    """Return how to start a worker in a process that may import only what the package's lock names, and FastStream.

    Raises UsageError NBD661 (the address is none of a broker), NBD663 (a topic is used twice); EnvironmentProblem NBD660
    (FastStream or the broker's client is missing), NBD662 (no broker answers).
    """
    kind = _kind(stream.broker)
    _check_topics(stream)
    _check_installed(kind)
    _check_reached(urlsplit(stream.broker), kind)
    known = installed()
    own = closure_of([("faststream", frozenset({kind.extra}))], ".".join(map(str, sys.version_info[:3])))
    needed = frozenset().union(*(each.modules for each in own.members))
    contract = json.loads((stream.package / "contract.json").read_text(encoding="utf-8"))
    absent = absent_modules(stream.package / "requirements.lock", known) - needed - {contract["module"]}
    from nbdeploy.operating import stream_process
    from nbdeploy.proving import probe

    job = {"absent": sorted(absent), "probe": probe.__file__, "worker": str(WORKER)}
    words = ["--package", str(stream.package), "--in", stream.topic, "--out", stream.out, "--dead", stream.dead]
    words += [word for name, value in stream.options.items() for word in (f"--{name}", value)]
    command = (sys.executable, "-I", "-X", "utf8", "-W", "ignore", stream_process.__file__, *words)
    return Start(command, {**process_environment(), BROKER: stream.broker, stream_process.JOB: json.dumps(job)})


def emit_worker(package: Path, broker: str, out: Path) -> Path:
    """Write the worker's folder to `out`, with what it needs beside the package's own lock; return where it lies.

    Raises UsageError NBD664: there is something else.
    """
    kind = _kind(broker)
    target = out / "worker"
    check_place(target, "answering.py", "NBD664", "name another folder, or move it away")
    _check_installed(kind)
    others = [f"{each.extra}.py" for each in (NATS, REDIS, RABBIT, KAFKA) if each.extra != kind.extra]
    with written_whole(target) as folder:
        shutil.copytree(WORKER, folder, ignore=shutil.ignore_patterns("__pycache__", *others))
        pin = f"faststream[{kind.extra}]=={version('faststream')}\n"
        (folder / "requirements.txt").write_text(pin, encoding="utf-8")
    return target


def _kind(broker: str) -> Kind:
    scheme, separator, rest = broker.partition("://")
    if separator and rest and scheme in KINDS:
        return KINDS[scheme]
    near = did_you_mean(scheme, KINDS) if separator else ""
    message = f"{broker.rpartition('@')[2]!r} is not the address of a broker that nbdeploy knows{near}"
    fix = "give one such as nats://HOST:4222, redis://HOST:6379, amqp://HOST:5672 or kafka://HOST:9092"
    raise UsageError(Diagnostic(code="NBD661", message=message, fix=fix))


def _check_topics(stream: Stream) -> None:
    topics = {"--in": stream.topic, "--out": stream.out, "--dead": stream.dead}
    for option, topic in topics.items():
        twice = [other for other, name in topics.items() if name == topic and other != option]
        if twice:
            message = f"{option} and {twice[0]} are both {topic!r}: what the worker writes would be read again"
            raise UsageError(Diagnostic(code="NBD663", message=message, fix="give each a topic of its own"))


def _check_installed(kind: Kind) -> None:
    from importlib.util import find_spec

    if find_spec("faststream") is None or find_spec(kind.client) is None:
        message = (
            f"messages of this broker are read by FastStream with the client {kind.client!r}, which is not installed"
        )
        fix = f"pip install 'faststream[{kind.extra}]' (`nbdeploy[stream]` has those of all brokers)"
        raise EnvironmentProblem(Diagnostic(code="NBD660", message=message, fix=fix))


def _check_reached(url: SplitResult, kind: Kind) -> None:
    """Ask the first of the hosts for a connection: the brokers' clients try for minutes, each in words of its own."""
    first = urlsplit(f"//{url.netloc.rpartition('@')[2].partition(',')[0]}")
    host, port = first.hostname or "localhost", first.port or kind.port
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as problem:
        message = f"no broker answers at {host}:{port}: {problem.strerror or problem}"
        fix = "start it, or give its address with --broker"
        raise EnvironmentProblem(Diagnostic(code="NBD662", message=message, fix=fix)) from None
