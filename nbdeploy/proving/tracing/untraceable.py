"""What a graph can't say, in words."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["Untold", "Untraceable", "refuse"]


class Untraceable(Exception):
    """Why a graph can't say what the code does."""


def refuse(what: str) -> NoReturn:
    raise Untraceable(what)


class Untold:
    """Refuse in words what has no form in a graph, before a library makes something else of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        refuse(f"`.{name}` has no form in a graph")

    def __iter__(self) -> NoReturn:
        refuse("it goes through the rows one by one")

    def __len__(self) -> NoReturn:
        refuse("it counts the rows")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        refuse("it hands the rows to code that no graph can hold")

    def __float__(self) -> NoReturn:
        refuse("it takes the rows for one number")

    __int__ = __index__ = __float__

    def __hash__(self) -> int:
        refuse("it looks rows up in a table")
