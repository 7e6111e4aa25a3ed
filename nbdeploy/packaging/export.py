"""From a recording to a package: all of its files."""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nbdeploy.analysis.serving import Frozen, ServingPath, Storage
from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.notebook.cells import Role
from nbdeploy.packaging import onnx_models, together
from nbdeploy.packaging.artifacts import ONNX, ArtifactEntry, artifacts_module, manifest
from nbdeploy.packaging.definitions import constants_module, definitions_module
from nbdeploy.packaging.environment import Lock, lock
from nbdeploy.packaging.graph import graph_module, serves
from nbdeploy.packaging.installed import owners
from nbdeploy.packaging.local_modules import local_modules
from nbdeploy.packaging.package import Package
from nbdeploy.packaging.papers import gitignore, init_module, pipeline_module, project_file, readme
from nbdeploy.packaging.sbom import sbom
from nbdeploy.packaging.service import answering_module, bentofile, schema_module, service_module
from nbdeploy.packaging.stages import handed_over, predict_module, preprocess_module
from nbdeploy.packaging.symbols import Symbols, name_symbols
from nbdeploy.packaging.tables import tables_module
from nbdeploy.packaging.tests_tree import recorded_values, test_files
from nbdeploy.packaging.text import indented
from nbdeploy.packaging.tolerance import STRICT, Tolerance
from nbdeploy.packaging.training import train_module
from nbdeploy.recording.recording import Recording

__all__ = ["Converted", "WholeGraphFiles", "Wishes", "droppable_columns", "export"]


FASTER_SERVER = ("httptools", "uvloop")
"""What uvicorn, which BentoML runs on, reads requests with where it is there; its own way takes twice the time."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A model as an ONNX file, and what its loader must be told."""

    file: Path
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WholeGraphFiles:
    """The whole serving path as one ONNX graph, perhaps quantized as well, and its `inputs` and `outputs` as JSON values."""

    files: tuple[Path, ...]
    signature: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is settled outside of the recording.

    `optional` are columns that the served code fills when a request lacks them; `unneeded` those that a request need not
    have at all. `contract` is the JSON value of `contract.json`. `roots` are import names that the lock must have besides
    those seen in the code. `converted` are models, by the key of their frozen value, that the package has as ONNX files;
    `tolerance` is what its answers may differ by from the notebook's. `whole` is the graph that goes into `edge/`. `segments`
    are columns by which versions are compared. `batch_seconds` is what scoring several requests at once may take, None where
    they have to be scored one by one. `by_graph` lets the service answer plain rows by the graph of `whole`.
    """

    name: str
    module: str
    version: str
    optional: tuple[str | int, ...] = ()
    unneeded: frozenset[str | int] = frozenset()
    contract: dict[str, Any] = field(default_factory=dict)
    roots: frozenset[str] = frozenset()
    converted: Mapping[tuple[str, str], Converted] = field(default_factory=dict)
    tolerance: Tolerance = STRICT
    whole: WholeGraphFiles | None = None
    segments: tuple[str, ...] = ()
    batch_seconds: float | None = None
    by_graph: bool = True


def export(recording: Recording, wishes: Wishes) -> Package:
    """Return the package of a recording.

    Raises ArtifactError where something that it needs can't be carried: a local module that is not beside the notebook,
    an output that JSON can't carry.
    """
    path, module = recording.path, wishes.module
    symbols = name_symbols(path.values())
    schema = _request_schema(path, wishes)
    answer = path.output.observation.schema
    texts = {f"{module}/{file}": text for file, text in _modules(recording, symbols, wishes).items() if text}
    entries = list(_entries(recording, symbols, wishes))
    graph = _graph(schema, answer, wishes, entries)
    wishes = replace(wishes, by_graph=bool(graph))
    texts |= {f"{module}/graph.py": graph} if graph else {}
    texts |= _served_texts(schema, answer, wishes)
    texts |= test_files(recording, module, symbols, wishes.tolerance)
    locked = _locked(texts, recording, wishes)
    local = local_modules(recording.program, locked.local)
    texts |= _papers(recording, wishes, locked, _direct(_roots(texts, recording, wishes), locked))
    graphs = {f"edge/{each.name}": each for each in (wishes.whole.files if wishes.whole else ())}
    texts["sbom.cdx.json"] = sbom(wishes.name, wishes.version, locked, entries, local, graphs)
    binaries = {
        **{
            f"artifacts/{stored.file}": recording.stored / stored.file
            for key, stored in recording.artifacts.items()
            if key not in wishes.converted
        },
        **{f"artifacts/{each.file.name}": each.file for each in wishes.converted.values()},
        **{f"tests/data/{each.file}": recording.stored / each.file for each in recorded_values(recording).values()},
        **graphs,
        "notebook/source.ipynb": Path(recording.program.notebook.path),
        "notebook/validated.ipynb": recording.validated,
        "notebook/validated.html": recording.validated.with_suffix(".html"),
        **local,
    }
    return Package(
        name=wishes.name,
        module=module,
        version=wishes.version,
        input=schema,
        output=answer,
        lock=locked,
        texts=texts,
        binaries=binaries,
        provenance=dict(_provenance(recording, texts, module)),
        tolerance=wishes.tolerance,
    )


def _served_texts(schema: Schema, answer: Schema, wishes: Wishes) -> dict[str, str]:
    """Return what stands between a client or a batch job and the package's `predict`."""
    module, single = wishes.module, _is_single(schema)
    tables = schema.kind in {Kind.TABLE, Kind.SERIES}  # pandas is there, and brings pyarrow along
    together, example = wishes.batch_seconds, _example(wishes.contract, schema)
    return {
        f"{module}/schema.py": schema_module(module, schema, answer, single=single),
        **({f"{module}/tables.py": tables_module(module, schema, answer)} if tables else {}),
        f"{module}/answering.py": answering_module(
            module, schema, single=single, together=together is not None, graph=wishes.by_graph, tables=tables
        ),
        "service.py": service_module(
            module, wishes.name, schema, example, single=single, batch_seconds=together, tables=tables
        ),
    }


