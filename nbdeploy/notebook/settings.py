"""The deploy settings that a notebook carries itself, in `metadata.nbdeploy`. The command line wins over them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nbdeploy.errors import Diagnostic
from nbdeploy.suggestions import did_you_mean

__all__ = ["LIMITS", "Settings", "read_settings", "unknown_limit"]

LIMITS = {
    "p50_ms": "half of the requests of one client are answered within, in milliseconds",
    "p99_ms": "99 of 100 requests of one client are answered within, in milliseconds",
    "p50_ms_16": "the same half with 16 clients at once",
    "p99_ms_16": "the same 99 of 100 with 16 clients at once",
    "rps": "requests a second that 16 clients get answered",
    "memory_mb": "peak memory of the server's processes in MB",
    "cold_start_s": "seconds from the server's start to its first ready answer",
    "size_mb": "size of the Bento in MB",
    "artifacts_mb": "size of the stored objects in MB",
    "image_mb": "size of what an image adds to its base, the Bento and its installed requirements, in MB",
}
"""The figures of the gate `budget` that can be limited."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `metadata.nbdeploy` says; the fields mean what they mean in a `DeployRequest`.

    `contacts` are who is called for a fault of the `system` (how it is served) and for one of the `model`.
    """

    name: str | None = None
    input: str | None = None
    output: str | None = None
    bind: Mapping[str, str] = field(default_factory=dict, hash=False)
    budget: Mapping[str, float] = field(default_factory=dict, hash=False)
    metrics: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    labels: str | None = None
    segments: tuple[str, ...] = ()
    margin: float | None = None
    audit: Literal["warn", "fail", "off"] | None = None
    onnx: Literal["auto", "require", "off"] | None = None
    onnx_tolerance: float | None = None
    quantize: bool | None = None
    contacts: Mapping[str, str] = field(default_factory=dict, hash=False)
    fallback: Any = field(default=None, hash=False)


def read_settings(metadata: Mapping[str, Any]) -> tuple[Settings, tuple[Diagnostic, ...]]:
    """Read the settings in a notebook's metadata; what is wrong with them comes back as NBD009, and is left out."""
    raw = metadata.get("nbdeploy")
    if raw is None:
        return Settings(), ()
    if not isinstance(raw, Mapping):
        return Settings(), (_problem(f"metadata.nbdeploy is {_shown(raw)}, not an object", "make it an object"),)
    known: dict[str, Any] = {}
    problems: list[Diagnostic] = []
    for key, value in raw.items():
        form = _FORMS.get(key)
        if form is None:
            problems.append(_unknown(key))
        elif value is None:
            continue
        elif form.accepts(value):
            known[key] = form.make(value)
            problems.extend(_unknown_limits(known) if key == "budget" else ())
        else:
            problems.append(_problem(f"metadata.nbdeploy.{key} is {_shown(value)}", f"it must be {form.text}"))
    return Settings(**known), tuple(problems)


@dataclass(frozen=True, slots=True)
class _Form:
    text: str
    accepts: Callable[[Any], bool]
    make: Callable[[Any], Any]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value)) and value >= 0
    except OverflowError:
        return False


def _is_map(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Mapping) and all(_is_text(k) and accepts(v) for k, v in value.items())


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(each) for each in value)


_TEXT = _Form("a text", _is_text, str)
_TEXTS = _Form('a list of texts, such as ["rmse"]', _is_texts, tuple)
_FORMS = {
    "name": _TEXT,
    "input": _TEXT,
    "output": _TEXT,
    "bind": _Form('an object of names, such as {"X_test": "X"}', _is_map(_is_text), dict),
    "budget": _Form(
        'an object of numbers from 0 on, such as {"p99_ms": 20}',
        _is_map(_is_number),
        lambda value: {key: float(number) for key, number in value.items()},
    ),
    "metrics": _TEXTS,
    "allow": _TEXTS,
    "freeze": _Form('a list of places, such as ["4:2"], or ["all"]', _is_texts, tuple),
    "labels": _TEXT,
    "segments": _Form('a list of columns, such as ["contract"]', _is_texts, tuple),
    "margin": _Form("a number from 0 on, such as 0.01", _is_number, float),
    "audit": _Form("warn, fail or off", lambda value: value in ("warn", "fail", "off"), str),
    "onnx": _Form("auto, require or off", lambda value: value in ("auto", "require", "off"), str),
    "onnx_tolerance": _Form(
        "a number from 0 to 1, such as 1e-6", lambda value: _is_number(value) and value <= 1, float
    ),
    "quantize": _Form("true or false", lambda value: isinstance(value, bool), bool),
    "contacts": _Form(
        'an object with "system" and "model", such as {"system": "platform@example.org"}',
        lambda value: _is_map(_is_text)(value) and set(value) <= {"system", "model"},
        dict,
    ),
    "fallback": _Form("the answer to one row, in the form of a prediction", lambda value: True, lambda value: value),
}


def _unknown_limits(known: dict[str, Any]) -> list[Diagnostic]:
    """Take the limits that are not known out of the budget, and tell them."""
    unknown = [key for key in known["budget"] if key not in LIMITS]
    known["budget"] = {key: value for key, value in known["budget"].items() if key in LIMITS}
    return [_problem(f"metadata.nbdeploy.budget: {unknown_limit(key)}", "correct the key") for key in unknown]


def unknown_limit(key: str) -> str:
    """Return the words for a limit that there is none of, with the nearest one that there is."""
    return f"{_shown(key)} is not a limit{did_you_mean(str(key), LIMITS)}: they are {', '.join(LIMITS)}"


def _unknown(key: str) -> Diagnostic:
    close = difflib.get_close_matches(str(key).lower(), _FORMS, n=1)
    fix = f"did you mean {close[0]!r}?" if close else f"the keys are {', '.join(_FORMS)}"
    return _problem(f"metadata.nbdeploy has the unknown key {_shown(key)}", fix)


def _problem(message: str, fix: str) -> Diagnostic:
    return Diagnostic(code="NBD009", message=message, fix=fix)


def _shown(value: Any) -> str:
    text = ascii(value) if isinstance(value, str | int | float) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
