"""Make the schemas of this folder from the projects' own CRD files: `python make.py FILE.yaml...`.

What is said about a field is left out, and of KServe all but the container of a predictor: so a schema is small enough to
read here, and allows less than the cluster would, never more.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ABOUT = {
    "description",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
}
KSERVE = {"predictor"}
PREDICTOR = {
    "automountServiceAccountToken", "containers", "maxReplicas", "minReplicas", "scaleMetric", "scaleTarget", "securityContext",
    "terminationGracePeriodSeconds", "volumes",
}  # fmt: skip


def bare(node: Any) -> Any:
    """Leave out what is only said; a property that is called `description` stays."""
    if isinstance(node, dict):
        return {key: bare(each) for key, each in node.items() if key not in ABOUT or isinstance(each, dict)}
    return [bare(each) for each in node] if isinstance(node, list) else node


def small(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    if kind != "InferenceService":
        return schema
    spec = schema["properties"]["spec"]["properties"]
    spec = {key: each for key, each in spec.items() if key in KSERVE}
    predictor = spec["predictor"]["properties"]
    spec["predictor"]["properties"] = {key: each for key, each in predictor.items() if key in PREDICTOR}
    schema["properties"]["spec"]["properties"] = spec
    schema["properties"].pop("status", None)
    return schema


def main() -> None:
    for file in map(Path, sys.argv[1:]):
        crd = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        kind = crd["spec"]["names"]["kind"]
        version = next(each for each in crd["spec"]["versions"] if each["storage"])
        schema = small(kind, bare(version["schema"]["openAPIV3Schema"]))
        schema["x-api-version"] = f"{crd['spec']['group']}/{version['name']}"
        Path(__file__).with_name(f"{kind}.json").write_text(
            json.dumps(schema, separators=(",", ":")) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
