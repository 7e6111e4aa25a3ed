"""From a chunk to what the package is asked, and from its predictions to rows of the output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbdeploy.analysis.values import Kind
from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.operating.batch.columns import holds_json, kept
from nbdeploy.suggestions import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from nbdeploy.operating.batch.package import BatchPackage
    from nbdeploy.operating.batch.values import Scored

__all__ = ["LINEAGE", "Answering", "input_columns", "kept_columns"]

LINEAGE = ("model_version", "request_id", "request_row")


@dataclass(frozen=True, slots=True)
class Answering:
    """`given` are the columns of the source, `columns` those that the package is asked, `keep` those in the output.

    Raises UsageError (NBD649): a kept column has a name that the output needs for itself.
    """

    package: BatchPackage
    given: pa.Schema
    columns: tuple[str, ...]
    keep: tuple[str, ...]
    answer: pa.Schema
    key: tuple[str, ...]
    request_id: str

    def __post_init__(self) -> None:
        own = {*self.answer.names, *LINEAGE}
        if clash := [name for name in self.keep if name in own]:
            raise UsageError(_clash(clash))

    @property
    def schema(self) -> pa.Schema:
        """The columns of the output: what is kept, the predictions, which version and request made them."""
        import pyarrow as pa

        lineage = [pa.field("model_version", pa.string()), pa.field("request_id", pa.string())]
        lineage.append(pa.field("request_row", pa.int64()))
        fields = [self.given.field(name) for name in self.keep]
        plain = [each if holds_json(each) else each.remove_metadata() for each in fields]
        return pa.schema([*plain, *self.answer, *lineage])

    def asked(self, chunk: Any) -> pa.RecordBatch:
        """Return what the package is asked of a chunk."""
        return chunk.batch.select(list(self.columns))

    def answered(self, scored: Scored) -> tuple[pa.RecordBatch, list[dict[str, Any]]]:
        """Return the rows of the output, and those at fault, each with its number, `problems` and `input` or `text`."""
        import numpy as np
        import pyarrow as pa

        batch, rows, predictions = scored.chunk.batch, scored.chunk.rows, scored.predictions
        problems = [*scored.problems]
        if problems:
            good = np.isin(rows, list(scored.bad_rows), invert=True)
            batch, rows = batch.filter(pa.array(good)), rows[good]
        if lost := self._without_key(batch, rows):
            problems += lost
            good = np.isin(rows, [each["row"] for each in lost], invert=True)
            batch, rows, predictions = batch.filter(pa.array(good)), rows[good], predictions.filter(pa.array(good))
        found = batch.schema
        columns = [
            kept(
                batch.column(name), found.field(name), self.given.field(name), (rows[:1].tolist() + rows[-1:].tolist())
            )
            for name in self.keep
        ]
        answers = pa.record_batch([*columns, *predictions.columns, *self._lineage(rows)], schema=self.schema)
        return answers, self._bad(scored, problems) if problems else []

    def _lineage(self, rows: np.ndarray) -> list[pa.Array]:
        """Return the columns of `LINEAGE`, made of buffers: `pa.array` and `pa.repeat` would import pandas into this process."""
        import numpy as np
        import pyarrow as pa

        def repeated(text: str) -> pa.Array:
            content = text.encode()
            ends = np.arange(len(rows) + 1, dtype=np.int32) * len(content)
            return pa.StringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(content * len(rows)))

        numbers = pa.Array.from_buffers(
            pa.int64(), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows, np.int64))]
        )
        return [repeated(self.package.version), repeated(self.request_id), numbers]

    def _without_key(self, batch: pa.RecordBatch, rows: Any) -> list[dict[str, Any]]:
        import numpy as np

        return [
            {"row": int(rows[at]), "field": name, "message": "null, and it is the key"}
            for name in self.key
            if name in self.keep and batch.column(name).null_count
            for at in np.flatnonzero(batch.column(name).is_null().to_numpy(zero_copy_only=False))
        ]

    def _bad(self, scored: Scored, problems: list[Any]) -> list[dict[str, Any]]:
        at = {int(row): position for position, row in enumerate(scored.chunk.rows)}
        found: dict[int, dict[str, Any]] = {}
        for each in sorted(problems, key=lambda each: each["row"]):
            row = each["row"]
            if row not in found:
                found[row] = {"row": row, "problems": []}
                if row in at:
                    values = scored.chunk.batch.slice(at[row], 1).to_pylist()[0]
                    found[row]["input"] = json.loads(json.dumps(values, default=str))
                else:
                    found[row]["text"] = each.get("text", "")
            found[row]["problems"].append({"field": each.get("field"), "message": each["message"]})
        return list(found.values())


def input_columns(package: BatchPackage, given: pa.Schema, named: tuple[str, ...], source: str) -> tuple[str, ...]:
    """Return the columns of a source that the package is asked, in its order. Raises UsageError NBD643: some are lacking."""
    names = list(given.names)
    if package.input.kind is Kind.TABLE:
        if lost := sorted(package.required - set(names)):
            raise UsageError(_lacking(source, lost, names))
        return tuple(name for name in package.columns if name in names)
    wanted = named or (("input",) if "input" in names else tuple(names) if len(names) in (1, package.width) else ())
    if lost := [name for name in wanted if name not in names]:
        raise UsageError(_lacking(source, lost, names))
    if not wanted or len(wanted) not in (1, package.width):
        raise UsageError(_which(source, package.width, names))
    return wanted


def kept_columns(
    given: pa.Schema, keep: tuple[str, ...] | None, key: tuple[str, ...] | None, source: str
) -> tuple[str, ...]:
    """Return the columns that go into the output: those named, else all; into a table the `key` in any case, else only it."""
    names = list(given.names)
    if lost := [name for name in (*(keep or ()), *(key or ())) if name not in names]:
        raise UsageError(_lacking(source, lost, names))
    if key is not None:
        return (*key, *(name for name in keep or () if name not in key))
    return tuple(names) if keep is None else keep


def _lacking(source: str, lost: list[str], names: list[str]) -> Diagnostic:
    told = "; ".join(f"{name!r}{did_you_mean(name, names)}" for name in lost[:10])
    more = f" and {len(lost) - 10} more" if len(lost) > 10 else ""
    return Diagnostic(
        code="NBD643",
        message=f"{source} lacks the column{'s' if len(lost) > 1 else ''} {told}{more}",
        fix=f"rename or add them there; it has {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}",
    )


def _which(source: str, width: int, names: list[str]) -> Diagnostic:
    many = f"{width} columns, in their order, or one column of lists" if width > 1 else "one column"
    return Diagnostic(
        code="NBD643",
        message=f"the input is {many}, and {source} has {len(names)}: which of them is it?",
        fix=f"name it with --columns, out of {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}",
    )


def _clash(names: list[str]) -> Diagnostic:
    return Diagnostic(
        code="NBD649",
        message=f"the source has columns that the output needs for itself: {', '.join(names)}",
        fix="say which of the source's columns to keep, without these: --keep NAME,... (or `--keep none`)",
    )
