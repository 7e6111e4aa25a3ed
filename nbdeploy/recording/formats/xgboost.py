"""xgboost: boosters and their scikit-learn wrappers, in XGBoost's own binary JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

NAME = "xgboost"
SUFFIX = ".ubj"
REQUIRES = ("xgboost",)


def accepts(value: object) -> bool:
    """Say whether the value is a booster or a fitted wrapper of XGBoost's own (not a class derived from one)."""
    xgboost = sys.modules.get("xgboost")
    if xgboost is None or type(value).__module__ not in ("xgboost.core", "xgboost.sklearn"):
        return False
    return isinstance(value, xgboost.Booster) or (isinstance(value, xgboost.XGBModel) and hasattr(value, "_Booster"))


def save_xgboost(value: Any, path: Path) -> dict[str, object]:
    """Write a booster; of a wrapper also its class, and the parameters and attributes that are not the default's."""
    import xgboost

    if isinstance(value, xgboost.Booster):
        value.save_model(path)
        return {}
    value.get_booster().save_model(path)
    default = type(value)().get_params()
    parameters = value.get_params()
    known = set(parameters) | {"_Booster", "kwargs"}
    return {
        "wrapper": type(value).__name__,
        "parameters": {key: each for key, each in parameters.items() if repr(each) != repr(default.get(key))},
        "attributes": {key: each for key, each in vars(value).items() if key not in known},
    }


def load_xgboost(
    path: Path,
    wrapper: str = "Booster",
    parameters: dict[str, Any] | None = None,
    attributes: dict[str, Any] | None = None,
) -> object:
    """Read what `save_xgboost` wrote: a `Booster`, or the scikit-learn wrapper of the given class."""
    from collections import OrderedDict

    import xgboost

    if wrapper == "Booster":
        return xgboost.Booster(model_file=path)
    model = getattr(xgboost, wrapper)(**(parameters or {}))
    wanted = {**model.get_params(), **(parameters or {})}
    model.load_model(path)  # this also overwrites parameters with what the booster says
    model.set_params(**wanted)
    vars(model).update(attributes or {})
    if "evals_result_" in vars(model):
        model.evals_result_ = {data: OrderedDict(scores) for data, scores in model.evals_result_.items()}
    return model
