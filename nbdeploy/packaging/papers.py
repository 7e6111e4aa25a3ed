"""The files around the code: `__init__.py`, the command line, README, project file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from nbdeploy.analysis.serving import Storage
from nbdeploy.analysis.values import Kind
from nbdeploy.notebook.cells import Role
from nbdeploy.packaging.service import key_variable
from nbdeploy.packaging.stages import cells, handed_over
from nbdeploy.packaging.symbols import name_symbols

if TYPE_CHECKING:
    from nbdeploy.analysis.serving import Frozen
    from nbdeploy.packaging.environment import Lock
    from nbdeploy.packaging.export import Wishes
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


def project_file(name: str, module: str, version: str, requirements: Iterable[str]) -> str:
    """Return `pyproject.toml`; `requirements` are the pins of what the package imports itself."""
    import sys

    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = "".join(f'  "{each}",\n' for each in requirements)
    return _filled("pyproject.toml.txt", name=name, module=module, version=version, python=python, pins=pins)


def gitignore() -> str:
    return "__pycache__/\n.venv/\n.pytest_cache/\n"


def readme(recording: Recording, wishes: Wishes, locked: Lock) -> str:
    """Return the README: what is served, from which cells, with which artifacts, and how to run it."""
    path, module = recording.path, wishes.module
    return _filled(
        "README.md.txt",
        name=wishes.name,
        module=module,
        version=wishes.version,
        notebook=_notebook(recording),
        input=path.input.name,
        input_schema=path.input.observation.schema,
        output=path.output.label.replace("\n", " "),
        output_schema=path.output.observation.schema,
        rows=recording.example.rows,
        commands="\n".join(_commands(module)),
        together="in one go" if wishes.batch_seconds is not None else "one after the other",
        key_variable=key_variable(module),
        files="\n".join(_files(recording, wishes)),
        artifacts="\n".join(_artifacts(recording, wishes)) or "None: the served code needs no fitted object.",
        hashes="with hashes" if locked.hashed else f"without hashes ({locked.reason})",
        pins=len(locked.pins),
    )


def _commands(module: str) -> Iterator[str]:
    rows = (
        ("python -m venv .venv && .venv/bin/pip install -r requirements.lock", ""),
        (".venv/bin/python -m pytest", "the contract, and the notebook's own tests"),
        (f".venv/bin/python -m {module}.pipeline --help", "train, predict, evaluate"),
        (
            ".venv/bin/bentoml serve service:Service --host 127.0.0.1",
            "POST /predict, GET /contract, /docs.json, /metrics",
        ),
    )
    width = max(len(command) for command, what in rows if what)
    for command, what in rows:
        yield f"    {command:<{width}}   # {what}" if what else f"    {command}"


def _files(recording: Recording, wishes: Wishes) -> Iterator[str]:
    """Give a table row for each file of code, with the cells that it comes from."""
    path, module = recording.path, wishes.module
    symbols = name_symbols(path.values())
    prepared = {each.original.cell for each in path.stage(Role.PREPROCESS)}
    predicted = {each.original.cell for each in path.stage(Role.PREDICT)} or {path.output.statement.cell}
    if handed_over(path):
        yield f"| `{module}/preprocess.py` | {cells(prepared)}: what prepares a request |"
    yield f"| `{module}/predict.py` | {cells(predicted)}: the whole way from a request to its answer |"
    yield f"| `{module}/train.py` | the training side: makes the artifacts anew |"
    if any(each.storage is Storage.CONSTANT for each in path.values()):
        yield f"| `{module}/constants.py` | numbers, names and lists that the notebook wrote down |"
    for name in symbols.modules:
        reading = " that read artifacts" if name.startswith("functions") else ""
        yield f"| `{module}/{name}.py` | functions{'' if reading else ' and classes'} of the notebook{reading} |"
    yield f"| `{module}/artifacts.py` | reads the fitted objects from `artifacts/`, and writes new ones |"
    if wishes.converted:
        yield f"| `{module}/onnx_models.py` | answers with the models that are ONNX files, as the fitted ones did |"
    if path.input.observation.schema.kind in {Kind.TABLE, Kind.SERIES}:
        yield f"| `{module}/tables.py` | the same from Arrow tables, for many rows: batch jobs, Spark |"
    if wishes.by_graph:
        yield f"| `{module}/graph.py` | answers plain rows by the graph in `edge/`, without `predict` |"
    yield f"| `{module}/pipeline.py` | the command line |"
    if wishes.whole:
        yield "| `edge/` | the whole way from a request to its answer as one ONNX graph, for browsers and other languages |"


def _artifacts(recording: Recording, wishes: Wishes) -> list[str]:
    rows = ["| artifact | what it is | file | bytes |", "|---|---|---|---|"]
    for each in recording.path.artifacts:
        stored = recording.artifacts[each.key]
        file, size, what = stored.file, stored.size, _public(each)
        if converted := wishes.converted.get(each.key):
            file, size, what = converted.file.name, converted.file.stat().st_size, f"{what}, as ONNX"
        rows.append(f"| `{each.name}` | {what} | `artifacts/{file}` | {size:,} |")
    if wishes.converted:
        rows += ["", _ON_ONNX.format(tolerance=f"{wishes.tolerance.relative:g}".replace("e-0", "e-"))]
    return rows if len(rows) > 2 else []


_ON_ONNX = """\
An ONNX file answers as the fitted model did, no class different and numbers within {tolerance} of it; `contract.json` says
what was compared. It is computed by ONNX Runtime. `train` makes native models, and a folder with these is read as well;
deploying the notebook converts them again."""


def _public(value: Frozen) -> str:
    """Return the class's name as it is imported, without private modules: `sklearn.preprocessing.StandardScaler`."""
    *modules, name = value.observation.schema.type.split(".")
    return ".".join([*(each for each in modules if not each.startswith("_")), name])
