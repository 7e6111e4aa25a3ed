"""Take from a template only the functions and classes that are needed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["needed", "parts"]


@dataclass(frozen=True, slots=True)
class Part:
    """A class or function of a template: its text and the names that it uses."""

    text: str
    names: frozenset[str]


@cache
def parts(template: Path) -> Mapping[str, Part]:
    """Return the classes and functions of a template by name, in their order."""
    text = template.read_text(encoding="utf-8")
    return {
        node.name: Part(
            ast.get_source_segment(text, node) or "",
            frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name)) - {node.name},
        )
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }


def needed(known: Mapping[str, Part], roots: Iterable[str]) -> list[str]:
    """Return the names of the parts that the roots need, themselves among them, in the template's order."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += known[name].names & known.keys()
    return [name for name in known if name in found]
