"""Which names `from module import *` binds: only the module itself knows, so it is imported, in a process of its own.

That process stands where the notebook stands, so that a module beside it is found. What the import prints goes nowhere, and
an import that hangs or kills its process costs the time limit at most.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["TIME_LIMIT", "star_names"]

TIME_LIMIT = 20.0  # seconds, for all modules together

# Binds as the statement itself does, and so needs no rules of its own for `__all__` and underscores. Each answer is written
# as soon as it is known: a module that kills the process keeps only those behind it from being asked.
_ASKING = """
import json, sys
answers = open(sys.argv[1], "a", encoding="utf-8")
sys.path.insert(0, sys.argv[2])
for module in sys.argv[3:]:
    names = {}
    try:
        exec(f"from {module} import *", names)
        answer = sorted(set(names) - {"__builtins__"})
    except BaseException as error:
        answer = f"{type(error).__name__}: {error}"
    answers.write(json.dumps([module, answer]) + "\\n")
    answers.flush()
"""


def star_names(modules: Iterable[str], cwd: Path | None = None) -> dict[str, tuple[str, ...] | str]:
    """Return by module the names, sorted, that a star import of it binds, or the text of the error that it raises.

    `cwd` is the notebook's folder: modules are looked for there first. A relative module (`.helpers`) and whatever else is no
    dotted name is answered without asking.
    """
    wanted = tuple(dict.fromkeys(modules))
    asked = [each for each in wanted if all(part.isidentifier() for part in each.split("."))]
    answers: dict[str, tuple[str, ...] | str] = dict.fromkeys(wanted, "not a module that can be imported by name")
    return answers | (_ask(asked, (cwd or Path.cwd()).resolve()) if asked else {})


def _ask(modules: list[str], cwd: Path) -> dict[str, tuple[str, ...] | str]:
    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as folder:
        written = Path(folder) / "answers"
        command = [sys.executable, "-P", "-c", _ASKING, str(written), str(cwd), *modules]
        failure = _run(command, cwd)
        text = written.read_text(encoding="utf-8") if written.is_file() else ""
    found: Mapping[str, list[str] | str] = dict(json.loads(line) for line in text.splitlines() if line.endswith("]"))
    return {each: _answer(found.get(each, failure)) for each in modules}


def _run(command: list[str], cwd: Path) -> str:
    """Run the question to its end; return what to say of modules that were not answered for."""
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the import did not end within {TIME_LIMIT:g} s"
    except OSError as error:
        return f"the module can't be asked: {error}"
    return f"the import ended its process with status {done.returncode}"


def _answer(names: list[str] | str) -> tuple[str, ...] | str:
    return names if isinstance(names, str) else tuple(names)