def _modules(recording: Recording, symbols: Symbols, wishes: Wishes) -> dict[str, str]:
    program, path = recording.program, recording.path
    return {
        "__init__.py": init_module(recording, wishes.name),
        "preprocess.py": preprocess_module(program, path, symbols, wishes.optional) if handed_over(path) else "",
        "predict.py": predict_module(program, path, symbols, wishes.optional),
        "train.py": train_module(program, path, symbols, dict(recording.parameters)),
        "constants.py": constants_module(program, path, symbols),
        **{f"{name}.py": definitions_module(program, path, symbols, name) for name in symbols.modules},
        "artifacts.py": artifacts_module(list(_entries(recording, symbols, wishes)), module=wishes.module),
        "onnx_models.py": Path(onnx_models.__file__).read_text(encoding="utf-8") if wishes.converted else "",
        "together.py": Path(together.__file__).read_text(encoding="utf-8"),
        "pipeline.py": pipeline_module(recording, wishes.module),
    }


def _graph(input: Schema, output: Schema, wishes: Wishes, entries: Iterable[ArtifactEntry]) -> str:
    """Return the text of `graph.py`, none where requests are not answered by the graph."""
    whole = wishes.whole
    if whole is None or not wishes.by_graph:
        return ""
    content = whole.files[0].read_bytes()
    if not serves(input, output, whole.signature, len(content)):
        return ""
    return graph_module(input, output, whole.signature, content, {each.name: each.sha256 for each in entries})


def _papers(recording: Recording, wishes: Wishes, locked: Lock, requirements: Iterable[str]) -> dict[str, str]:
    symbols = name_symbols(recording.path.values())
    return {
        "artifacts/manifest.json": manifest(_entries(recording, symbols, wishes)),
        "bentofile.yaml": bentofile(wishes.name, graph=wishes.by_graph),
        "contract.json": json.dumps(wishes.contract, indent=2, ensure_ascii=False) + "\n",
        "requirements.lock": locked.text,
        "pyproject.toml": project_file(wishes.name, wishes.module, wishes.version, requirements),
        "README.md": readme(recording, wishes, locked),
        **({"edge/signature.json": json.dumps(wishes.whole.signature, indent=2) + "\n"} if wishes.whole else {}),
        ".gitignore": gitignore(),
    }


def _is_single(schema: Schema) -> bool:
    return schema.kind in {Kind.RECORD, Kind.SCALAR, Kind.OBJECT}


def _example(contract: dict[str, Any], schema: Schema) -> Any:
    """Return a request of the contract, without the columns that a request need not have."""
    examples = contract.get("examples") or [{}]
    request = examples[0].get("request")
    if schema.kind is not Kind.TABLE or request is None:
        return request
    needed = {each.key for each in schema.columns if each.required}
    return {"rows": [{key: value for key, value in row.items() if key in needed} for row in request["rows"]]}


def _request_schema(path: ServingPath, wishes: Wishes) -> Schema:
    schema = path.input.observation.schema
    columns = tuple(
        replace(each, required=each.name not in wishes.unneeded and each.name not in wishes.optional)
        for each in schema.columns
    )
    return replace(schema, columns=columns)


def droppable_columns(path: ServingPath) -> tuple[str | int, ...]:
    """Return the input columns that the served code drops by name: they may be there only to be dropped (labels, ids)."""
    named: set[Any] = set()
    for each in path.served:
        for node in ast.walk(each.statement.node):
            drops = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"drop", "pop"}
            )
            if drops or isinstance(node, ast.Delete):
                parts = list(ast.walk(node))
                named |= {part.value for part in parts if isinstance(part, ast.Constant)}
                names = [part.id for part in parts if isinstance(part, ast.Name)]
                named |= {text for name in names for text in _in_constant(path, name, each.original.place)}
    return tuple(column.name for column in path.input.observation.schema.columns if column.name in named)


