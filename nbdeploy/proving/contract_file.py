"""Read a contract: from a file, from a package, from what a running service says of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from nbdeploy.analysis.values import ROW_KINDS, ColumnSpec, Kind, Schema
from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.packaging.tolerance import STRICT, Tolerance

__all__ = ["CONTRACT_VERSION", "Contract", "Refusal", "contract_schema", "model_digest", "read_contract"]

CONTRACT_VERSION = 1
"""Raised only when a reader of the version before would misread a contract; keys that are new do not raise it."""

SCHEMA = Path(__file__).with_name("contract.schema.json")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that must be refused with a 4xx that names this row and field (None: none is to be named)."""

    request: Any
    row: int | None
    field: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a version was proven on, as far as it can be held to it from outside.

    `sent_as` is the field of a request that holds the input. `examples` are pairs of a request's body and the predictions for
    it. `digest` names the fitted objects that gave them, None where the contract does not say. `labels`, `metric` and
    `segments` are as the gate `better` wrote them, empty where it did not.
    """

    name: str
    version: str
    module: str = ""
    sent_as: str
    input: Schema
    output: Schema
    tolerance: Tolerance = STRICT
    budgets: Mapping[str, float] = field(default_factory=dict)
    examples: tuple[tuple[Any, Any], ...] = ()
    refusals: tuple[Refusal, ...] = ()
    digest: str | None = None
    gates: tuple[Mapping[str, Any], ...] = ()
    metric: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    segments: Any = None

    @property
    def by_row(self) -> bool:
        """Whether prediction i answers row i."""
        return self.input.kind in ROW_KINDS


def read_contract(text: str | bytes, source: str, *, own: bool = False) -> Contract:
    """Return the contract that stands in `text`; `source` says where it came from. Unknown keys are ignored.

    `own` is one beside code that is about to be run: it is not held to the schema, whose validator takes long to load.
    Raises UsageError NBD539: it is no contract, or one of another major version.
    """
    try:
        content = json.loads(text)
    except ValueError as problem:
        raise _unreadable(source, f"it is no JSON: {problem}") from None
    if not isinstance(content, dict) or "contract" not in content:
        raise _unreadable(source, 'it is no JSON object with the key "contract", which tells its version')
    found = content["contract"]
    if found != CONTRACT_VERSION or isinstance(found, bool):
        message = f"it is of version {json.dumps(found)}, and this nbdeploy reads version {CONTRACT_VERSION}"
        raise _unreadable(source, message, "use the nbdeploy that wrote it, or a newer one")
    if not own and (fault := _fault(content)):
        raise _unreadable(source, fault)
    try:
        return _contract(content)
    except (LookupError, TypeError, ValueError) as problem:
        raise _unreadable(source, f"{type(problem).__name__}: {problem}") from None


@cache
def contract_schema() -> Mapping[str, Any]:
    """Return the JSON Schema of contracts."""
    schema: Mapping[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return schema


def model_digest(artifacts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one sha256 for all artifacts of a manifest; the emitted `service.py` computes the same of its own."""
    lines = "".join(f"{name} {each['sha256']}\n" for name, each in sorted(artifacts.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _fault(content: Mapping[str, Any]) -> str:
    """Return the first thing that the schema finds wrong, and where; an empty text where all is well."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(contract_schema()).iter_errors(content))
    return f"{error.json_path}: {error.message[:300]}" if error else ""


def _contract(content: Mapping[str, Any]) -> Contract:
    input = _form(content["input"])
    limits = content["tolerance"]
    return Contract(
        name=content["name"],
        version=content["version"],
        module=content["module"],
        sent_as=content.get("request", {}).get("field") or ("rows" if input.kind is Kind.TABLE else "input"),
        input=input,
        output=_form(content["output"]),
        tolerance=Tolerance(limits["relative"], limits["absolute"]),
        budgets=content.get("budgets", {}),
        examples=tuple((each["request"], each["predictions"]) for each in content["examples"]),
        refusals=tuple(
            Refusal(each["request"], each["row"], each["field"], each.get("why", ""))
            for each in content.get("refusals", ())
        ),
        digest=content.get("model", {}).get("digest"),
        gates=tuple(content.get("gates", ())),
        metric=content.get("metric") or {},
        labels=content.get("labels") or {},
        segments=content.get("segments"),
    )


def _form(content: Mapping[str, Any]) -> Schema:
    columns = tuple(
        ColumnSpec(
            name=each["name"],
            dtype=each["dtype"],
            nullable=each.get("nullable", False),
            required=each.get("required", True),
            categories=tuple(each.get("categories", ())),
        )
        for each in content["columns"]
    )
    shape = content["shape"]
    return Schema(
        kind=Kind(content["kind"]),
        type=content["type"],
        rows=content["rows"],
        shape=None if shape is None else tuple(shape),
        dtype=content["dtype"],
        columns=columns,
        name=content.get("name"),
    )


def _unreadable(source: str, why: str, fix: str = "") -> UsageError:
    return UsageError(
        Diagnostic(
            code="NBD539",
            message=f"{source} can't be read as a contract: {why}",
            fix=fix
            or "give the contract.json of an exported package, or a service that answers GET /contract with one",
        )
    )
