"""HAProxy in front of the versions: its configuration, and what it is told and asked while it runs.

Each version has a lane, a backend with places for its servers. What may change while requests run is changed through
the runtime socket: which port a place leads to, and the words in `words.map` that the rules look up (which lane is live,
which one is on trial, its share). Nothing is ever reloaded. HAProxy runs with the service's folder as its working
directory, and all its sockets are named relative to that: a socket's path may have no more than 108 characters.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template

from nbdeploy.errors import Diagnostic, EnvironmentProblem
from nbdeploy.operating.release.plan import FALLBACK, LANES, REPLICAS, SAMPLED, Routing, Slot

__all__ = ["LOG", "PAIRS", "Proxy", "check_installed", "command", "configuration", "in_folder", "write"]

CONTROL, LOG, PAIRS, RESCUE = "control.sock", "log.sock", "pairs.sock", "rescue.sock"
ANSWER_SECONDS = 2.0
LUA = Path(__file__).with_name("release.lua")

CONFIGURATION = Template("""\
# Written by nbdeploy for $name; words.map and the servers' ports change while it runs, through control.sock.
global
  stats socket unix@$control mode 600 level admin
  log unix@$log len 1024 format raw local0 info
  nbthread 1                      # the tasks of release.lua run in one thread
  tune.bufsize 131072             # a request that fits in here can be asked again, mirrored and rescued
  lua-load $lua

defaults
  mode http
  log global
  timeout connect 2s
  timeout client 70s
  timeout server 70s              # the service itself gives up after 60
  timeout http-request 65s
  timeout http-keep-alive 75s
  timeout queue 10s
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response 503  # predictions have no side effects: they can be asked again
  option httpchk GET /readyz
  http-error status 502 content-type application/json string "{\\"error\\": \\"no version of $name could answer\\"}"
  http-error status 503 content-type application/json string "{\\"error\\": \\"no version of $name can answer now\\"}"
  http-error status 504 content-type application/json string "{\\"error\\": \\"no version of $name answered in time\\"}"
  default-server check inter 500ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down

frontend service
  bind $address
  option forwardfor
  # lane, server, status to the client, status of the model, milliseconds until it answered, how it ended, its rescue
  log-format "R %b %s %ST %[var(txn.status)] %Tr %ts %[var(txn.rescued)]"
  acl predicts path_end /predict
  http-request set-log-level silent unless predicts
  http-request use-service prometheus-exporter if { path /proxy/metrics }
  http-request set-header X-Request-Id %[uuid()] unless { req.hdr(X-Request-Id) -m found }
  http-request set-var(txn.id) req.hdr(X-Request-Id)
  http-request wait-for-body time 60s if predicts
  http-request set-var(txn.live) str(live),map_str(words.map)
  http-request set-var(txn.lane) var(txn.live)
  http-request set-var(txn.candidate) str(candidate),map_str(words.map)
  http-request set-var(txn.mirror) str(mirror),map_str(words.map)
  http-request set-var(txn.behind) str(fallback),map_str(words.map)
  acl on_trial var(txn.candidate) -m str $lanes
  acl mirrored var(txn.mirror) -m str -- all $rate
  acl has_fallback var(txn.behind) -m str previous default live
  http-request lua.choose if predicts on_trial
  http-request set-var(txn.lane) var(txn.live) if { var(txn.lane),nbsrv eq 0 }
  http-request set-var(txn.behind) str(live) if on_trial { var(txn.lane),strcmp(txn.candidate) eq 0 }
  http-request set-var(txn.size) req.body_size
  acl whole req.body_len,sub(txn.size) eq 0
  http-request set-var(txn.body) req.body if predicts whole mirrored or predicts whole has_fallback
  http-request set-var(txn.bearer) req.hdr(Authorization) if has_fallback
  http-request set-var(txn.key) req.hdr(X-API-Key) if has_fallback
  use_backend %[var(txn.lane)]

  http-response set-var(txn.status) status
  http-response set-header X-Request-Id %[var(txn.id)] unless { res.hdr(X-Request-Id) -m found }
  http-response set-var(txn.word) str(fallback-),concat(,txn.lane),map_str(words.map)
  http-response set-header X-Fallback %[var(txn.word)] if { srv_name -m beg f }
  http-response wait-for-body time 5s if mirrored { status 200 } { var(txn.body) -m found }
  http-response lua.ship if mirrored { status 200 } { srv_name -m beg s } { var(txn.body) -m found }
  http-response lua.rescue if has_fallback { status 500 502 504 } { srv_name -m beg s } { var(txn.body) -m found }
  $rescued

frontend rescue
  bind unix@$rescue mode 600
  no log
  http-request set-var(txn.live) str(live),map_str(words.map)
  http-request set-var(txn.of_trial) bool(true) if { req.hdr(X-Rescued-By) -m str live }
  http-request del-header X-Rescued-By
  use_backend %[var(txn.live)] if { var(txn.of_trial) -m bool }
  default_backend fallback
