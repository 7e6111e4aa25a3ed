"""What a run tells, in the texts and sizes that MLflow takes."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nbdeploy.tracking.record import TrackingRecord

__all__ = ["batches", "key_of", "pins", "run_parameters", "run_tags", "staged_files", "user_name"]

BATCH = 100  # parameters and tags that mlflow takes in one call


def run_parameters(record: TrackingRecord) -> dict[str, str]:
    facts = {key: str(value) for key, value in record.parameters.items()}
    for each in record.data:
        facts[f"data.{each.name}.sha256"] = each.sha256
        if each.rows is not None:
            facts[f"data.{each.name}.rows"] = str(each.rows)
        if each.columns is not None:
            facts[f"data.{each.name}.columns"] = str(each.columns)
    return {key_of(key): value[:6000] for key, value in facts.items()}


def run_tags(record: TrackingRecord) -> dict[str, str]:
    facts = dict(record.tags)
    facts["nbdeploy.version"] = record.version
    facts["nbdeploy.requirements.sha256"] = hashlib.sha256(record.requirements.read_bytes()).hexdigest()
    facts.update({f"gate.{each['name']}": str(each["verdict"]) for each in record.gates})
    facts.update({f"data.{each.name}.sha256": each.sha256 for each in record.data})
    if record.bento_tag:
        facts["bento_tag"] = record.bento_tag
    if record.git_commit:
        facts["mlflow.source.git.commit"] = record.git_commit
    return {key_of(key): str(value)[:5000] for key, value in facts.items()}


def staged_files(record: TrackingRecord, scratch: Path) -> Path:
    """Lay the run's artifacts out as one tree, which is sent in one go."""
    root = scratch / "files"
    for folder, paths in {**record.files, "requirements": [record.requirements]}.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for path in paths:
            target = root / folder / path.name
            shutil.copy2(path, target if not target.exists() else target.with_name(f"{path.parent.name}-{path.name}"))
    gates = root / "gates" / "gates.json"
    gates.parent.mkdir(parents=True, exist_ok=True)
    gates.write_text(json.dumps([dict(each) for each in record.gates], indent=2, default=str), encoding="utf-8")
    return root


def pins(requirements: Path) -> list[str]:
    """The pins of the lock without their hashes: MLflow writes them into files that have no place for those."""
    lines = (line.partition("#")[0].strip(" \\\t") for line in requirements.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def batches(items: list[Any]) -> Iterable[list[Any]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def key_of(name: str) -> str:
    return re.sub(r"[^\w\-./ ]", "_", name)[:250]


def user_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return "unknown"
