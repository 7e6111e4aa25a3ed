"""Make the artifacts anew: the training side of the notebook, without what only looks at data.

Made by nbdeploy from house_prices.ipynb; the comments name the cells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from . import artifacts
from .definitions import add_features


def train(out: str | Path | None = None, *, test_size: float = 0.25, seed: int = 7) -> dict[str, Any]:
    """Train on the data that the notebook reads and return the artifacts by name.

    Run it where the notebook's relative paths hold. With `out`, a folder, the artifacts are written there as files
    that `artifacts.py` reads. The other arguments are the notebook's parameters, as they were in the recorded run.
    """
    # cell 4
    houses = pd.read_csv("data/houses.csv")

    # cell 8
    FEATURES = ["area_m2", "rooms", "plot_m2", "age_years", "distance_km", "energy_class", "has_garage"]
    X = houses[FEATURES].to_numpy(dtype=float)
    y = houses["price"].to_numpy()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=test_size, random_state=seed)

    # cell 10
    scaler = StandardScaler()
    X_train = scaler.fit_transform(add_features(X_train))

    # cell 12
    model = GradientBoostingRegressor(
        n_estimators=300, learning_rate=0.06, max_depth=3, subsample=0.8, random_state=seed
    )
    model.fit(X_train, y_train)

    made: dict[str, Any] = {"scaler": scaler, "model": model}
    if out is not None:
        for name, value in made.items():
            artifacts.save(name, value, Path(out))
    return made
