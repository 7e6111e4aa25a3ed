"""Prepare rows for the model, as cells 6, 10 and 14 of the notebook do.

Made by nbdeploy from churn.ipynb; the comments name the cells.
"""

from __future__ import annotations

import pandas as pd

from .artifacts import medians
from .constants import EXPORT_DATE, TEXT_COLUMNS
from .definitions import tenure_band

DROPPED = ["customer_id", "churned"]
"""Columns that the notebook only drops: a request need not have them."""


def preprocess(df: pd.DataFrame) -> pd.DataFrame:
    """Return `X`, made of `df`."""
    df = df.copy()  # the caller's own stays as it is
    df[[column for column in DROPPED if column not in df]] = None

    # cell 6
    for column in TEXT_COLUMNS:
        df[column] = df[column].str.strip().str.lower()
    df["contract"] = df["contract"].replace({"monthly": "month-to-month"})
    df["signup_date"] = pd.to_datetime(df["signup_date"], format="%Y-%m-%d")
    df["total_charges"] = pd.to_numeric(df["total_charges"], errors="coerce")

    # cell 10
    df["age"] = df["age"].fillna(medians["age"])
    df["monthly_charges"] = df["monthly_charges"].fillna(medians["monthly_charges"])
    df["total_charges"] = df["total_charges"].fillna(0.0)
    df[["payment_method", "internet_service"]] = df[["payment_method", "internet_service"]].fillna("unknown")

    # cell 14
    df["tenure_months"] = (EXPORT_DATE - df["signup_date"]).dt.days / 30.44
    df["tenure_band"] = df["tenure_months"].apply(tenure_band)
    df["average_bill"] = df["total_charges"] / df["tenure_months"].clip(lower=1)
    df["often_calls"] = (df["support_calls"] >= 3).astype(int)
    X = df.drop(columns=["customer_id", "signup_date", "churned"])
    return X
