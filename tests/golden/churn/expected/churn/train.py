"""Make the artifacts anew: the training side of the notebook, without what only looks at data.

Made by nbdeploy from churn.ipynb; the comments name the cells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from . import artifacts
from .definitions import tenure_band


def train(out: str | Path | None = None) -> dict[str, Any]:
    """Train on the data that the notebook reads and return the artifacts by name.

    Run it where the notebook's relative paths hold. With `out`, a folder, the artifacts are written there as files
    that `artifacts.py` reads.
    """
    # cell 2
    SEED = 42
    EXPORT_DATE = pd.Timestamp("2024-01-31")
    TEXT_COLUMNS = ["contract", "internet_service", "payment_method", "autopay"]

    # cell 3
    df = pd.read_csv("data/customers.csv")

    # cell 6
    for column in TEXT_COLUMNS:
        df[column] = df[column].str.strip().str.lower()
    df["contract"] = df["contract"].replace({"monthly": "month-to-month"})
    df["signup_date"] = pd.to_datetime(df["signup_date"], format="%Y-%m-%d")
    df["total_charges"] = pd.to_numeric(df["total_charges"], errors="coerce")

    # cell 9
    medians = df[["age", "monthly_charges"]].median().to_dict()

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

    # cell 16
    y = (df["churned"] == "Yes").astype(int)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=SEED)

    # cell 17
    numeric = X_train.select_dtypes("number").columns.tolist()
    categorical = [column for column in X_train.columns if column not in numeric]
    columns = ColumnTransformer(
        [("numeric", StandardScaler(), numeric), ("categorical", OneHotEncoder(handle_unknown="ignore"), categorical)]
    )
    model = make_pipeline(columns, LogisticRegression(C=0.5, max_iter=1000))
    model.fit(X_train, y_train)

    made: dict[str, Any] = {"medians": medians, "model": model}
    if out is not None:
        for name, value in made.items():
            artifacts.save(name, value, Path(out))
    return made
