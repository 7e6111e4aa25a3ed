"""Hold delivery files to the schemas of those who read them: closed, so that a misspelt field is an error."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

__all__ = ["builtin_errors", "documents", "errors_of", "patched"]

SCHEMAS = Path(__file__).parent / "schemas"
OF_KUBERNETES = {"apps/v1", "autoscaling/v2", "networking.k8s.io/v1", "policy/v1", "v1"}
KUBERNETES = "1.37"
NAMED = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
METADATA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
        "namespace": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}


def documents(text: str) -> list[dict[str, Any]]:
    """Read YAML 1.2: there `on` is a text."""
    from ruamel.yaml import YAML

    return list(YAML(typ="safe", pure=True).load_all(text))


def errors_of(document: dict[str, Any]) -> list[str]:
    """Return what is wrong with a resource of Kubernetes, or with a kustomization."""
    if document["apiVersion"] in OF_KUBERNETES:
        return kubernetes_errors(document)
    found = Draft7Validator(closed(document["apiVersion"], document["kind"])).iter_errors(document)
    return [f"{each.json_path}: {each.message[:200]}" for each in found]


def kubernetes_errors(document: dict[str, Any]) -> list[str]:
    import kubernetes_validate

    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as problem:
        return [str(problem)[:300]]
    return []


@cache
def closed(version: str, kind: str) -> dict[str, Any]:
    own = json.loads((SCHEMAS / "own.json").read_text(encoding="utf-8"))
    schema = own.get(f"{version} {kind}")
    if schema is None:
        schema = json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))
        assert schema["x-api-version"] == version
    metadata = METADATA if version != "kustomize.config.k8s.io/v1beta1" else {}
    schema["properties"] |= {**NAMED, **({"metadata": metadata} if metadata else {})}
    return close(schema)


def close(schema: Any) -> Any:
    """Let an object have the properties that are named, and no others."""
    if isinstance(schema, list):
        return [close(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: close(each) for key, each in schema.items()}
    is_object = isinstance(found.get("properties"), dict) and found.get("type") == "object"
    if is_object and not schema.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found


def builtin_errors(name: str, document: dict[str, Any]) -> list[str]:
    """Hold a document to a schema that check-jsonschema brings along."""
    from check_jsonschema.builtin_schemas import get_builtin_schema

    found = Draft7Validator(get_builtin_schema(f"vendor.{name}")).iter_errors(document)
    return [f"{each.json_path}: {each.message[:200]}" for each in found]


def patched(document: dict[str, Any], patch: str) -> dict[str, Any]:
    """Apply a JSON patch as kustomize does; only what the manifests use: `add` and `replace` of a member."""
    document = json.loads(json.dumps(document))
    for each in documents(patch)[0]:
        *way, last = each["path"].strip("/").split("/")
        at = document
        for step in way:
            at = at[step]
        assert each["op"] == "add" or last in at, f"there is no {each['path']} to replace"
        at[last] = each["value"]
    return document
