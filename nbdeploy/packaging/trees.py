"""Fitted tree ensembles as plain tables, read from the models themselves: scikit-learn, XGBoost, LightGBM.

The usual converters keep thresholds and leaves in float32, which moves rows to the other side of a threshold. Here nothing
is rounded: thresholds are kept in the precision in which the library compares, leaves in that in which it adds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Forest", "Tree", "read_forest"]


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree: node n asks `x[feature[n]] <= threshold[n]` and goes left or right; where `left[n]` < 0 it is a leaf.

    `missing_left` says where NaN goes, `leaf[n]` holds pairs (target, what it adds).
    """

    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    missing_left: list[bool]
    leaf: list[tuple[tuple[int, float], ...]]


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees whose leaves are added up by target, beginning with `base`, the sum is divided by `divisor`, and `link` applied.

    `narrow` says that the library rounds its input to float32 before it compares, `narrow_sum` that it adds in float32,
    `strict` that it goes left only where the value is less. `decide` says how a class is found: `argmax` of the
    probabilities, `positive` or `nonnegative` sum, probability over a `half`; empty for a regression.
    """

    trees: tuple[Tree, ...]
    features: int
    targets: int
    base: tuple[float, ...]
    divisor: float = 1.0
    link: str = "identity"
    decide: str = ""
    narrow: bool = False
    narrow_sum: bool = False
    strict: bool = False
    classes: list[Any] = field(default_factory=list)


def read_forest(model: Any) -> Forest | None:
    """Return the tables of a fitted model, or None where it is no tree ensemble or has parts that these don't express."""
    module, kind = type(model).__module__.partition(".")[0], type(model).__name__
    if module == "sklearn":
        reader = {
            "DecisionTreeClassifier": _sklearn_forest,
            "DecisionTreeRegressor": _sklearn_forest,
            "ExtraTreeClassifier": _sklearn_forest,
            "ExtraTreeRegressor": _sklearn_forest,
            "ExtraTreesClassifier": _sklearn_forest,
            "ExtraTreesRegressor": _sklearn_forest,
            "RandomForestClassifier": _sklearn_forest,
            "RandomForestRegressor": _sklearn_forest,
            "GradientBoostingClassifier": _gradient_boosting,
            "GradientBoostingRegressor": _gradient_boosting,
            "HistGradientBoostingClassifier": _histogram_boosting,
            "HistGradientBoostingRegressor": _histogram_boosting,
        }.get(kind)
    else:
        reader = {
            ("lightgbm", "LGBMClassifier"): _lightgbm,
            ("lightgbm", "LGBMRegressor"): _lightgbm,
            ("xgboost", "XGBClassifier"): _xgboost,
            ("xgboost", "XGBRegressor"): _xgboost,
        }.get((module, kind))
    return reader(model) if reader else None


def _classes(model: Any) -> list[Any]:
    found: list[Any] = model.classes_.tolist() if hasattr(model, "classes_") else []
    return found


# scikit-learn -----------------------------------------------------------------------------------------------------------


def _sklearn_tree(tree: Any, leaves: list[tuple[tuple[int, float], ...]]) -> Tree:
    missing = getattr(tree, "missing_go_to_left", None)
    return Tree(
        feature=[max(each, 0) for each in tree.feature.tolist()],
        threshold=tree.threshold.tolist(),
        left=tree.children_left.tolist(),
        right=tree.children_right.tolist(),
        missing_left=[bool(each) for each in missing.tolist()] if missing is not None else [False] * tree.node_count,
        leaf=leaves,
    )


def _sklearn_forest(model: Any) -> Forest | None:
    if model.n_outputs_ != 1:
        return None
    members = [model] if hasattr(model, "tree_") else list(model.estimators_)
    targets = int(model.n_classes_) if hasattr(model, "n_classes_") else 1
    trees = []
    for each in members:
        values = each.tree_.value[:, 0, :targets].tolist()
        trees.append(_sklearn_tree(each.tree_, [tuple(enumerate(row)) for row in values]))
    classifies = hasattr(model, "classes_")
    return Forest(
        trees=tuple(trees),
        features=int(model.n_features_in_),
        targets=targets,
        base=(0.0,) * targets,
        divisor=float(len(members)),
        decide="argmax" if classifies else "",
        narrow=True,
        classes=_classes(model),
    )


