"""house_price: the serving path of house_prices.ipynb as plain Python, made by nbdeploy.

`predict` answers requests; `train` makes the artifacts anew.
"""

from .predict import predict
from .train import train

__all__ = ["predict", "train"]
