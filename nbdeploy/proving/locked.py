"""What a package's lock lets a process import, told from the lock's file alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nbdeploy.packaging.installed import Installed

__all__ = ["absent_modules", "pinned"]


def pinned(lock: Path) -> dict[str, str]:
    """Return the versions that `requirements.lock` pins, by normalised name."""
    found = re.findall(r"^([\w.-]+)==([^\s\\;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def absent_modules(lock: Path, installed: Mapping[str, Installed]) -> frozenset[str]:
    """Return the import names that are installed here and come from nothing that the lock pins."""
    pins = pinned(lock)
    everything = frozenset().union(*(each.modules for each in installed.values()))
    locked = frozenset().union(*(each.modules for name, each in installed.items() if name in pins))
    return everything - locked
