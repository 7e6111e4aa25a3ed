"""The package that a batch job asks: what it takes, what it answers, and whether many rows at once are safe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.errors import Diagnostic, GateError, UsageError
from nbdeploy.packaging.tables import tables_module, takes_tables
from nbdeploy.proving.contract_file import read_contract
from nbdeploy.proving.target import target_of

__all__ = ["BatchPackage", "batch_package"]


@dataclass(frozen=True, slots=True)
class BatchPackage:
    """An exported package. `tables` is the text of its `tables.py` where it has none of its own, `digest` of all its code."""

    folder: Path
    name: str
    module: str
    version: str
    digest: str
    input: Schema
    tables: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table for it has, none where the input is no table."""
        return tuple(each.key for each in self.input.columns) if self.input.kind is Kind.TABLE else ()

    @property
    def required(self) -> frozenset[str]:
        return frozenset(each.key for each in self.input.columns if each.required and self.input.kind is Kind.TABLE)

    @property
    def width(self) -> int:
        """How many columns an input has that is no table."""
        width = 1
        for size in (self.input.shape or (0,))[1:]:
            width *= size
        return width


def batch_package(target: str) -> BatchPackage:
    """Find the package of a deployed name, a Bento or a folder.

    Raises UsageError (NBD640: it takes no rows; NBD539: no contract) and GateError (NBD641: a row's answer depends on others).
    """
    found = target_of(target)
    if found.folder is None:
        raise UsageError(_no_rows(target, "it is the address of a service, which a batch job does not go through"))
    file = found.folder / "contract.json"
    try:
        contract = read_contract(file.read_bytes(), str(file), own=True)
    except OSError as problem:
        raise UsageError(_no_rows(target, f"{file} can't be read: {problem.strerror}")) from None
    if not takes_tables(contract.input):
        raise UsageError(_no_rows(target, f"its input is one {contract.input.type}, not rows"))
    if any(each.get("name") == "rowwise" and each.get("verdict") == "fail" for each in contract.gates):
        raise GateError(_not_by_row(target))
    own = found.folder / contract.module / "tables.py"
    return BatchPackage(
        folder=found.folder,
        name=contract.name,
        module=contract.module,
        version=contract.version,
        digest=_digest(found.folder, contract.module),
        input=contract.input,
        tables="" if own.is_file() else tables_module(contract.module, contract.input, contract.output),
    )


def _digest(folder: Path, module: str) -> str:
    """Return one sha256 of the code and of the manifest, which holds the digests of the artifacts."""
    digest = hashlib.sha256()
    for file in [*sorted((folder / module).rglob("*.py")), folder / "artifacts" / "manifest.json"]:
        if file.is_file():
            digest.update(f"{file.relative_to(folder).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _no_rows(target: str, why: str) -> Diagnostic:
    return Diagnostic(
        code="NBD640",
        message=f"{target} can't score rows in a batch: {why}",
        fix="give a deployed NAME[:VERSION] or an exported package whose input is a table, a series, an array or a list",
    )


def _not_by_row(target: str) -> Diagnostic:
    return Diagnostic(
        code="NBD641",
        message=f"{target} was deployed with a failed gate `rowwise`: what it answers for a row depends on the rows beside it,"
        " so the answers of a batch job would depend on where it cuts",
        fix="deploy it again with --freeze, as the gate's report says; then a row's answer is its own",
    )
