"""What a kernel has run so far, as its history tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DEPLOY_LINE", "INJECTED", "ROLE_LINE", "Ran", "history", "normal"]

DEPLOY_LINE = re.compile(r"^\s*(?:\w+\s*=\s*)?%(?:deploy|nbdeploy)\b", re.MULTILINE)
INJECTED = "# Parameters"  # the first line of the cell that papermill adds to what it runs
ROLE_LINE = re.compile(r"\s*%%(preprocess|predict|test)\b[^\S\n]*([^\n]*)")


@dataclass(frozen=True, slots=True)
class Ran:
    """One execution: the cell's text, and the front end's id of the cell where it told one."""

    source: str
    cell_id: str | None = None

    @property
    def role(self) -> str | None:
        """Return the role that the cell's own first line gives it; roles by tag are known to the file alone."""
        found = ROLE_LINE.match(self.source)
        return found[1] if found else None


def history(shell: Any, ids: Sequence[tuple[str, str]] = ()) -> list[Ran]:
    """Return what this session ran, in order, the cell that is running last.

    `ids` are the pairs (cell text, cell id) that were seen since the extension was loaded, in order: the history
    does not keep ids, so they are matched to it from the end.
    """
    sources = list(getattr(shell.history_manager, "input_hist_raw", ("",)))[1:]
    waiting, found = list(ids), []
    for source in reversed(sources):
        cell_id = waiting.pop()[1] if waiting and waiting[-1][0] == source else None
        found.append(Ran(source, cell_id))
    return [each for each in reversed(found) if each.source.strip()]


def normal(source: str) -> str:
    """Return a cell's text as it is compared: no trailing blanks, no blank lines around it."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())
