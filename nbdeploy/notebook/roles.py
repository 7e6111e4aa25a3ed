"""What a cell is for: its role, from its tags or from its cell magic, and the names that the magic settles."""

from __future__ import annotations

import difflib
import keyword
import re
import shlex
from enum import StrEnum
from typing import TYPE_CHECKING

from nbdeploy.errors import Diagnostic
from nbdeploy.notebook.magics import ROLE_MAGICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbdeploy.notebook.syntax import Magic

__all__ = ["Role", "read_role", "role_options", "serving_roles"]


class Role(StrEnum):
    """The meaning of a tag. A cell has one role or none; without a role it belongs to the training side."""

    PREPROCESS = "preprocess"
    PREDICT = "predict"
    TEST = "test"
    PARAMETERS = "parameters"  # papermill's
    SKIP = "skip"  # must not run in validation


serving_roles = frozenset({Role.PREPROCESS, Role.PREDICT, Role.TEST})

_OPTIONS: Mapping[str, tuple[str, ...]] = {"preprocess": ("input",), "predict": ("output",), "test": ()}

# Other forms of the words, as they are used for tags. 'params', 'skipped' and 'nbval-skip' belong to other tools.
_FORMS: Mapping[str, Role] = {
    **dict.fromkeys(("preproc", "preprocessed", "preprocesses", "preprocessing", "preprocessor"), Role.PREPROCESS),
    **dict.fromkeys(("predicted", "predicting", "prediction", "predictions", "predictor", "predicts"), Role.PREDICT),
    **dict.fromkeys(("testing", "tests"), Role.TEST),
    "parameter": Role.PARAMETERS,
    **{str(role): role for role in Role},
}
_TYPED = (
    Role.PREPROCESS,
    Role.PREDICT,
    Role.PARAMETERS,
)  # words long enough for a typing error to be told from another word
_CLOSE = 0.87


def read_role(tags: Sequence[str], magics: Sequence[Magic], *, code: bool) -> tuple[Role | None, list[Diagnostic]]:
    """Settle a cell's role; the diagnostics (NBD004, NBD006, NBD007, NBD008) carry the line only, not the cell."""
    named: list[tuple[Role, str, int | None]] = []
    named += [(Role(tag), f"the tag {tag!r}", None) for tag in tags if tag in _ROLES]
    own = [magic for magic in magics if magic.kind == "cell" and magic.name in ROLE_MAGICS]
    named += [(Role(magic.name), f"the cell magic %%{magic.name}", magic.line) for magic in own]
    if not code:
        return None, [_not_code(role) for role, _, _ in named[:1] if role in serving_roles]
    found = [near for tag in tags if (near := _near_miss(tag))]
    found += [problem for magic in own for problem in role_options(magic)[1]]
    roles = list(dict.fromkeys(role for role, _, _ in named))
    if len(roles) > 1:
        found.append(_contradiction(roles, named))
    return (roles[0] if roles else None), found


def role_options(magic: Magic) -> tuple[dict[str, str], list[Diagnostic]]:
    """Read `--input NAME` of `%%preprocess` and `--output NAME` of `%%predict`; what is wrong comes back as NBD007."""
    try:
        words = [part for word in shlex.split(magic.argument, comments=True) for part in _split_option(word)]
    except ValueError as error:
        return {}, [_bad_option(magic, f"its options can't be read: {error}")]
    options: dict[str, str] = {}
    while words:
        word = words.pop(0)
        option = word.removeprefix("--")
        if option == word or option not in _OPTIONS[magic.name]:
            return options, [_bad_option(magic, f"it has no option {word!r}" + _meant(word, magic.name))]
        name = words.pop(0) if words else ""
        if not name.isidentifier() or keyword.iskeyword(name):
            return options, [_bad_option(magic, f"{word} needs the name of a variable, not {name!r}")]
        if options.setdefault(option, name) != name:
            return options, [_bad_option(magic, f"{word} is given twice")]
    return options, []


_ROLES = frozenset(str(role) for role in Role)


def _split_option(word: str) -> list[str]:
    return word.split("=", 1) if word.startswith("--") and "=" in word else [word]


def _meant(word: str, magic: str) -> str:
    close = difflib.get_close_matches(word.lstrip("-").lower(), _OPTIONS[magic], n=1, cutoff=0.5)
    return f" (did you mean --{close[0]}?)" if close else ""


def _bad_option(magic: Magic, why: str) -> Diagnostic:
    usage = " ".join([f"%%{magic.name}", *(f"[--{option} NAME]" for option in _OPTIONS[magic.name])])
    return Diagnostic(code="NBD007", message=f"%%{magic.name}: {why}", fix=f"write {usage}", line=magic.line)


def _contradiction(roles: Sequence[Role], named: Sequence[tuple[Role, str, int | None]]) -> Diagnostic:
    line = next((line for _, _, line in named if line is not None), None)
    told = " and ".join(dict.fromkeys(text for _, text, _ in named))
    fix = "split the cell, or keep one role"
    if Role.SKIP in roles:
        fix = "keep one: a cell that is skipped serves nothing"
    return Diagnostic(code="NBD004", message=f"the cell has {len(roles)} roles: {told}", fix=fix, line=line)


def _not_code(role: Role) -> Diagnostic:
    message = f"the tag {str(role)!r} is on a cell that is not code, so it means nothing there"
    return Diagnostic(code="NBD008", message=message, fix="move the tag to the code cell that it is meant for")


def _near_miss(tag: str) -> Diagnostic | None:
    """Tell a tag that was meant as a role and is none from a tag of the user's own."""
    if tag in _ROLES or ":" in tag:
        return None
    word = re.sub(r"[\s_-]+", "", tag).casefold()
    meant: str | None = _FORMS.get(word)
    if meant is None:
        swapped = [role for role in _TYPED if sorted(role) == sorted(word)]
        meant = next(iter(swapped or difflib.get_close_matches(word, _TYPED, n=1, cutoff=_CLOSE)), None)
    if meant is None:
        return None
    message = f"the tag {tag!r} looks like a role but is none, so the cell would be left out of it silently"
    fix = f"did you mean {str(meant)!r}? Rename the tag, to that or to another word"
    return Diagnostic(code="NBD006", message=message, fix=fix)
