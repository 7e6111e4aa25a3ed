"""What the recorded run saw, as facts that the analysis can use without holding the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nbdeploy.analysis.program import Place, Statement
from nbdeploy.analysis.values import ROW_KINDS, Kind, Schema

__all__ = ["Observation", "Observed", "Origin"]


class Origin(StrEnum):
    """Where a value's definition lives, which decides how the package carries it."""

    MODULE = "module"  # an imported module
    LIBRARY = "library"  # a function or class of an importable module
    NOTEBOOK = "notebook"  # a function or class that the notebook defines
    VALUE = "value"  # everything else: a constant or an artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One value at one moment of the recorded run.

    Equal values have equal digests (sha256 over a canonical form); None means that the value can't be written down, and
    `problem` says why. `literal` is Python source that rebuilds a constant, `imports` the import lines that it needs.
    `origin_module` and `origin_name` are set for modules, functions and classes. `needs` are the notebook's own classes and
    functions that the value holds instances of or refers to.
    """

    name: str
    schema: Schema
    origin: Origin
    digest: str | None = None
    literal: str | None = None
    imports: tuple[str, ...] = ()
    origin_module: str | None = None
    origin_name: str | None = None
    problem: str = ""
    needs: tuple[str, ...] = ()

    @property
    def has_rows(self) -> bool:
        return self.schema.kind in ROW_KINDS or self.schema.kind is Kind.RECORD

    def as_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in _PLAIN}
        lists = {"imports": list(self.imports), "needs": list(self.needs)}
        return {**plain, **lists, "schema": self.schema.as_json(), "origin": str(self.origin)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Observation:
        return cls(
            schema=Schema.from_json(data["schema"]),
            origin=Origin(data["origin"]),
            imports=tuple(data["imports"]),
            needs=tuple(data["needs"]),
            **{name: data[name] for name in _PLAIN},
        )


_PLAIN = ("name", "digest", "literal", "origin_module", "origin_name", "problem")


@dataclass(frozen=True, slots=True)
class Observed:
    """All observations of a run: names before and after the tagged statements, and the values of last expressions.

    `rows_of` holds the pairs of digests (part, whole) for which the rows of `part` were shown to be rows of `whole`.
    """

    before: Mapping[Place, Mapping[str, Observation]] = field(default_factory=dict)
    after: Mapping[Place, Mapping[str, Observation]] = field(default_factory=dict)
    values: Mapping[Place, Observation] = field(default_factory=dict)
    rows_of: frozenset[tuple[str, str]] = frozenset()

    def read(self, statement: Statement, name: str) -> Observation | None:
        """The value of `name` when `statement` was about to run."""
        return self.before.get(statement.place, {}).get(name)

    def made(self, statement: Statement, name: str) -> Observation | None:
        """The value of `name` when `statement` had run."""
        return self.after.get(statement.place, {}).get(name)

    def value(self, statement: Statement) -> Observation | None:
        """The value of the expression that `statement` is."""
        return self.values.get(statement.place)

    def are_rows_of(self, part: Observation, whole: Observation) -> bool:
        if part.digest is None or whole.digest is None:
            return False
        return part.digest == whole.digest or (part.digest, whole.digest) in self.rows_of
