# %%
import pandas as pd
from sklearn.datasets import make_regression
from sklearn.ensemble import RandomForestRegressor

rows, y = make_regression(2_000, 10, noise=5.0, random_state=0)
X = pd.DataFrame(rows, columns=[f"feature_{n}" for n in range(10)])

# %%
model = RandomForestRegressor(100, min_samples_leaf=3, random_state=0)
model.fit(X, y)

# %% predict
predicted = model.predict(X)
