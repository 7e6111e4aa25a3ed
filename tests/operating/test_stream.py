"""`nbdeploy stream` with real brokers: killed workers, dead letters, drained workers; what a careless user does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.errors import EnvironmentProblem, UsageError
from nbdeploy.frontends.package_folder import package_folder
from nbdeploy.home import save_deployment
from nbdeploy.operating.stream import Stream, emit_worker, start_of
from tests.e2e.conftest import free_port
from tests.operating.streams import expected, mixed_package, row, server

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = 1200
BAD = 777
PREDICTING = 0.2  # seconds that a batch takes, so that the worker is killed in the middle of one
SECONDS = 120.0


class Nats:
    """A client that knows NATS alone: it sends rows, and reads answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Nats:
        import nats

        self.client = await nats.connect(self.url)
        self.jetstream = self.client.jetstream()
        await self.jetstream.add_stream(name="all", subjects=["rows", "rows.dead", "answers"])
        self.subscriptions: dict[str, Any] = {}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def send(self, bodies: list[bytes]) -> None:
        for start in range(0, len(bodies), 500):
            await asyncio.gather(*(self.jetstream.publish("rows", each) for each in bodies[start : start + 500]))

    async def read(self, topic: str) -> list[dict[str, Any]]:
        if topic not in self.subscriptions:
            self.subscriptions[topic] = await self.jetstream.pull_subscribe(topic, f"reads-{topic.replace('.', '-')}")
        try:
            found = await self.subscriptions[topic].fetch(50, timeout=1)
        except TimeoutError:
            return []
        for each in found:
            await each.ack()
        return [json.loads(each.data) for each in found]

    async def unacknowledged(self) -> int:
        found = await self.jetstream.consumer_info("all", "mixed_rows")
        return int(found.num_pending + found.num_ack_pending)


