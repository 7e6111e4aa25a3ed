"""Write `customers.csv`: 1,500 invented customers of a telecom provider, with the dirt that exports from a CRM carry.

Run it from anywhere: `python make_customers.py`. The seed is fixed, so the file comes out the same every time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20240131
ROWS = 1_500
EXPORTED_ON = pd.Timestamp("2024-01-31")

CONTRACT_SPELLINGS = {
    "month-to-month": ["Month-to-month", "month-to-month", "MONTH-TO-MONTH", " Month-to-month", "monthly"],
    "one year": ["One year", "one year", "One Year "],
    "two year": ["Two year", "two year", "TWO YEAR"],
}
PAYMENT_SPELLINGS = {
    "electronic check": ["Electronic check", "electronic check", "Electronic Check "],
    "bank transfer": ["Bank transfer", " bank transfer", "Bank Transfer"],
    "credit card": ["Credit card", "CREDIT CARD", "credit card "],
    "mailed check": ["Mailed check", "mailed check"],
}
INTERNET_SPELLINGS = {
    "fiber": ["Fiber", "fiber", "FIBER "],
    "dsl": ["DSL", "dsl", " DSL"],
    "phone only": ["Phone only", "phone only"],
}


def spell(values: np.ndarray, spellings: dict[str, list[str]], rng: np.random.Generator) -> list[str]:
    """Each value as somebody typed it: mostly the first spelling."""
    written = []
    for value in values:
        options = spellings[value]
        careful = rng.random() < 0.75
        written.append(options[0] if careful else options[rng.integers(len(options))])
    return written


def churn_probability(customers: pd.DataFrame) -> np.ndarray:
    """The known signal, on the clean values: contract, tenure, price, support calls and how the bill is paid."""
    score = (
        -1.55
        + customers["contract"].map({"month-to-month": 1.35, "one year": -0.4, "two year": -1.6})
        + customers["internet"].map({"fiber": 0.7, "dsl": 0.0, "phone only": -0.7})
        + customers["payment"].map(
            {"electronic check": 0.55, "bank transfer": -0.2, "credit card": -0.2, "mailed check": 0.0}
        )
        - 0.045 * (customers["tenure"] - 24)
        + 0.016 * (customers["monthly"] - 65)
        + 0.42 * np.minimum(customers["calls"], 5)
        - 0.35 * (customers["autopay"] == "yes")
    )
    return 1 / (1 + np.exp(-score))


def main() -> None:
    rng = np.random.default_rng(SEED)
    clean = pd.DataFrame({"tenure": np.clip(rng.gamma(1.15, 25, ROWS).round(), 0, 72).astype(int)})
    loyal = clean["tenure"].to_numpy() / 72
    draw = rng.random(ROWS)
    clean["contract"] = np.select(
        [draw < 0.68 - 0.5 * loyal, draw < 0.85 - 0.3 * loyal], ["month-to-month", "one year"], "two year"
    )
    clean["internet"] = rng.choice(["fiber", "dsl", "phone only"], ROWS, p=[0.45, 0.36, 0.19])
    clean["payment"] = rng.choice(list(PAYMENT_SPELLINGS), ROWS, p=[0.35, 0.22, 0.23, 0.20])
    clean["autopay"] = np.where(
        rng.random(ROWS) < np.where(clean["payment"] == "mailed check", 0.05, 0.55), "yes", "no"
    )
    base = clean["internet"].map({"fiber": 84.0, "dsl": 56.0, "phone only": 22.0})
    clean["monthly"] = np.clip(base + rng.normal(0, 11, ROWS), 18, 125).round(2)
    clean["calls"] = rng.poisson(np.where(clean["internet"] == "fiber", 1.5, 0.9))
    churned = rng.random(ROWS) < churn_probability(clean)

    signup = EXPORTED_ON - pd.to_timedelta(clean["tenure"] * 30.44 + rng.integers(0, 28, ROWS), unit="D")
    total = (clean["monthly"] * clean["tenure"] * rng.normal(1.0, 0.03, ROWS)).round(2)
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{number:05d}" for number in rng.permutation(np.arange(10_000, 10_000 + ROWS))],
            "signup_date": signup.dt.strftime("%Y-%m-%d"),
            "age": np.clip(rng.normal(46, 15, ROWS).round(), 18, 92),
            "contract": spell(clean["contract"].to_numpy(), CONTRACT_SPELLINGS, rng),
            "internet_service": spell(clean["internet"].to_numpy(), INTERNET_SPELLINGS, rng),
            "payment_method": spell(clean["payment"].to_numpy(), PAYMENT_SPELLINGS, rng),
            "autopay": np.where(rng.random(ROWS) < 0.8, clean["autopay"], clean["autopay"].str.title()),
            "monthly_charges": clean["monthly"],
            "total_charges": total.map("{:.2f}".format).where(clean["tenure"] > 0, " "),
            "support_calls": clean["calls"],
            "churned": np.where(churned, "Yes", "No"),
        }
    )
    for column, share in [
        ("age", 0.09),
        ("payment_method", 0.04),
        ("monthly_charges", 0.03),
        ("internet_service", 0.02),
    ]:
        customers.loc[rng.random(ROWS) < share, column] = None
    customers.to_csv(Path(__file__).with_name("customers.csv"), index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
