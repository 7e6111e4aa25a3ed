"""lightgbm: boosters, in LightGBM's own text format.

Its scikit-learn wrappers go through skops, which carries the same text and all that the wrapper knows beside it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

NAME = "lightgbm"
SUFFIX = ".txt"
REQUIRES = ("lightgbm",)


def accepts(value: object) -> bool:
    """Say whether the value is a LightGBM booster."""
    lightgbm = sys.modules.get("lightgbm")
    return lightgbm is not None and type(value) is lightgbm.Booster


def save_lightgbm(value: Any, path: Path) -> dict[str, object]:
    """Write a booster with all of its trees, and say after how many of them it was best."""
    value.save_model(path, num_iteration=-1)
    return {"best_iteration": value.best_iteration}


def load_lightgbm(path: Path, best_iteration: int) -> object:
    """Read what `save_lightgbm` wrote."""
    import lightgbm

    booster = lightgbm.Booster(model_file=path)
    booster.best_iteration = best_iteration
    return booster
