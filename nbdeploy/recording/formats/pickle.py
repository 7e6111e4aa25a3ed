"""pickle: whatever nothing safer carries.

Reading such a file runs what is in it, so it is used only for values that were allowed by name.
"""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "pickle"
SUFFIX = ".pkl"
REQUIRES: tuple[str, ...] = ()


def accepts(value: object) -> bool:
    """Say whether the value is data: code is written as source."""
    return not isinstance(value, type | FunctionType | ModuleType)


def save_pickle(value: object, path: Path) -> dict[str, object]:
    """Write any value that pickle takes."""
    import pickle

    path.write_bytes(pickle.dumps(value, protocol=5))
    return {}


def load_pickle(path: Path) -> object:
    """Read what `save_pickle` wrote. The digest in the manifest is what stands between this and foreign code."""
    import pickle

    return pickle.loads(path.read_bytes())
