"""One program, the name that is wanted of it, and the statements that a slice for it should leave behind."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

__all__ = ["case"]


def case(label: str, name: str, source: str, *left_behind: str, unsound: str = "") -> Any:
    """`unsound`: what is known to be wrong, so that the slice makes another value."""
    marks = [pytest.mark.xfail(strict=True, reason=unsound)] if unsound else []
    return pytest.param(name, textwrap.dedent(source).strip(), left_behind, id=label, marks=marks)
