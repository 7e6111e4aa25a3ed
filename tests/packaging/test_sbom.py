"""The bill of materials: valid by CycloneDX' own schema, whole, and the same every time."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from nbdeploy.packaging.artifacts import ArtifactEntry
from nbdeploy.packaging.environment import Lock
from nbdeploy.packaging.sbom import sbom

if TYPE_CHECKING:
    from pathlib import Path

NUMPY, DIGESTS = version("numpy"), ["a" * 64, "b" * 64]
LOCK = Lock(
    text=" \\\n    ".join([f"numpy=={NUMPY}", *(f"--hash=sha256:{each}" for each in DIGESTS)])
    + "\ntorch==2.13.0+cpu\n",
    pins={"numpy": NUMPY, "torch": "2.13.0+cpu"},
    hashed=True,
    reason="",
    imports=frozenset(),
)
MODEL = ArtifactEntry(
    name="model", file="model.skops", format="skops", arguments={"trusted": ["ours.Scaler"]}, sha256="c" * 64, cell=7
)
MEDIANS = ArtifactEntry(name="medians", file="medians.json", format="json", sha256="d" * 64, type_name="dict")


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "features.py").write_text("x = 1\n")
    return {"features.py": tmp_path / "features.py"}


def bill(own: dict[str, Path]) -> dict[str, Any]:
    text = sbom("churn", "3", LOCK, [MODEL, MEDIANS], own, {"edge/predict.onnx": own["features.py"]})
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found: dict[str, Any] = json.loads(text)
    return found


def test_it_is_valid_and_names_everything_with_its_digests(own: dict[str, Path]) -> None:
    found = bill(own)
    components = {each["name"]: each for each in found["components"]}
    assert list(components) == ["numpy", "torch", "model", "medians", "edge/predict.onnx", "features.py"]
    assert components["numpy"]["purl"] == f"pkg:pypi/numpy@{NUMPY}"
    assert components["torch"]["purl"] == "pkg:pypi/torch@2.13.0%2Bcpu"
    assert [each["content"] for each in components["numpy"]["hashes"]] == DIGESTS
    assert components["numpy"]["licenses"]
    assert "hashes" not in components["torch"]
    assert (components["model"]["type"], components["medians"]["type"]) == ("machine-learning-model", "data")
    assert components["model"]["hashes"] == [{"alg": "SHA-256", "content": "c" * 64}]
    assert {"name": "nbdeploy:trusted", "value": "ours.Scaler"} in components["model"]["properties"]
    assert components["features.py"]["hashes"][0]["content"] == hashlib.sha256(b"x = 1\n").hexdigest()
    types = {name: components[name]["type"] for name in ("edge/predict.onnx", "features.py")}
    assert types == {"edge/predict.onnx": "machine-learning-model", "features.py": "file"}
    assert found["metadata"]["component"]["name"] == "churn"


def test_it_says_nothing_of_the_day_and_is_the_same_every_time(own: dict[str, Path]) -> None:
    assert bill(own) == bill(own)
    assert {"serialNumber", "timestamp"}.isdisjoint({*bill(own), *bill(own)["metadata"]})


def test_the_validator_sees_a_fault(own: dict[str, Path]) -> None:
    broken = json.dumps({**bill(own), "components": [{"type": "notebook", "name": "x"}]})
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None
