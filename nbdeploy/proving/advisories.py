"""Ask the advisory database OSV (https://google.github.io/osv.dev/api/) for known vulnerabilities of requirements.

Only names and versions are sent. What can't be asked is told as such: no answer is never taken for "none known".
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from nbdeploy.request import Audit

__all__ = ["Advisories", "Vulnerability", "advisories"]

ADDRESS = "https://api.osv.dev"
VARIABLE = "NBDEPLOY_ADVISORIES"
SECONDS = 4.0  # for each answer
MOST = 25  # vulnerabilities whose fixed version is looked up


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A known vulnerability of a pin (`name==version`): its id, what it is, the first version without it, where known."""

    pin: str
    id: str
    summary: str = ""
    fixed: str = ""

    def as_json(self) -> dict[str, str]:
        return {"requirement": self.pin, "id": self.id, "summary": self.summary, "fixed": self.fixed}


@dataclass(frozen=True, slots=True)
class Advisories:
    """What is known, or why that could not be learnt (`skipped`). `strict`: neither may be then."""

    found: tuple[Vulnerability, ...] = ()
    skipped: str = ""
    strict: bool = False


def advisories(pins: Mapping[str, str], audit: Audit = "warn", address: str | None = None) -> Advisories:
    """Look up all pins (name -> version) at `address`, by default the one that the environment names, else OSV's own."""
    address = address or os.environ.get(VARIABLE) or ADDRESS
    strict = audit == "fail"
    if audit == "off" or address == "off":
        return Advisories((), "not asked for", strict)
    names = sorted(pins.items())
    try:
        return Advisories(tuple(_known(names, address.rstrip("/"))), "", strict)
    except HTTPError as problem:
        return Advisories((), f"{_host(address)} answered with status {problem.code}", strict)
    except OSError:  # no network, no name, no time
        return Advisories((), f"{_host(address)} is not reachable", strict)
    except (ValueError, LookupError, TypeError, AttributeError):
        return Advisories((), f"{_host(address)} gave an answer that is none of OSV's", strict)


def _known(pins: list[tuple[str, str]], address: str) -> Iterable[Vulnerability]:
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pins]
    results = _asked(f"{address}/v1/querybatch", {"queries": queries})["results"]
    if len(results) != len(pins):
        raise ValueError("one answer for each query")
    found = [
        (name, version, str(each["id"]))
        for (name, version), result in zip(pins, results, strict=True)
        for each in result.get("vulns") or ()
    ]
    for number, (name, version, id) in enumerate(found):
        told = _asked(f"{address}/v1/vulns/{id}") if number < MOST else {}
        if not told.get("withdrawn"):
            yield Vulnerability(
                f"{name}=={version}", id, str(told.get("summary", ""))[:200], _fixed(told, name, version)
            )


def _fixed(told: Mapping[str, Any], name: str, version: str) -> str:
    """Return the lowest version after this one that an advisory calls fixed."""
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    later = []
    for each in told.get("affected") or ():
        if canonicalize_name(str(each.get("package", {}).get("name", ""))) != name:
            continue
        for event in (event for span in each.get("ranges") or () for event in span.get("events") or ()):
            try:
                if "fixed" in event and Version(event["fixed"]) > Version(version):
                    later.append(Version(event["fixed"]))
            except InvalidVersion:  # a commit
                continue
    return str(min(later)) if later else ""


def _asked(address: str, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(address, data, {"Content-Type": "application/json", "User-Agent": "nbdeploy"})
    if not address.startswith(("http://", "https://")):
        raise OSError(f"{address} is no address")
    with urlopen(request, timeout=SECONDS) as response:
        found: dict[str, Any] = json.loads(response.read())
    return found


def _host(address: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(address).hostname or address
