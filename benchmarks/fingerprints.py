"""The fingerprint of a value, for telling whether two runs made the same; None for what has no value to compare.

Not compared: modules, functions, classes, generators, open files, and everything of plotting and display libraries, also
inside containers. Left out: durations that fitted objects carry (`mean_fit_time`, `refit_time_`), what they keep of values that
they would compute again (`_cache` of statsmodels' results, filled by `summary()`), and addresses (`_stop_words_id` of
scikit-learn's vectorizers).
"""

from __future__ import annotations

import io
from types import FunctionType, MethodType, ModuleType
from typing import Any

from nbdeploy.recording.digest import _Tree

__all__ = ["fingerprint"]

NO_VALUE = (ModuleType, FunctionType, MethodType, type, io.IOBase)
PICTURES = frozenset({"IPython", "altair", "bokeh", "graphviz", "ipywidgets", "matplotlib", "plotly", "seaborn"})


class NoValue(Exception):
    """Met in a value that can't be compared."""


def fingerprint(value: object) -> str | None:
    """Return a text that is equal for equal values, or None."""
    if isinstance(value, NO_VALUE) or callable(getattr(value, "__next__", None)) or is_builtin(value):
        return None
    try:
        return Comparing().node(value).hex()
    except (Exception, RecursionError):
        return None


def is_builtin(value: object) -> bool:
    return type(value).__name__ in ("builtin_function_or_method", "ufunc", "_lru_cache_wrapper")


class Comparing(_Tree):
    """The digest's walk, without what is incidental; functions by their code alone: a slice lacks names that they do not use."""

    def read(self, value: Any) -> bytes:
        if type(value).__module__.split(".")[0] in PICTURES:
            raise NoValue
        return super().read(value)

    def mapping(self, value: dict[object, object]) -> bytes:
        return super().mapping({key: each for key, each in value.items() if not is_incidental(key)})

    def definition(self, value: Any) -> bytes | None:
        if isinstance(value, FunctionType):
            return self.join("function", (value.__qualname__, value.__code__.co_code, value.__defaults__))
        return super().definition(value)


def is_incidental(key: object) -> bool:
    return isinstance(key, str) and (key in ("_cache", "_stop_words_id") or key.endswith(("_time", "_time_")))
