"""The files around the code: `__init__.py`, the command line, README, project file."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from nbdeploy.analysis.values import Kind
from nbdeploy.notebook.cells import Role
from nbdeploy.packaging.stages import handed_over

if TYPE_CHECKING:
    from nbdeploy.packaging.environment import Lock
    from nbdeploy.recording.recording import Recording

__all__ = ["gitignore", "init_module", "pipeline_module", "project_file", "readme"]

TEMPLATES = Path(__file__).parent / "templates"


def _filled(template: str, **values: object) -> str:
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)


def _notebook(recording: Recording) -> str:
    return recording.program.notebook.path.rsplit("/", 1)[-1]


def init_module(recording: Recording, name: str) -> str:
    return _filled("init.py.txt", name=name, notebook=_notebook(recording))


def pipeline_module(recording: Recording, module: str) -> str:
    """Return the package's command line: train, predict, evaluate."""
    table = recording.path.input.observation.schema.kind is Kind.TABLE
    template = "pipeline_table.py.txt" if table else "pipeline_json.py.txt"
    return _filled(template, module=module, notebook=_notebook(recording))


def project_file(name: str, module: str, version: str) -> str:
    import sys

    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _filled("pyproject.toml.txt", name=name, module=module, version=version, python=python)


def gitignore() -> str:
    return "__pycache__/\n.venv/\n.pytest_cache/\n"


def readme(recording: Recording, name: str, module: str, version: str, locked: Lock) -> str:
    """Return the README: what is served, from which cells, with which artifacts, and how to run it."""
    path = recording.path
    return _filled(
        "README.md.txt",
        name=name,
        module=module,
        version=version,
        notebook=_notebook(recording),
        input=path.input.name,
        input_schema=path.input.observation.schema,
        output=path.output.label.replace("\n", " "),
        output_schema=path.output.observation.schema,
        rows=recording.example.rows,
        files="\n".join(_files(recording, module)),
        artifacts="\n".join(_artifacts(recording)) or "None: the served code needs no fitted object.",
        hashes="with hashes" if locked.hashed else f"without hashes ({locked.reason})",
        pins=len(locked.pins),
    )


def _files(recording: Recording, module: str) -> list[str]:
    path = recording.path
    cells = {
        role: ", ".join(str(n) for n in sorted({each.original.cell for each in path.stage(role)}))
        for role in (Role.PREPROCESS, Role.PREDICT)
    }
    rows = []
    if handed_over(path):
        rows.append(f"| `{module}/preprocess.py` | cells {cells[Role.PREPROCESS]}: what prepares a request |")
    predicting = cells[Role.PREDICT] or str(path.output.statement.cell)
    rows.append(f"| `{module}/predict.py` | cells {predicting}: the whole way from a request to its answer |")
    rows.append(f"| `{module}/train.py` | the training side: makes the artifacts anew |")
    return rows


def _artifacts(recording: Recording) -> list[str]:
    rows = ["| artifact | what it is | file | bytes |", "|---|---|---|---|"]
    for each in recording.path.artifacts:
        stored = recording.artifacts[each.key]
        rows.append(f"| `{each.name}` | {each.observation.schema.type} | `artifacts/{stored.file}` | {stored.size:,} |")
    return rows if len(rows) > 2 else []