def _gradient_boosting(model: Any) -> Forest | None:
    import numpy as np

    loss = type(model._loss).__name__
    plain_start = model.init_ == "zero" or type(model.init_).__name__ in {"DummyClassifier", "DummyRegressor"}
    link = {"HalfBinomialLoss": ("sigmoid", "nonnegative"), "HalfMultinomialLoss": ("softmax", "argmax")}
    if not plain_start or (hasattr(model, "classes_") and loss not in link):
        return None
    stages = model.estimators_
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0]
    trees = [
        _sklearn_tree(
            each.tree_, [((target, value),) for value in (model.learning_rate * each.tree_.value[:, 0, 0]).tolist()]
        )
        for stage in stages
        for target, each in enumerate(stage)
    ]
    how = link.get(loss, ("identity", "")) if hasattr(model, "classes_") else ("identity", "")
    return Forest(
        trees=tuple(trees),
        features=int(model.n_features_in_),
        targets=stages.shape[1],
        base=tuple(start.tolist()),
        link=how[0],
        decide=how[1],
        narrow=True,
        classes=_classes(model),
    )


def _histogram_boosting(model: Any) -> Forest | None:
    if model.is_categorical_ is not None or getattr(model, "_preprocessor", None) is not None:
        return None
    how = {
        "HalfBinomialLoss": ("sigmoid", "positive"),
        "HalfMultinomialLoss": ("softmax", "argmax"),
    }.get(type(model._loss).__name__)
    if how is None:
        link = {"IdentityLink": "identity", "LogLink": "exp"}.get(type(model._loss.link).__name__)
        if link is None or hasattr(model, "classes_"):
            return None
        how = (link, "")
    trees = [_histogram_tree(each.nodes, target) for stage in model._predictors for target, each in enumerate(stage)]
    return Forest(
        trees=tuple(trees),
        features=int(model.n_features_in_),
        targets=len(model._predictors[0]),
        base=tuple(model._baseline_prediction.ravel().tolist()),
        link=how[0],
        decide=how[1],
        classes=_classes(model),
    )


def _histogram_tree(nodes: Any, target: int) -> Tree:
    ends = nodes["is_leaf"].astype(bool).tolist()
    left, right = nodes["left"].astype(int).tolist(), nodes["right"].astype(int).tolist()
    return Tree(
        feature=[max(int(each), 0) for each in nodes["feature_idx"]],
        threshold=nodes["num_threshold"].tolist(),
        left=[-1 if end else each for each, end in zip(left, ends, strict=True)],
        right=[-1 if end else each for each, end in zip(right, ends, strict=True)],
        missing_left=nodes["missing_go_to_left"].astype(bool).tolist(),
        leaf=[((target, value),) for value in nodes["value"].tolist()],
    )


# XGBoost ----------------------------------------------------------------------------------------------------------------


_XGBOOST = {
    "binary:logistic": ("sigmoid", "half"),
    "multi:softprob": ("softmax", "argmax"),
    "reg:squarederror": ("identity", ""),
    "reg:absoluteerror": ("identity", ""),
    "reg:pseudohubererror": ("identity", ""),
    "reg:quantileerror": ("identity", ""),
    "count:poisson": ("exp", ""),
    "reg:gamma": ("exp", ""),
    "reg:tweedie": ("exp", ""),
}


def _xgboost(model: Any) -> Forest | None:
    learner = json.loads(model.get_booster().save_raw("json"))["learner"]
    how, booster = _XGBOOST.get(learner["objective"]["name"]), learner["gradient_booster"]
    if how is None or booster["name"] != "gbtree":
        return None
    parts = booster["model"]
    trees = parts["trees"]
    if any(any(each["split_type"]) or int(each["tree_param"]["size_leaf_vector"]) > 1 for each in trees):
        return None
    settings = learner["learner_model_param"]
    targets = max(int(settings["num_class"]), 1)
    if int(settings.get("num_target", 1)) != 1:
        return None
    last = _xgboost_rounds(model, parts)
    groups = parts["tree_info"][:last]
    return Forest(
        trees=tuple(_xgboost_tree(each, group) for each, group in zip(trees[:last], groups, strict=True)),
        features=int(settings["num_feature"]),
        targets=targets,
        base=_xgboost_base(settings["base_score"], targets, how[0]),
        link=how[0],
        decide=how[1],
        narrow=True,
        narrow_sum=True,
        strict=True,
        classes=_classes(model) if how[1] else [],
    )