class Redis:
    """A client that knows Redis alone."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Redis:
        from redis.asyncio import from_url

        self.client = from_url(self.url)
        self.last: dict[str, Any] = {}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    async def send(self, bodies: list[bytes]) -> None:
        async with self.client.pipeline(transaction=False) as together:
            for each in bodies:
                together.xadd("rows", {"data": each})
            await together.execute()

    async def read(self, topic: str) -> list[dict[str, Any]]:
        found = await self.client.xread({topic: self.last.get(topic, "0")}, count=50, block=1000)
        entries = found[0][1] if found else []
        if entries:
            self.last[topic] = entries[-1][0]
        return [json.loads(fields[b"__data__"]) for _, fields in entries]

    async def unacknowledged(self) -> int:
        (group,) = await self.client.xinfo_groups("rows")
        return int(group["pending"] + group["lag"])


class Kafka:
    """A client that knows Kafka alone. The broker is a fake: the mock cluster of librdkafka, which speaks Kafka's protocol.

    A real one is in no package that pip, npm or apt brings.
    """

    def __init__(self) -> None:
        from confluent_kafka import Producer

        self.cluster = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 3})
        (broker,) = self.cluster.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"
        self.url = f"kafka://{self.address}"

    async def __aenter__(self) -> Kafka:
        self.readers: dict[str, Any] = {}
        self.seen: set[bytes] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self.readers.values():
            each.close()

    async def send(self, bodies: list[bytes]) -> None:
        for each in bodies:
            self.cluster.produce("rows", each)
        self.cluster.flush()

    async def read(self, topic: str) -> list[dict[str, Any]]:
        """Give what is new: a reply that was published twice has the same id."""
        if topic not in self.readers:
            self.readers[topic] = self.consumer(f"reads-{topic}")
            self.readers[topic].assign(self.places(topic))
        found = [each for each in self.readers[topic].consume(50, timeout=1) if each.error() is None]
        new = [each for each in found if dict(each.headers())["id"] not in self.seen]
        self.seen |= {dict(each.headers())["id"] for each in new}
        return [json.loads(each.value()) for each in new]

    async def unacknowledged(self) -> int:
        worker = self.consumer("mixed.rows")
        ends = [worker.get_watermark_offsets(each)[1] for each in self.places("rows")]
        return sum(ends) - sum(max(0, each.offset) for each in worker.committed(self.places("rows")))

    def consumer(self, group: str) -> Any:
        from confluent_kafka import Consumer

        return Consumer({"bootstrap.servers": self.address, "group.id": group, "auto.offset.reset": "earliest"})

    def places(self, topic: str) -> list[Any]:
        from confluent_kafka import OFFSET_BEGINNING, TopicPartition

        partitions = self.cluster.list_topics(topic).topics[topic].partitions
        return [TopicPartition(topic, each, OFFSET_BEGINNING) for each in partitions]


Client = Nats | Redis | Kafka


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed_package(tmp_path_factory.mktemp("package"), seconds=PREDICTING)


@pytest.fixture(params=["nats", "redis", "kafka"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    port = free_port()
    if request.param == "kafka":
        yield Kafka()
    elif request.param == "nats":
        with server(["nats-server", "-js", "-sd", str(tmp_path), "-a", "127.0.0.1", "-p", str(port)], port):
            yield Nats(f"nats://127.0.0.1:{port}")
    else:
        with server(["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)], port):
            yield Redis(f"redis://127.0.0.1:{port}")


@contextmanager
def worker(module: list[str], package: Path, url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker until the block ends."""
    options = ["--in", "rows", "--out", "answers", "--patience", "2", "--batch", "100", "--group", "mixed.rows"]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *module, *options],
            cwd=package if module == ["worker"] else None,
            env={**os.environ, "NBDEPLOY_BROKER": url, "WORKER_BROKER": url},
            stdout=subprocess.DEVNULL,
            stderr=out,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_every_message_is_answered_once_though_the_worker_is_killed(
    package: Path, broker: Client, tmp_path: Path
) -> None:
    sent = [{**row(number), "key": number} for number in range(MESSAGES)]
    sent[BAD]["Embarked"] = "Narnia"
    asyncio.run(killed_and_drained(package, broker, tmp_path / "log", [json.dumps(each).encode() for each in sent]))


