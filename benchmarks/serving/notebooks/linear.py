# %%
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

data = load_breast_cancer()
X = data.data
y = data.target

# %%
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
model.fit(X, y)

# %% predict
probability = model.predict_proba(X)