""")


RESCUED = (
    'http-response return status 200 content-type application/json lf-string "%[var(txn.answer)]"'
    " hdr X-Fallback %[var(txn.behind)] hdr X-Model-Version %[var(txn.rescuer)] hdr X-Request-Id %[var(txn.id)]"
    " if { var(txn.answer) -m found }"
)


class Proxy:
    """The running HAProxy of one service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._told: Routing | None = None

    def knows(self, told: Routing | None) -> None:
        """Note what the proxy was started with; None: it may have been told anything, so the next time all is said."""
        self._told = told

    def steer(self, wanted: Routing) -> None:
        """Make the routing so. First what is to be used opens, then the words change, then what is left closes."""
        if wanted == self._told:
            return
        told = self._told
        opened = [each for each in wanted.slots if not each.drained and (told is None or each not in told.slots)]
        words = [each for each in _ordered(wanted.words) if told is None or each not in told.words]
        drained = [each for each in wanted.slots if each.drained and (told is None or each not in told.slots)]
        used = {(each.backend, each.name) for each in wanted.slots}
        before = {(each.backend, each.name) for each in told.slots} if told else set(_places())
        self.ask(
            [
                *(line for slot in sorted(opened, key=_place) for line in _opened(slot)),
                *(f"set map words.map {key} {value}" for key, value in words),
                *(f"set server {each.backend}/{each.name} state drain" for each in sorted(drained, key=_place)),
                *(f"set server {backend}/{name} state maint" for backend, name in sorted(before - used)),
            ]
        )
        self._told = wanted

    def busy(self) -> dict[tuple[str, str], int]:
        """Return the requests that each place is answering at this moment."""
        rows = csv.DictReader(io.StringIO(self.ask(["show stat"]).lstrip("# ")))
        return {(row["pxname"], row["svname"]): int(row["scur"] or 0) for row in rows}

    def ask(self, lines: Sequence[str]) -> str:
        """Say something to the runtime socket and return its answer. Raises OSError: it does not answer."""
        answers = []
        for start in range(0, len(lines), 50):  # the socket takes a buffer at once
            with in_folder(self.folder, CONTROL) as path, socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(ANSWER_SECONDS)
                connection.connect(path)
                connection.sendall("; ".join(lines[start : start + 50]).encode() + b"\n")
                while part := connection.recv(65536):
                    answers.append(part)
        return b"".join(answers).decode(errors="replace")


def configuration(name: str, host: str, port: int, wanted: Routing) -> str:
    """Return HAProxy's configuration, for the routing that it starts with."""
    ports = {(each.backend, each.name): each.port for each in wanted.slots if not each.drained}
    head = CONFIGURATION.substitute(
        name=name, address=f"{host}:{port}", lanes=" ".join(LANES), rate=SAMPLED, lua=LUA.name,
        control=CONTROL, log=LOG, rescue=RESCUE, rescued=RESCUED,
    )  # fmt: skip
    return head + "".join(_backend(each, ports) for each in (*LANES, FALLBACK))


def write(folder: Path, name: str, host: str, port: int, wanted: Routing) -> None:
    """Write all that a starting HAProxy reads."""
    (folder / "haproxy.cfg").write_text(configuration(name, host, port, wanted), encoding="utf-8")
    (folder / "words.map").write_text("".join(f"{key} {value}\n" for key, value in wanted.words), encoding="utf-8")
    shutil.copyfile(LUA, folder / LUA.name)


def command() -> list[str]:
    return [_program(), "-f", "haproxy.cfg", "-db"]


def check_installed() -> None:
    """Raise EnvironmentProblem NBD730 where there is no HAProxy."""
    _program()


@contextlib.contextmanager
def in_folder(folder: Path, name: str) -> Iterator[str]:
    """Give a short path of a socket: that of its folder may be longer than a socket's address."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def _program() -> str:
    found = shutil.which("haproxy", path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))
    if found is None:
        message = "HAProxy is not installed: it stands before the versions and divides the requests"
        raise EnvironmentProblem(
            Diagnostic(code="NBD730", message=message, fix="apt-get install haproxy (2.6 or newer)")
        )
    return found


def _backend(name: str, ports: Mapping[tuple[str, str], int]) -> str:
    lines = [f"\nbackend {name}", "  balance leastconn", *(["  option allbackups"] if name != FALLBACK else [])]
    for backend, place in _places():
        if backend == name:
            port = ports.get((name, place))
            role = " backup" if place.startswith("f") else ""
            lines.append(f"  server {place} 127.0.0.1:{port or 1}{role}{'' if port else ' disabled'}")
    return "\n".join(lines) + "\n"


def _places() -> Iterator[tuple[str, str]]:
    for place in range(REPLICAS):
        yield FALLBACK, f"s{place}"
        for lane in LANES:
            yield lane, f"s{place}"
            yield lane, f"f{place}"


def _opened(slot: Slot) -> tuple[str, str]:
    where = f"{slot.backend}/{slot.name}"
    return f"set server {where} addr 127.0.0.1 port {slot.port}", f"set server {where} state ready"


def _place(slot: Slot) -> tuple[str, str]:
    return slot.backend, slot.name


def _ordered(words: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put the live lane first: between two words no request may see a lane that is already left."""
    first: Mapping[str, int] = {"live": 0, "share": 1, "candidate": 2}
    return sorted(words, key=lambda each: first.get(each[0], 3))
