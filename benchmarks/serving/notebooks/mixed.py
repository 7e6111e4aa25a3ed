# %%
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

random = np.random.default_rng(0)
count = 3_000
df = pd.DataFrame(
    {
        "age": random.integers(18, 90, count),
        "tenure": random.integers(1, 72, count),
        "charges": random.normal(60, 20, count).round(2),
        "total": random.normal(2000, 800, count).round(2),
        "calls": random.integers(0, 9, count),
        "contract": random.choice(["month", "year", "two years"], count),
        "payment": random.choice(["card", "cash", "transfer"], count),
        "region": random.choice(["north", "south", "east", "west"], count),
    }
)
df.loc[random.random(count) < 0.05, "charges"] = np.nan
churned = random.random(count) < 0.2 + 0.3 * (df["contract"] == "month") * (df["calls"] > 4)

# %%
median = df["charges"].median()

# %% preprocess
X = df.copy()
X["charges"] = X["charges"].fillna(median)
X["a_month"] = X["total"] / X["tenure"]
X["often"] = (X["calls"] >= 4).astype(int)

# %%
texts = ["contract", "payment", "region"]
numbers = ["age", "tenure", "charges", "total", "calls", "a_month", "often"]
columns = ColumnTransformer(
    [("numbers", StandardScaler(), numbers), ("texts", OneHotEncoder(sparse_output=False), texts)]
)
model = make_pipeline(columns, HistGradientBoostingClassifier(random_state=0))
model.fit(X, churned)

# %% predict
probability = model.predict_proba(X)[:, 1]