def _xgboost_rounds(model: Any, parts: Any) -> int:
    """Return how many trees answer: those up to the best round, where training stopped early."""
    try:
        best = int(model.best_iteration)
    except AttributeError:
        return len(parts["trees"])
    return int(parts["iteration_indptr"][best + 1])


def _xgboost_base(text: str, targets: int, link: str) -> tuple[float, ...]:
    values = [float(each) for each in str(text).strip("[]").split(",")]
    values = values * targets if len(values) == 1 else values
    if link == "sigmoid":
        values = [-math.log(1.0 / each - 1.0) for each in values]
    return tuple(math.log(each) for each in values) if link == "exp" else tuple(values)


def _xgboost_tree(tree: Any, target: int) -> Tree:
    return Tree(
        feature=tree["split_indices"],
        threshold=tree["split_conditions"],
        left=tree["left_children"],
        right=tree["right_children"],
        missing_left=[bool(each) for each in tree["default_left"]],
        leaf=[((target, value),) for value in tree["split_conditions"]],
    )


# LightGBM ---------------------------------------------------------------------------------------------------------------


def _lightgbm(model: Any) -> Forest | None:
    booster = model.booster_.dump_model()
    how = _lightgbm_link(booster["objective"], booster["num_tree_per_iteration"])
    if how is None or booster.get("pandas_categorical"):
        return None
    targets, trees = booster["num_tree_per_iteration"], booster["tree_info"]
    tables = [_lightgbm_tree(each["tree_structure"], number % targets) for number, each in enumerate(trees)]
    if any(each is None for each in tables):
        return None
    return Forest(
        trees=tuple(each for each in tables if each is not None),
        features=int(booster["max_feature_idx"]) + 1,
        targets=targets,
        base=(0.0,) * targets,
        divisor=len(trees) / targets if booster["average_output"] else 1.0,
        link=how[0],
        decide=how[1],
        classes=_classes(model),
    )


def _lightgbm_link(objective: str, targets: int) -> tuple[str, str] | None:
    name, _, rest = objective.partition(" ")
    if name == "binary" and rest == "sigmoid:1":
        return "sigmoid", "argmax"
    if name == "multiclass":
        return "softmax", "argmax"
    if rest and name.startswith("regression"):
        return None  # the square root of the target was learnt
    if name in {"regression", "regression_l1", "huber", "fair", "quantile", "mape"} and targets == 1:
        return "identity", ""
    return ("exp", "") if name in {"poisson", "gamma", "tweedie"} else None


def _lightgbm_tree(structure: Any, target: int) -> Tree | None:
    tree = Tree([], [], [], [], [], [])
    for node in _in_order(structure):
        if "leaf_value" in node:
            _add(tree, leaf=((target, float(node["leaf_value"])),))
            continue
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            return None
        threshold = float(node["threshold"])
        # Where training saw nothing missing, NaN is taken for 0.
        missing = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0.0
        _add(tree, feature=int(node["split_feature"]), threshold=threshold, missing=bool(missing))
    numbers = {id(node): number for number, node in enumerate(_in_order(structure))}
    for number, node in enumerate(_in_order(structure)):
        if "leaf_value" not in node:
            tree.left[number], tree.right[number] = numbers[id(node["left_child"])], numbers[id(node["right_child"])]
    return tree


def _in_order(structure: Any) -> Iterator[Any]:
    waiting = [structure]
    while waiting:
        node = waiting.pop()
        yield node
        if "leaf_value" not in node:
            waiting += [node["right_child"], node["left_child"]]


def _add(
    tree: Tree,
    feature: int = 0,
    threshold: float = 0.0,
    missing: bool = False,
    leaf: tuple[tuple[int, float], ...] = (),
) -> None:
    tree.feature.append(feature)
    tree.threshold.append(threshold)
    tree.left.append(-1)
    tree.right.append(-1)
    tree.missing_left.append(missing)
    tree.leaf.append(leaf)