async def killed_and_drained(package: Path, broker: Client, log: Path, bodies: list[bytes]) -> None:
    found: dict[int, list[Any]] = {}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(broker)
        await broker.send(bodies[: MESSAGES // 2])
        with worker(["nbdeploy.frontends.cli", "stream", str(package), "--json"], package, broker.url, log):
            await until(found, 300, broker, log)
            await asyncio.sleep(PREDICTING / 2)
        await broker.send(bodies[MESSAGES // 2 :])
        emit_worker(package, broker.url, package)
        with worker(["worker"], package, broker.url, log) as second:  # without nbdeploy
            await until(found, MESSAGES - 1, broker, log)
            second.send_signal(signal.SIGTERM)
            assert second.wait(30) == 0, log.read_text()
        (letter,) = await broker.read("rows.dead")
        assert await broker.unacknowledged() == 0
        assert await broker.read("answers") == []
    assert {key: answers[0] for key, answers in found.items()} == {
        key: [expected(key)] for key in range(MESSAGES) if key != BAD
    }
    assert {len(answers) for answers in found.values()} == {1}
    assert (letter["key"], letter["problems"][0]["row"], letter["problems"][0]["field"]) == (BAD, 0, "Embarked")
    assert "one of the known categories" in letter["error"]


async def until(found: dict[int, list[Any]], count: int, broker: Client, log: Path) -> None:
    """Read answers until there are so many keys."""
    async with asyncio.timeout(SECONDS):
        while len(found) < count:
            for each in await broker.read("answers"):
                found.setdefault(each["key"], []).append(each["predictions"])
    assert "Traceback" not in log.read_text()


def stream(package: Path, **changed: Any) -> Stream:
    asked = {"broker": "nats://127.0.0.1:9", "topic": "rows", "out": "answers", "dead": "rows.dead", "options": {}}
    return Stream(package, **{**asked, **changed})


@pytest.mark.parametrize(
    ("changed", "error", "code", "words"),
    [
        ({"broker": "localhost:4222"}, UsageError, "NBD661", "nats://HOST:4222"),
        ({"broker": "natts://localhost"}, UsageError, "NBD661", "did you mean 'nats'"),
        ({"broker": "nats://ann:secret@"}, EnvironmentProblem, "NBD662", "no broker answers"),
        ({"out": "rows"}, UsageError, "NBD663", "--in and --out are both 'rows'"),
        ({"dead": "answers"}, UsageError, "NBD663", "--out and --dead are both 'answers'"),
        ({}, EnvironmentProblem, "NBD662", "no broker answers at 127.0.0.1:9"),
    ],
)
def test_wrong_use_is_told_before_anything_starts(
    package: Path, changed: dict[str, str], error: type[Exception], code: str, words: str
) -> None:
    with pytest.raises(error, match=code) as raised:
        start_of(stream(package, **changed))
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)


def test_the_brokers_password_is_never_shown(package: Path) -> None:
    assert stream(package, broker="nats://ann:secret@broker:4222").shown == "nats://broker:4222"


def test_a_missing_client_is_told_with_the_command_that_installs_it(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match=r"NBD660[\s\S]*pip install 'faststream\[kafka\]'"):
        start_of(stream(package, broker="kafka://127.0.0.1:9"))


def test_the_emitted_worker_needs_no_nbdeploy_and_holds_the_one_broker(package: Path, tmp_path: Path) -> None:
    target = emit_worker(package, "redis://somewhere", tmp_path)
    assert sorted(each.name for each in target.iterdir()) == [
        "__init__.py",
        "__main__.py",
        "answering.py",
        "line.py",
        "messages.py",
        "redis.py",
        "requirements.txt",
    ]
    assert "faststream[redis]==" in (target / "requirements.txt").read_text()
    assert not [each for each in target.glob("*.py") if "nbdeploy" in each.read_text()]
    assert emit_worker(package, "redis://somewhere", tmp_path) == target  # again, over its own


def test_the_emitted_worker_says_that_no_broker_answers_and_which_addresses_it_knows(
    package: Path, tmp_path: Path
) -> None:
    emit_worker(package, "nats://somewhere", tmp_path)
    options = ["--package", str(package), "--in", "a", "--out", "b"]
    ran = [
        subprocess.run(
            [sys.executable, "-m", "worker", "--broker", url, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for url in ("nats://127.0.0.1:9", "localhost:4222")
    ]
    assert [each.returncode for each in ran] == [3, 2]
    assert "no broker answers at 127.0.0.1:9" in ran[0].stderr
    assert "begins with one of nats, tls, redis" in ran[1].stderr
    assert not [each for each in ran if "Traceback" in each.stderr]


def test_a_folder_that_only_has_the_name_of_a_service_is_not_meant(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    save_deployment("titanic", "1", {"package": "/somewhere/titanic/1"})
    Path("titanic").mkdir()
    assert package_folder("titanic") == Path("/somewhere/titanic/1")
    assert package_folder(str(package)) == package
    Path("iris").mkdir()
    with pytest.raises(UsageError, match="NBD705"):
        package_folder("iris")
    with pytest.raises(UsageError, match="NBD603"):
        package_folder("irises")


def test_a_folder_of_somebody_else_is_left_alone(package: Path, tmp_path: Path) -> None:
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "precious.txt").write_text("mine")
    with pytest.raises(UsageError, match="NBD664"):
        emit_worker(package, "redis://somewhere", tmp_path)
    assert (tmp_path / "worker" / "precious.txt").read_text() == "mine"
