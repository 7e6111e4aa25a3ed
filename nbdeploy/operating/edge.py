"""A page that predicts in the browser: the package's graph, its schema, and ONNX Runtime for the web, in one static folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.errors import Diagnostic, GateError
from nbdeploy.operating.edge_runtime import FILES, VERSION, runtime_files
from nbdeploy.packaging.placing import check_place, written_whole
from nbdeploy.packaging.schema import request_field, request_fields

__all__ = ["EdgePage", "export_page"]

PAGE = Path(__file__).parent / "edge_page"
STATIC = ("index.html", "page.js", "predict.js", "style.css")
MAX_EXAMPLES = 10
MAX_EXAMPLE_TEXT = 300


@dataclass(frozen=True, slots=True)
class EdgePage:
    """The written folder; `size` in bytes, all of it."""

    folder: Path
    name: str
    version: str
    size: int

    def as_json(self) -> dict[str, Any]:
        return {"ok": True, "folder": str(self.folder), "name": self.name, "version": self.version, "bytes": self.size}


def export_page(package: Path, out: Path, runtime: Path | None = None) -> EdgePage:
    """Write the static folder of a package to `out`; one of an earlier export is replaced.

    `runtime` is the folder `dist` of an installed onnxruntime-web; without it npm fetches that once. Raises GateError NBD670 (the
    package has no graph of the whole path), UsageError NBD672 (`out` holds something else), EnvironmentProblem NBD671 (there is
    no onnxruntime-web), NBD403 (`out` can't be written).
    """
    contract = json.loads((package / "contract.json").read_text(encoding="utf-8"))
    if not (package / "edge" / "predict.onnx").is_file():
        raise GateError(_no_graph(contract))
    if out.resolve() != (package / "edge").resolve():
        check_place(out, "predict.onnx", "NBD672")
    files = runtime_files(runtime)
    with written_whole(out) as folder:
        _write(package, folder, files, contract)
    size = sum(each.stat().st_size for each in out.rglob("*") if each.is_file())
    return EdgePage(out.absolute(), contract["name"], contract["version"], size)


def _write(package: Path, folder: Path, runtime: Path, contract: dict[str, Any]) -> None:
    shutil.copytree(package / "edge", folder, ignore=shutil.ignore_patterns("runtime"))
    (folder / "runtime").mkdir()
    for name in FILES:
        shutil.copyfile(runtime / name, folder / "runtime" / name)
    for name in STATIC:
        shutil.copyfile(PAGE / name, folder / name)
    form = _form(contract, json.loads((folder / "signature.json").read_text(encoding="utf-8")))
    (folder / "schema.json").write_text(json.dumps(form, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    example = json.dumps(next(iter(form["examples"]), None), ensure_ascii=False)
    readme = Template((PAGE / "README.md.txt").read_text(encoding="utf-8")).substitute(
        name=form["name"],
        version=form["version"],
        bytes=f"{(folder / 'predict.onnx').stat().st_size:,}",
        runtime=VERSION,
        example=example if len(example) <= MAX_EXAMPLE_TEXT else "row",
    )
    (folder / "README.md").write_text(readme, encoding="utf-8")


def _form(contract: dict[str, Any], signature: dict[str, Any]) -> dict[str, Any]:
    """Return schema.json: what a row is made of, as the emitted `schema.py` reads it, and what the graph makes of it."""
    input, output = Schema.from_json(contract["input"]), Schema.from_json(contract["output"])
    field = request_field(input)
    rows = [row for each in contract["examples"] for row in each["request"][field]]
    return {
        "name": contract["name"],
        "version": contract["version"],
        "field": field,
        "fields": [_field(key, reader, column) for key, reader, column in _fields(input)],
        "shape": list((input.shape or ())[1:]) if input.kind is not Kind.TABLE else [],
        "inputs": signature["inputs"],
        "outputs": [each for each in signature["outputs"] if each["name"] != "refused"],
        "labels": [each.key for each in output.columns] if output.kind is Kind.TABLE else None,
        "examples": rows[:MAX_EXAMPLES],
    }


def _fields(input: Schema) -> list[tuple[str | None, str, Any]]:
    return [(each.key, each.reader, each.column) for each in request_fields(input)]


def _field(key: str | None, reader: str, column: Any) -> dict[str, Any]:
    found = {
        "key": key,
        "reader": reader,
        "dtype": column.dtype,
        "nullable": column.nullable,
        "required": column.required,
        "categories": list(column.categories),
    }
    return {**found, "range": _range(column.dtype)} if reader == "integers" else found


def _range(dtype: str) -> list[int]:
    """Return the least and the largest number of an integer dtype, such as `uint8` or `Int64`."""
    name = dtype.partition("[")[0].lower()
    bits = int(name.lstrip("uint") or 64)
    return [0, 2**bits - 1] if name.startswith("u") else [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]


def _no_graph(contract: dict[str, Any]) -> Diagnostic:
    gates = {each["name"]: each for each in contract["gates"]}
    whole = gates.get("portable", {}).get("figures", {}).get("whole_path", {})
    why = f": {whole['reason']}" if isinstance(whole, dict) and whole.get("reason") else ""
    message = f"{contract['name']} {contract['version']} has no graph of its whole path{why}"
    fix = "write that line with numbers and whole columns alone (docs/diagnostics/NBD670.md), and deploy again"
    return Diagnostic(code="NBD670", message=message, fix=fix)
