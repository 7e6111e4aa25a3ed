"""Let what the notebook defines claim the module where the package will have it.

A class written in a cell lives in `__main__`. Stored under that name it could be read nowhere else.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["relocated"]


@contextmanager
def relocated(namespace: Mapping[str, object], module: str) -> Iterator[None]:
    """Make the classes and functions of `__main__` in `namespace` importable from `module`, and claim to be of it.

    All is as before at the end, also after an error.
    """
    moved = {
        each.__qualname__: each
        for each in namespace.values()
        if getattr(each, "__module__", None) == "__main__" and callable(each) and hasattr(each, "__qualname__")
    }
    with ExitStack() as undo:
        home = _temporary_module(module, undo)
        for name, each in moved.items():
            undo.callback(setattr, each, "__module__", "__main__")
            each.__module__ = module
            if "." not in name:
                _set(home, name, each, undo)
        yield


def _temporary_module(name: str, undo: ExitStack) -> ModuleType:
    """Put a fresh module of that name in place of any other, and its parents where there are none."""
    parent, _, last = name.rpartition(".")
    above = (sys.modules.get(parent) or _temporary_module(parent, undo)) if parent else None
    fresh = ModuleType(name)
    fresh.__path__ = []
    undo.callback(_restore, sys.modules, name, sys.modules.get(name))
    sys.modules[name] = fresh
    if above is not None:
        _set(above, last, fresh, undo)
    return fresh


def _set(owner: ModuleType, name: str, value: object, undo: ExitStack) -> None:
    undo.callback(_restore, vars(owner), name, vars(owner).get(name))
    setattr(owner, name, value)


def _restore(mapping: dict[str, Any], key: str, before: object) -> None:
    if before is None:
        mapping.pop(key, None)
    else:
        mapping[key] = before