def _in_constant(path: ServingPath, name: str, place: tuple[int, int, int]) -> set[Any]:
    """The texts in a constant list that the statement reads: `df.drop(columns=UNUSED)`."""
    for each in path.frozen.get(place, ()):
        if each.name == name and each.storage is Storage.CONSTANT and each.observation.literal:
            try:
                value = ast.literal_eval(each.observation.literal)
            except ValueError:
                return set()
            return set(value) if isinstance(value, list | tuple | set) else {value} if isinstance(value, str) else set()
    return set()


# artifacts --------------------------------------------------------------------------------------------------------------


def _entries(recording: Recording, symbols: Symbols, wishes: Wishes) -> Iterator[ArtifactEntry]:
    for each in recording.path.artifacts:
        stored = recording.artifacts[each.key]
        type_name, type_import = _type_of(each)
        made = recording.program.definition_of(each.name, each.reader)
        entry = ArtifactEntry(
            name=symbols.home(each)[1],
            file=stored.file,
            format=stored.format,
            arguments=stored.arguments,
            sha256=stored.sha256,
            size=stored.size,
            type_name=type_name,
            type_import=type_import,
            cell=made.cell if made else None,
            line=made.line if made else None,
        )
        converted = wishes.converted.get(each.key)
        yield _converted_entry(entry, converted) if converted else entry


def _converted_entry(native: ArtifactEntry, converted: Converted) -> ArtifactEntry:
    content = converted.file.read_bytes()
    return replace(
        native,
        file=converted.file.name,
        format=ONNX,
        arguments=converted.arguments,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        type_name="OnnxModel",
        type_import=None,
        saved_as=native.format,
        saved_arguments=native.arguments,
    )


def _type_of(value: Frozen) -> tuple[str, str | None]:
    """Return the class's name and the import that brings it in; private modules are left at their public parent."""
    module, _, name = value.observation.schema.type.rpartition(".")
    if not module or module == "builtins":
        return (name or value.observation.schema.type), None
    if module == "__main__" or not name.isidentifier():
        return "Any", None
    public = ".".join(part for part in _public_parts(module))
    return name, f"from {public} import {name}"


def _public_parts(module: str) -> Iterator[str]:
    for part in module.split("."):
        if part.startswith("_"):
            return
        yield part


# requirements -----------------------------------------------------------------------------------------------------------


def _locked(texts: dict[str, str], recording: Recording, wishes: Wishes) -> Lock:
    roots = _roots(texts, recording, wishes)
    return lock(roots, python_version=f"{sys.version_info.major}.{sys.version_info.minor}")


def _direct(roots: Iterable[str], locked: Lock) -> Iterator[str]:
    """Give the pins of what the package imports itself; what those need in turn is in the lock."""
    names = {each.name for root in roots for each in owners(root)}
    yield from (f"{name}=={version}" for name, version in sorted(locked.pins.items()) if name in names)


def _roots(texts: dict[str, str], recording: Recording, wishes: Wishes) -> set[str]:
    """Return the import names from outside that the package's code and its stored values need."""
    own = {wishes.module, "service", "compare", "recorded"}
    roots = {name for text in _python(texts) for name in _imported_names(text)} - own
    roots |= {name for stored in _all_stored(recording) for name in stored.requires} | wishes.roots
    if "pandas" in roots and _installed("pyarrow"):
        roots.add("pyarrow")  # pandas keeps texts in it where it is there: with it and without are two behaviours
    roots |= {name for name in FASTER_SERVER if "bentoml" in roots and _installed(name)}
    return roots - set(sys.stdlib_module_names)


def _all_stored(recording: Recording) -> list[Any]:
    return [*recording.artifacts.values(), *recorded_values(recording).values()]


def _python(texts: dict[str, str]) -> Iterable[str]:
    return (text for path, text in texts.items() if path.endswith(".py"))


def _imported_names(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (each.name.split(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


# provenance -------------------------------------------------------------------------------------------------------------


def _provenance(
    recording: Recording, texts: dict[str, str], module: str
) -> Iterator[tuple[tuple[str, int], tuple[int, int]]]:
    """Find each served statement in the emitted text."""
    files = {Role.PREPROCESS: f"{module}/preprocess.py", Role.PREDICT: f"{module}/predict.py"}
    for role, file in files.items():
        lines = texts.get(file, "").splitlines()
        after = 0
        for each in recording.path.stage(role):
            emitted = indented(each.statement.source).splitlines()
            last = len(each.statement.source.splitlines()) - 1
            at = next((n for n in range(after, len(lines)) if lines[n] == emitted[0]), None)
            if at is not None:
                for offset in range(len(emitted)):
                    yield (file, at + 1 + offset), (each.original.cell, each.original.line + min(offset, last))
                after = at + len(emitted)
        output = recording.path.output
        if role is Role.PREDICT and output.expression is not None:
            at = next((n for n in range(after, len(lines)) if lines[n].strip().startswith("return ")), None)
            if at is not None:
                yield (file, at + 1), (output.statement.cell, output.statement.line)
