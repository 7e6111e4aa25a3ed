"""Figures of merit, told by their text: how good the answers are, and no answer."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.targets import plain_targets
from nbdeploy.analysis.walking import walk

__all__ = ["figures_of_merit", "judges"]

_ENDINGS = ("_error", "_loss", "_matrix", "_report", "_score")
_WORDS = frozenset({"accuracy", "auc", "criterion", "loss", "mae", "mse", "r2", "rmse", "rmsle", "score"})
_COUNTING = frozenset({"count_nonzero", "mean", "sum"})


def figures_of_merit(nodes: Iterable[ast.stmt], imported: Imported) -> frozenset[str]:
    """Return the names that statements bind to figures of merit, or to what is made of these alone, and to nothing else."""
    judging: set[str] = set()
    others: set[str] = set()
    for each in (inner for node in nodes for inner in walk(node)):
        if isinstance(each, ast.Assign | ast.AnnAssign | ast.AugAssign) and each.value is not None:
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            names = {name for target in targets for name in plain_targets(target)}
            read = {inner.id for inner in walk(each.value) if isinstance(inner, ast.Name)} - imported.modules
            of_merits = bool(read) and read <= judging - others  # `rmse = np.sqrt(mse)`
            (judging if of_merits or judges(each, imported) else others).update(names)
    return frozenset(judging - others)


def judges(node: ast.AST, imported: Imported) -> bool:
    """`acc = (y_pred == y).mean()`, `rmse = mean_squared_error(...)`: how good the answers are, and no answer."""
    value = getattr(node, "value", None)
    if not isinstance(value, ast.Call | ast.BinOp | ast.Attribute | ast.Subscript):
        return False
    return any(isinstance(each, ast.Call) and _is_metric(each, imported) for each in walk(value))


def _is_metric(call: ast.Call, imported: Imported) -> bool:
    origin = imported.origin(call.func) or ""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    words = set(name.split("_")) - {"fn", "func", "function"}
    if name.endswith(_ENDINGS) or (words and words <= _WORDS):  # `mean_squared_error`, `loss_fn`
        return True
    if origin.startswith("sklearn.metrics.") and not origin.startswith("sklearn.metrics.pairwise"):
        return True
    return name in _COUNTING and _compares(call.func, *call.args)


def _compares(*nodes: ast.AST) -> bool:
    """Tell whether answers are compared with labels; `proba > 0.5` has a number on one side."""
    found: Iterable[ast.Compare] = (each for each in walk(*nodes) if isinstance(each, ast.Compare))
    return any(isinstance(op, ast.Eq | ast.NotEq) for each in found for op in each.ops)
