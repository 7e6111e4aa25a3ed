"""torch: tensors, state dicts and modules, read by the unpickler that builds only what it is told to trust."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

NAME = "torch"
SUFFIX = ".pt"
REQUIRES = ("torch",)


def accepts(value: object) -> bool:
    """Say whether the value is a tensor, a module, or a dict or list with tensors only."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    if isinstance(value, dict | list | tuple) and value:
        items = list(value.values()) if isinstance(value, dict) else list(value)
        return all(isinstance(each, torch.Tensor) for each in items)
    return isinstance(value, torch.Tensor | torch.nn.Module)


def save_torch(value: object, path: Path) -> dict[str, object]:
    """Write a tensor or a module, and give the classes beyond torch's own tensors that must be trusted to read it."""
    import torch

    torch.save(value, path)
    return {"trusted": sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))}


def load_torch(path: Path, trusted: list[str]) -> object:
    """Read what `save_torch` wrote, onto the CPU. A class that is not in `trusted` is refused."""
    import pkgutil

    import torch

    classes: list[Any] = [(pkgutil.resolve_name(name), name) for name in trusted]
    with torch.serialization.safe_globals(classes):
        return torch.load(path, map_location="cpu", weights_only=True)


def wanted_torch(path: Path) -> list[str]:
    """Give the classes beyond torch's own tensors that a file wants built; nothing in it is built by that."""
    import torch

    return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
