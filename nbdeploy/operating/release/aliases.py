"""MLflow's aliases say what is live: `champion` answers, `challenger` is on trial, `previous` is the way back.

Run as a process of its own, for MLflow is large and slow to start, and its store may not answer for a while.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nbdeploy.home import write_atomically

if TYPE_CHECKING:
    from nbdeploy.operating.release.state import State

__all__ = ["FILE", "main", "settled", "wanted"]

FILE = "aliases.json"


def wanted(state: State) -> dict[str, str | None]:
    """Return the version that each alias has to name, None where it names none."""
    return {"champion": state.live, "challenger": state.candidate, "previous": state.previous}


def settled(folder: Path, aliases: dict[str, str | None]) -> bool:
    """Tell whether the aliases were last set to just this."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found["aliases"] == aliases)


def main() -> None:
    from nbdeploy.errors import NbdeployError
    from nbdeploy.tracking.mlflow import set_aliases

    name, folder, aliases = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    os.nice(5)  # who waits for an answer comes first
    try:
        unknown = set_aliases(name, aliases)
    except NbdeployError as error:
        sys.exit(str(error))
    write_atomically(folder / FILE, json.dumps({"aliases": aliases, "unknown": unknown}))


if __name__ == "__main__":
    main()
