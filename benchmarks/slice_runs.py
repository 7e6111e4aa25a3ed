"""What a notebook's whole program makes, and what programs cut out of it make: runs, kept in a cache by their text."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbdeploy.analysis.program import Program, Statement
from nbdeploy.reading import open_notebook

__all__ = ["Cache", "Executor", "Subject", "Whole", "subjects"]

HERE = Path(__file__).resolve().parent
HEAVY = frozenset(
    {"lightgbm", "matplotlib", "mlxtend", "numpy", "pandas", "patsy", "scipy", "seaborn", "sklearn", "statsmodels"}
    | {"torch", "torchvision", "xgboost"}
)
METHOD = hashlib.sha256(
    b"".join((HERE / name).read_bytes() for name in ("executor.py", "fingerprints.py"))
).hexdigest()[:12]
Block = tuple[int, str, bool]  # cell, code, whether it may fail


@dataclass(frozen=True)
class Subject:
    """One notebook of the corpus: `root` is the folder that holds it with its data."""

    id: str
    path: Path
    root: Path
    program: Program = field(hash=False)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]

    @property
    def blocks(self) -> list[Block]:
        """The whole program, cell by cell; a cell that is tagged `raises-exception` may."""
        ran = {each.cell for each in self.program.statements}
        cells = [cell for cell in self.program.notebook.cells if cell.index in ran and cell.code]
        return [(cell.index, cell.code.python, "raises-exception" in cell.tags) for cell in cells if cell.code]

    @property
    def modules(self) -> list[str]:
        """The heavy modules that it imports anywhere, by their full names."""
        found: set[str] = set()
        for node in (node for each in self.program.statements for node in ast.walk(each.node)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
        return sorted(name for name in found if name.split(".")[0] in HEAVY)


def subjects(corpus: Path, only: set[str]) -> list[Subject]:
    """Return the tagged notebooks below `corpus/<id>/` in the order of their ids."""
    found = []
    for root in sorted(each for each in corpus.iterdir() if each.is_dir()):
        for path in sorted(root.rglob("tagged.ipynb")):
            if not only or root.name in only:
                found.append(Subject(root.name, path, root, open_notebook(path)))
    return found


@dataclass
class Cache:
    """Answers of the executor by the text that was run, kept in one JSON file."""

    path: Path
    answers: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path) -> Cache:
        return cls(path, json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {})

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.answers), encoding="utf-8")
        part.replace(self.path)


class Executor:
    """The process that runs one notebook's programs; started when the first one is not in the cache."""

    def __init__(self, subject: Subject, cache: Cache, limit: float) -> None:
        self.subject, self.cache, self.limit = subject, cache, limit
        self._process: subprocess.Popen[str] | None = None

    def run(self, blocks: list[Block], *, seed: int = 0, again: int = 0) -> dict[str, Any]:
        """Return the fingerprints that the blocks leave behind; `again` tells repeated runs of one text apart."""
        text = json.dumps([self.subject.digest, self.subject.id, blocks, seed, again, METHOD])
        key = hashlib.sha256(text.encode()).hexdigest()[:24]
        if key not in self.cache.answers:
            self.cache.answers[key] = self._ask(blocks, seed)
        answer: dict[str, Any] = self.cache.answers[key]
        return answer

    def close(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()
        self._process = None

    def _ask(self, blocks: list[Block], seed: int) -> dict[str, Any]:
        if self._process is None:
            self._process = self._started()
            self._send({"preload": self.subject.modules})
        cwd = str(self.subject.path.parent.relative_to(self.subject.root))
        self._send({"folder": str(self.subject.root), "cwd": cwd, "blocks": blocks, "seed": seed, "limit": self.limit})
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def _send(self, document: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()

    @staticmethod
    def _started() -> subprocess.Popen[str]:
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONHASHSEED"), "1")
        paths = os.pathsep.join([str(HERE), str(HERE.parent)])
        environment = {**os.environ, **one, "MPLBACKEND": "Agg", "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"}
        return subprocess.Popen(
            [sys.executable, str(HERE / "executor.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip


@dataclass(frozen=True)
class Whole:
    """What the whole program makes. `stable` names have the same value in every run with the same seeds; of these
    `unseeded` have another one with other seeds: the notebook draws random numbers that it has not seeded."""

    error: str | None
    seconds: float
    values: dict[str, str]
    shown: dict[str, str]
    incomparable: frozenset[str]
    irreproducible: frozenset[str]
    unseeded: frozenset[str]

    @classmethod
    def of(cls, executor: Executor) -> Whole:
        first = executor.run(executor.subject.blocks)
        executor.close()  # the second run has other addresses
        second = executor.run(executor.subject.blocks, again=1)
        other = executor.run(executor.subject.blocks, seed=1)
        named: dict[str, str | None] = first["values"]
        values = {name: value for name, value in named.items() if value is not None}
        odd = frozenset(name for name, value in values.items() if second["values"].get(name) != value)
        free = frozenset(name for name, value in values.items() if other["values"].get(name) != value)
        return cls(
            first["error"],
            first["seconds"],
            values,
            first["shown"],
            frozenset(named.keys() - values.keys()),
            odd,
            free - odd,
        )

    @property
    def names(self) -> list[str]:
        """The names whose slices are judged."""
        return sorted(self.values.keys() - self.irreproducible - self.unseeded)


def text_of(statements: tuple[Statement, ...]) -> str:
    return "\n".join(each.source for each in statements) + "\n"


def count_statements(code: str) -> int:
    return sum(not isinstance(each, ast.Pass) for each in ast.parse(code).body)
