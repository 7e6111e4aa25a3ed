"""Names that the rules know and no library makes: IPython's, Python 2's, those of well-known packages."""

from __future__ import annotations

__all__ = ["BINDING_MAGICS", "KERNEL_NAMES", "PYTHON_2_NAMES", "QUIET_CELL_MAGICS", "WELL_KNOWN"]

# What IPython puts into the namespace of a notebook.
KERNEL_NAMES = frozenset(
    {"In", "Out", "__builtins__", "__doc__", "__loader__", "__name__", "__package__", "__spec__", "__annotations__",
     "display", "exit", "get_ipython", "open", "quit"}
)  # fmt: skip

PYTHON_2_NAMES = frozenset({"basestring", "long", "raw_input", "reduce", "unichr", "unicode", "xrange"})

# Cell magics that bind no names in the notebook's Python, and line magics that may bind any.
QUIET_CELL_MAGICS = frozenset(
    {"!", "HTML", "SVG", "ai", "bash", "bigquery", "cmd", "file", "html", "javascript", "js", "latex", "markdown", "mermaid",
     "perl", "pypy", "python2", "ruby", "script", "sh", "svg", "sx", "system", "timeit", "writefile"}
)  # fmt: skip
BINDING_MAGICS = frozenset(
    {
        "R",
        "Rpull",
        "julia",
        "load",
        "loadpy",
        "macro",
        "matlab",
        "octave_pull",
        "pylab",
        "recall",
        "rerun",
        "rpull",
        "run",
    }
)

# Packages that are installed and not written beside a notebook.
WELL_KNOWN = frozenset(
    {"IPython", "PIL", "bs4", "category_encoders", "cv2", "dask", "datasets", "fastai", "feature_engine",
     "gensim", "imblearn", "ipywidgets", "jax", "joblib", "keras", "lightning", "lime", "matplotlib", "mlflow",
     "mlxtend", "mpl_toolkits", "networkx", "nltk", "numba", "openpyxl", "optuna", "plotly", "prophet",
     "psycopg2", "pyarrow", "pymc", "pyspark", "pytest", "pytorch_lightning", "requests", "scipy", "seaborn",
     "shap", "skimage", "sklearn", "spacy", "sqlalchemy", "statsmodels", "sympy", "tensorflow", "torch",
     "torchmetrics", "torchvision", "tqdm", "transformers", "xgboost", "yaml", "yellowbrick"}
)  # fmt: skip
