"""What a command is, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import TextIO

__all__ = ["Answer", "Command"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command gives: the JSON document, how a rich console shows it, and the exit status."""

    document: Any
    show: Callable[[Any], None]
    status: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    summary: str
    example: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, TextIO], Answer]
