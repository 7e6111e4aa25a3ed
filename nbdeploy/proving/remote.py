"""Ask a running service by its address: http or https, with an API key where it wants one."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from nbdeploy.errors import Diagnostic, UsageError

__all__ = ["Heard", "Remote", "remote"]

SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: its status (0: none came, `text` says why), its headers by small letters, its body."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """A service at an address. `key` is sent as X-API-Key and as a bearer token."""

    address: SplitResult
    key: str | None = None
    seconds: float = SECONDS

    @property
    def url(self) -> str:
        return self.address.geturl()

    @property
    def is_tls(self) -> bool:
        return self.address.scheme == "https"

    @property
    def port(self) -> int:
        return self.address.port or (443 if self.is_tls else 80)

    @property
    def headers(self) -> dict[str, str]:
        keyed = {"X-API-Key": self.key, "Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", "Accept": "application/json", **keyed}

    def path(self, end: str) -> str:
        return f"{self.address.path.rstrip('/')}{end}"

    def ask(self, body: bytes) -> Heard:
        return self._exchanged("POST", "/predict", body)

    def get(self, path: str) -> Heard:
        return self._exchanged("GET", path, None)

    def _exchanged(self, method: str, path: str, body: bytes | None) -> Heard:
        host = self.address.hostname or ""
        connection = (HTTPSConnection if self.is_tls else HTTPConnection)(host, self.port, timeout=self.seconds)
        try:
            connection.request(method, self.path(path), body, self.headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Heard(response.status, text, headers, _object(text))
        except (OSError, HTTPException, ssl.SSLError) as problem:
            return Heard(0, f"{type(problem).__name__}: {problem}")
        finally:
            connection.close()


def remote(url: str, key: str | None = None) -> Remote:
    """Return the service at a URL. Raises UsageError NBD539 where it is none of http or https."""
    try:
        address = urlsplit(url)
        usable = address.scheme in {"http", "https"} and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or address.query or address.fragment:
        message = f"{url!r} is no address of a service"
        fix = "give http://HOST:PORT or https://HOST/PATH, without /predict"
        raise UsageError(Diagnostic(code="NBD539", message=message, fix=fix))
    return Remote(address, key)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
