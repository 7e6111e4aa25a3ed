"""What a process that runs a package sees of the environment."""

from __future__ import annotations

import os

__all__ = ["process_environment"]


def process_environment() -> dict[str, str]:
    """Return the few variables that a process which runs a package gets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
