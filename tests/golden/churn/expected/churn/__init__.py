"""churn: the serving path of churn.ipynb as plain Python, made by nbdeploy.

`predict` answers requests; `train` makes the artifacts anew.
"""

from typing import TYPE_CHECKING, Any

from .predict import predict

if TYPE_CHECKING:
    from .train import train

__all__ = ["predict", "train"]


def __getattr__(name: str) -> Any:
    """Import `train` when it is first asked for: a service does not load what only training needs."""
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .train import train

    globals()[name] = train  # the import has put the module of that name there
    return train
