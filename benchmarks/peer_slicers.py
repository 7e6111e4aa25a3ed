"""Other tools' slices, for the same names of the same notebooks. Each tool lives in an environment of its own, made on demand."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from slice_runs import Cache, Subject

__all__ = ["SKIPPED", "Answer", "Peer", "available", "peers", "prefix"]

HERE = Path(__file__).resolve().parent / "peers"
SKIPPED = {
    "LineaPy": "0.2.3 (2023) needs pydantic < 2; on Python 3.11 its tracer ends at the first cell (IndexError in _op_stack.py)",
    "Kale": "2.3 finds dependencies between tagged pipeline steps only, and needs Kubeflow Pipelines; no slice of a name",
}
Answer = Mapping[str, Mapping[str, str]]  # name -> {"code": ...} or {"refused": ...}


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool: how its environment is made in a folder, and the command that answers there."""

    name: str
    install: Callable[[Path], None]
    command: Callable[[Path], list[str]]
    runs: bool = False  # it executes the notebook, with the libraries of this environment

    def slices(self, subject: Subject, names: list[str], home: Path, cache: Cache, limit: float) -> Answer:
        adapter = hashlib.sha256(Path(self.command(home)[1]).read_bytes()).hexdigest()
        key = f"{self.name} {adapter[:12]} {subject.digest} {hashlib.sha256(' '.join(names).encode()).hexdigest()[:12]}"
        if key not in cache.answers:
            cache.answers[key] = self._ask(subject, names, home / self.name, limit)
        answer: Answer = cache.answers[key]
        return answer

    def _ask(self, subject: Subject, names: list[str], home: Path, limit: float) -> Answer:
        job = {"path": str(subject.path), "cells": [code for _, code, _ in subject.blocks], "names": names}
        with tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True) as scratch:
            place = Path(scratch) / "work"
            shutil.copytree(subject.root, place, ignore=shutil.ignore_patterns("reference"))
            place /= subject.path.parent.relative_to(subject.root)
            environment = {**os.environ, "MPLBACKEND": "Agg", "IPYTHONDIR": scratch, "OMP_NUM_THREADS": "1"}
            done = grouped(["timeout", str(limit), *self.command(home)], json.dumps(job), place, environment)
        try:
            answer: Answer = json.loads(done.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1][:200]
            return {name: {"refused": f"no answer: {why}"} for name in names}
        return answer


def grouped(
    command: list[str], given: str, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command in a group of its own, and end with it what it leaves behind (joblib's workers)."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            out, told = process.communicate(given)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, out, told)


def peers() -> list[Peer]:
    def python(script: str) -> Callable[[Path], list[str]]:
        return lambda home: [str(home / "bin" / "python"), str(HERE / script)]

    return [
        Peer(
            "ipyflow", lambda home: venv(home, "ipyflow-core", libraries=True), python("ipyflow_slices.py"), runs=True
        ),
        Peer("marimo", lambda home: venv(home, "marimo"), python("marimo_slices.py")),
        Peer(
            "gather",
            lambda home: npm(home, "@msrvida/python-program-analysis"),
            lambda home: ["node", str(HERE / "gather_slices.js"), str(home / "node_modules")],
        ),
    ]


def available(home: Path) -> tuple[list[Peer], dict[str, str]]:
    """Install what is not there yet; return the tools that are, and for the others why not."""
    found, missing = [], dict(SKIPPED)
    for peer in peers():
        try:
            if not (home / peer.name).exists():
                peer.install(home / peer.name)
            found.append(peer)
        except (OSError, subprocess.CalledProcessError) as problem:
            shutil.rmtree(home / peer.name, ignore_errors=True)
            missing[peer.name] = f"does not install: {(getattr(problem, 'stderr', '') or str(problem)).strip()[-200:]}"
    return found, missing


def venv(home: Path, package: str, *, libraries: bool = False) -> None:
    """Make an environment with one package; with `libraries`, this interpreter's packages stand behind it."""
    run([sys.executable, "-m", "venv", str(home)])
    run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", package])
    if libraries:
        site = next((home / "lib").glob("python*/site-packages"))
        (site / "zz_libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")


def npm(home: Path, package: str) -> None:
    home.mkdir(parents=True)
    run(["npm", "install", "--silent", "--prefix", str(home), package])


def run(command: list[str]) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)


def prefix(subject: Subject, names: list[str]) -> Answer:
    """The trivial slice: everything up to the last cell that binds or changes the name, nothing cut out."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        cells = [each.cell for each in subject.program.statements if name in each.effects.defs | each.effects.mutates]
        last = max(cells, default=-1)
        found[name] = {"code": "\n".join(code for cell, code, _ in subject.blocks if cell <= last)}
    return found
