"""Fitted models as ONNX files, with the methods and the answers that the models had.

Emitted as it stands into packages that have such a file. An answer has the dtype and shape of the fitted model's own, and
what that refused (missing or infinite values, unless it could use them) is refused here, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["OnnxModel", "load_onnx"]

LARGEST_FLOAT32 = 3.4028234663852886e38


def load_onnx(path: Path, **arguments: Any) -> OnnxModel:
    """Read a model that was converted to ONNX; `arguments` are those of the manifest."""
    return OnnxModel(path.read_bytes(), **arguments)


class OnnxModel:
    """A fitted model, computed by ONNX Runtime on one thread.

    `columns` are pairs (name or None, kind: double, int64 or text). `layout` says how the graph takes them: `matrix` all as
    one, `columns` each by itself, `texts` a list of texts. `answers` has for each method its output's number and what makes
    it the fitted model's answer: `dtype`, `shape` of one row, `classes` to look up. `refused` names by number the columns
    that must not hold `nan`, `inf` or `huge` values (those beyond float32).
    """

    def __init__(
        self,
        graph: bytes,
        *,
        layout: str,
        columns: Sequence[Sequence[Any]],
        answers: Mapping[str, Mapping[str, Any]],
        refused: Mapping[str, Sequence[int]],
        lower: bool = False,
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what fails is raised
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.layout, self.columns, self.answers, self.lower = layout, columns, answers, lower
        self.refused = {kind: frozenset(numbers) for kind, numbers in refused.items()}
        self.inputs = [each.name for each in self.session.get_inputs()]
        self.outputs = [each.name for each in self.session.get_outputs()]

    def predict(self, rows: Any) -> Any:
        return self._answer("predict", rows)

    def predict_proba(self, rows: Any) -> Any:
        return self._answer("predict_proba", rows)

    def decision_function(self, rows: Any) -> Any:
        return self._answer("decision_function", rows)

    def score_samples(self, rows: Any) -> Any:
        return self._answer("score_samples", rows)

    def transform(self, rows: Any) -> Any:
        return self._answer("transform", rows)

    def _answer(self, method: str, rows: Any) -> Any:
        """Ask the graph, and give its output the fitted model's form."""
        import numpy as np

        wanted = self.answers.get(method)
        if wanted is None:
            raise AttributeError(f"{method} was not asked of this model when it was converted")
        count = len(rows)
        if not count:
            raise ValueError("there are no rows to answer")
        fed = self._fed(rows)
        try:
            found = self.session.run([self.outputs[wanted["output"]]], fed)[0]
        except Exception as problem:  # its kinds have no common class; an unseen category ends here
            raise ValueError(f"the model can't answer these rows: {problem}") from problem
        if wanted.get("classes") is not None:
            names = np.array(wanted["classes"], dtype=wanted["dtype"])
            return names[np.asarray(found, dtype=np.int64).reshape(count)]
        found = np.asarray(found)
        if not wanted["shape"] and found.size == 2 * count:
            found = found[:, 1]  # of two classes, the second one's score
        return found.reshape((count, *wanted["shape"])).astype(wanted["dtype"], copy=False)

    def _fed(self, rows: Any) -> dict[str, Any]:
        import numpy as np

        if self.layout == "texts":
            texts = [str(each).lower() if self.lower else str(each) for each in rows]
            return {self.inputs[0]: np.array(texts, dtype=object).reshape(-1, 1)}
        if self.layout == "matrix":
            values = self._matrix(rows)
            self._check(values, range(values.shape[1]))
            return {self.inputs[0]: values}
        return {name: self._column(rows, number) for number, name in enumerate(self.inputs)}

    def _matrix(self, rows: Any) -> Any:
        import numpy as np

        if hasattr(rows, "columns"):
            names, given = [name for name, _ in self.columns], list(rows.columns)
            if names[0] is not None and names != given:
                raise ValueError(f"the model was fitted with the columns {names}, not with {given}")
            return rows.to_numpy(dtype=np.float64, na_value=np.nan)
        values = np.asarray(rows, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.columns):
            raise ValueError(f"expected rows of {len(self.columns)} numbers, got an array of shape {values.shape}")
        return values

    def _column(self, rows: Any, number: int) -> Any:
        import numpy as np

        name, kind = self.columns[number]
        if hasattr(rows, "columns"):
            if name not in rows.columns:
                raise ValueError(f"the column {name!r} is missing")
            column = rows[name]
            if kind == "text":
                missing = column.isna().to_numpy()
                values = column.to_numpy(dtype=object)
            else:
                values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = np.asarray(rows)[:, number]
            missing = np.array([not isinstance(each, str) for each in values]) if kind == "text" else None
        if kind == "text":
            if missing is not None and missing.any():
                if number in self.refused["nan"]:
                    raise ValueError(f"the column {name!r} has missing values, which the model does not take")
                values = np.where(missing, "", values)
            return values.astype(str).astype(object).reshape(-1, 1)
        values = np.asarray(values, dtype=np.float64).reshape(-1, 1)
        self._check(values, (number,))
        return values.astype(np.int64) if kind == "int64" else values

    def _check(self, values: Any, numbers: Sequence[int]) -> None:
        """Refuse what the fitted model refused; the first test is the quick one that nearly all rows pass."""
        import numpy as np

        if np.abs(values).max() <= LARGEST_FLOAT32:
            return
        found = {"nan": np.isnan(values), "inf": np.isinf(values), "huge": np.abs(values) > LARGEST_FLOAT32}
        for kind, there in found.items():
            bad = [
                number for place, number in enumerate(numbers) if number in self.refused[kind] and there[:, place].any()
            ]
            if bad:
                names = ", ".join(str(self.columns[each][0] or each) for each in bad[:5])
                what = {"nan": "missing", "inf": "infinite", "huge": "too large"}[kind]
                raise ValueError(f"{what} values in {names}, which the model does not take")
