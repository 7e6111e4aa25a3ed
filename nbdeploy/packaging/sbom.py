"""The package's bill of materials: CycloneDX 1.6 as JSON, of the locked requirements, the artifacts and own modules.

It says nothing of the day or the machine: the same package has the same text. https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from nbdeploy.packaging.environment import hashes_in
from nbdeploy.packaging.installed import installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from nbdeploy.packaging.artifacts import ArtifactEntry
    from nbdeploy.packaging.environment import Lock

__all__ = ["sbom"]

DATA = frozenset({"json", "npz", "parquet"})
"""The formats of values that are no models."""
MODEL = "machine-learning-model"


def sbom(
    name: str,
    version: str,
    locked: Lock,
    artifacts: Iterable[ArtifactEntry],
    own: Mapping[str, Path],
    graphs: Mapping[str, Path],
) -> str:
    """Return the text of `sbom.cdx.json`.

    By their paths in the package, `own` are the user's modules that travel along, and `graphs` the models that the service
    does not read: files for other runtimes.
    """
    root = f"{name}@{version}"
    components = [*_requirements(locked), *map(_artifact, artifacts), *_files(graphs, MODEL), *_files(own, "file")]
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": root, "name": name, "version": version}},
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [each["bom-ref"] for each in components]}],
    }
    return json.dumps(bill, indent=2, ensure_ascii=False) + "\n"


def _requirements(locked: Lock) -> Iterator[dict[str, Any]]:
    """Give a component for each pin; its hashes are those of the files that an index has of it."""
    hashes = hashes_in(locked.text)
    for name, version in sorted(locked.pins.items()):
        address = f"pkg:pypi/{name}@{version.replace('+', '%2B')}"
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": address,
            "name": name,
            "version": version,
            "purl": address,
        }
        if digests := hashes.get(f"{name}=={version}"):
            component["hashes"] = [_sha256(each) for each in digests]
        if licence := _licence(name):
            component["licenses"] = [licence]
        yield component


def _licence(name: str) -> dict[str, Any] | None:
    """Return what the installed distribution says of its licence: an SPDX expression, or the name of one."""
    known = installed().get(name)
    if known is None:
        return None
    metadata: Any = known.distribution.metadata
    if expression := metadata.get("License-Expression"):
        return {"expression": expression}
    lines = metadata.get_all("Classifier") or ()
    told = [each.rpartition(" :: ")[2] for each in lines if each.startswith("License ::") and each.count(" :: ") > 1]
    short = (metadata.get("License") or "").strip()
    found = told[0] if told else short if "\n" not in short and len(short) <= 80 else ""
    return {"license": {"name": found}} if found else None


def _artifact(entry: ArtifactEntry) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "data" if entry.format in DATA else MODEL,
        "bom-ref": f"artifacts/{entry.file}",
        "name": entry.name,
        "description": f"{entry.type_name}, in the file artifacts/{entry.file}",
        "properties": [{"name": "nbdeploy:format", "value": entry.format}],
    }
    if entry.cell is not None:
        component["properties"].append({"name": "nbdeploy:cell", "value": str(entry.cell)})
    component["properties"] += [
        {"name": "nbdeploy:trusted", "value": each} for each in entry.arguments.get("trusted", ())
    ]
    if entry.sha256:
        component["hashes"] = [_sha256(entry.sha256)]
    return component


def _files(files: Mapping[str, Path], kind: str) -> Iterator[dict[str, Any]]:
    for path, file in sorted(files.items()):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        yield {"type": kind, "bom-ref": path, "name": path, "hashes": [_sha256(digest)]}


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
