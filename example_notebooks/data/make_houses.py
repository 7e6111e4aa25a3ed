"""Write `houses.csv`: 1,200 invented house sales around one city, prices in thousands.

Run it from anywhere: `python make_houses.py`. The seed is fixed, so the file comes out the same every time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 5
ROWS = 1_200


def main() -> None:
    rng = np.random.default_rng(SEED)
    area = np.clip(rng.gamma(6.5, 18, ROWS), 32, 340).round(1)
    houses = pd.DataFrame(
        {
            "area_m2": area,
            "rooms": np.clip((area / 27 + rng.normal(0, 0.8, ROWS)).round(), 1, 12).astype(int),
            "plot_m2": (area * rng.uniform(0.6, 5.5, ROWS)).round(0).astype(int),
            "age_years": rng.integers(0, 121, ROWS),
            "distance_km": np.clip(rng.gamma(2.0, 6.0, ROWS), 0.3, 60).round(1),
            "energy_class": rng.integers(1, 8, ROWS),  # 1 is the best
            "has_garage": rng.integers(0, 2, ROWS),
        }
    )
    location = 1.9 * np.exp(-houses["distance_km"] / 14) + 1.0
    condition = 1.0 - 0.0035 * np.minimum(houses["age_years"], 60) + 0.12 * (houses["age_years"] > 95)  # charm
    price = (
        25
        + 1.9 * houses["area_m2"] * location * condition
        + 0.07 * houses["plot_m2"] * location
        - 5.5 * (houses["energy_class"] - 4)
        + 18 * houses["has_garage"]
    )
    houses["price"] = (price * rng.lognormal(0, 0.08, ROWS)).round(1)
    houses.to_csv(Path(__file__).with_name("houses.csv"), index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
