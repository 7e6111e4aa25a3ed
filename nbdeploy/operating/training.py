"""Where a package is trained: a clean process of this environment, or one that is made of the package's own lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbdeploy.errors import Diagnostic, EnvironmentProblem
from nbdeploy.packaging.installed import installed
from nbdeploy.packaging.search_places import search_places
from nbdeploy.proving.locked import absent_modules
from nbdeploy.proving.process_environment import process_environment

__all__ = ["Environment", "ask", "train"]

MINUTE = 60.0
INSTALL_SECONDS = 20 * MINUTE


@dataclass(frozen=True, slots=True)
class Environment:
    """A package with the Python that runs it; `absent` are the names that it must not import, `own` says it is the lock's."""

    package: Path
    module: str
    python: Path
    absent: tuple[str, ...] = ()
    own: bool = False

    @classmethod
    def of(cls, package: Path, module: str, venv: Path | None) -> Environment:
        if venv is not None:
            return cls(package, module, made_of_lock(package / "requirements.lock", venv.absolute()), own=True)
        absent = absent_modules(package / "requirements.lock", installed()) - {module}
        return cls(package, module, Path(sys.executable), tuple(sorted(absent)))


def train(environment: Environment, data: Path, out: Path) -> dict[str, Any]:
    """Train in the folder `data`, artifacts to `out`; a `problem` in the report says why there are none."""
    return _run(environment, {"action": "train", "data": str(data), "out": str(out)})


def ask(environment: Environment, artifacts: Path) -> dict[str, Any]:
    """Ask the recorded rows of the package with other artifacts."""
    return _run(environment, {"action": "ask", "out": str(artifacts)})


def _run(environment: Environment, job: Mapping[str, Any]) -> dict[str, Any]:
    from nbdeploy.operating import training_process
    from nbdeploy.proving import probe

    with tempfile.TemporaryDirectory(prefix="nbdeploy-") as scratch:
        asked, report = Path(scratch, "job.json"), Path(scratch, "report.json")
        own = {"package": str(environment.package), "module": environment.module}
        content = {**job, **own, "absent": environment.absent, "probe": probe.__file__}
        asked.write_text(json.dumps(content), encoding="utf-8")
        python, script = str(environment.python), training_process.__file__
        command = [python, "-I", "-X", "utf8", "-W", "ignore", script, str(asked), str(report)]
        done = subprocess.run(command, env=process_environment(), capture_output=True, check=False)
        if not report.exists():
            last = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
            return {"problem": f"it brought its process down (status {done.returncode}): {' / '.join(last)}"}
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


def made_of_lock(lock: Path, venv: Path) -> Path:
    """Return the Python of the environment in `venv`, made of the lock if there is none. Raises EnvironmentProblem (NBD594)."""
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if python.exists():
        return python
    hashed = ["--require-hashes"] if "--hash=" in lock.read_text(encoding="utf-8") else []
    try:
        from uv import find_uv_bin

        uv = str(find_uv_bin())
        _install([uv, "venv", "--quiet", "--python", os.path.realpath(sys.executable), str(venv)])
        # The processes that run in it write no bytecode: without, each start would compile all that it imports.
        wanted = ["--compile-bytecode", *hashed, "-r", str(lock)]
        _install([uv, "pip", "install", "--quiet", "--python", str(python), *wanted])
    except (ImportError, OSError, subprocess.TimeoutExpired) as problem:
        raise EnvironmentProblem(_no_environment(venv, str(problem))) from None
    return python


def _install(command: list[str]) -> None:
    places = search_places()
    strategy = {"UV_INDEX_STRATEGY": "unsafe-best-match"} if len(places) > 1 or "UV_INDEX" in places else {}
    done = subprocess.run(
        command,
        env=os.environ | places | strategy,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise OSError(" ".join(done.stderr.split())[-400:] or f"uv ended with status {done.returncode}")


def _no_environment(venv: Path, why: str) -> Diagnostic:
    return Diagnostic(
        code="NBD594",
        message=f"no environment could be made of the lock in {venv}: {why}",
        fix="see that the package index can be reached, or name the folder of an environment that has what the lock names",
    )
