"""What OSV answers, read over real HTTP: the server is a fake one on loopback, with answers of the real one's form."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.proving.advisories import Advisories, Vulnerability, advisories

if TYPE_CHECKING:
    from collections.abc import Iterator

JINJA = {
    "id": "GHSA-462w-v97r-4m45",
    "summary": "Jinja2 sandbox escape via string formatting",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Jinja2"},
            "ranges": [
                {"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "9b53045c34e61013dc8f09b7e52a555fa16bed16"}]},
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.8.1"}]},
                {"type": "ECOSYSTEM", "events": [{"introduced": "2.9"}, {"fixed": "2.10.1"}]},
            ],
        },
        {"package": {"ecosystem": "PyPI", "name": "other"}, "ranges": [{"events": [{"fixed": "2.10.0.1"}]}]},
    ],
}
TAKEN_BACK = {"id": "PYSEC-2020-1", "summary": "not so", "withdrawn": "2021-01-01T00:00:00Z"}


class FakeOsv(ThreadingHTTPServer):
    """Answers as OSV does: ids for each query, and an advisory for each id."""

    def __init__(self, known: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.known = known
        self.bodies: list[Any] = []
        self.spoiled: tuple[int, bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: FakeOsv

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        assert self.path == "/v1/querybatch"
        pairs = [(each["package"]["name"], each["version"]) for each in body["queries"]]
        found = [self.server.known.get(pair, []) for pair in pairs]
        self._send({"results": [{"vulns": [{"id": v["id"]} for v in each]} if each else {} for each in found]})

    def do_GET(self) -> None:
        id = self.path.removeprefix("/v1/vulns/")
        self._send(next(each for found in self.server.known.values() for each in found if each["id"] == id))

    def _send(self, value: Any) -> None:
        status, body = self.server.spoiled or (200, json.dumps(value).encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def osv() -> Iterator[FakeOsv]:
    with FakeOsv({("jinja2", "2.10"): [JINJA, TAKEN_BACK]}) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


PINS = {"numpy": "2.4.0", "jinja2": "2.10"}


def test_a_known_vulnerability_comes_with_its_id_and_the_next_fixed_version(osv: FakeOsv) -> None:
    known = Vulnerability(
        "jinja2==2.10", "GHSA-462w-v97r-4m45", "Jinja2 sandbox escape via string formatting", "2.10.1"
    )
    assert advisories(PINS, "warn", osv.address) == Advisories((known,))
    assert advisories(PINS, "fail", osv.address) == Advisories((known,), strict=True)


def test_only_names_and_versions_are_sent(osv: FakeOsv) -> None:
    advisories(PINS, address=osv.address)
    assert osv.bodies == [
        {
            "queries": [
                {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "2.10"},
                {"package": {"name": "numpy", "ecosystem": "PyPI"}, "version": "2.4.0"},
            ]
        }
    ]


def test_nothing_known_is_an_answer(osv: FakeOsv) -> None:
    assert advisories({"numpy": "2.4.0"}, address=osv.address) == Advisories()


@pytest.mark.parametrize(
    ("spoiled", "told"),
    [
        ((503, b""), "127.0.0.1 answered with status 503"),
        ((200, b"<html>log in first</html>"), "127.0.0.1 gave an answer that is none of OSV's"),
        ((200, b"[]"), "127.0.0.1 gave an answer that is none of OSV's"),
        ((200, b'{"results": []}'), "127.0.0.1 gave an answer that is none of OSV's"),
    ],
)
def test_an_answer_that_is_none_is_told(osv: FakeOsv, spoiled: tuple[int, bytes], told: str) -> None:
    osv.spoiled = spoiled
    assert advisories(PINS, address=osv.address) == Advisories(skipped=told)


def test_a_database_that_is_away_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"  # nobody listens
    assert advisories(PINS, address=address) == Advisories(skipped="127.0.0.1 is not reachable")


def test_nobody_is_asked_where_that_is_wished(osv: FakeOsv, monkeypatch: pytest.MonkeyPatch) -> None:
    assert advisories(PINS, "off", osv.address) == Advisories(skipped="not asked for")
    monkeypatch.setenv("NBDEPLOY_ADVISORIES", "off")
    assert advisories(PINS) == Advisories(skipped="not asked for")
    assert osv.bodies == []
    monkeypatch.setenv("NBDEPLOY_ADVISORIES", osv.address)
    assert [each.id for each in advisories(PINS).found] == ["GHSA-462w-v97r-4m45"]
