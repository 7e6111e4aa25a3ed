"""Names that the rules know. What a library's functions do lives here in one place."""

from __future__ import annotations

__all__ = [
    "AGGREGATES",
    "AGGREGATING_FUNCTIONS",
    "AGGREGATING_METHODS",
    "BINDING_MAGICS",
    "CLOCKS",
    "INTERACTIVE",
    "KERNEL_NAMES",
    "NETWORK",
    "NETWORK_ROOTS",
    "ORDER_FUNCTIONS",
    "ORDER_METHODS",
    "PYTHON_2_NAMES",
    "QUIET_CELL_MAGICS",
    "ROW_LOSING_METHODS",
    "SHELL",
    "SHOWING_ROOTS",
    "WELL_KNOWN",
]

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
        "load",
        "loadpy",
        "macro",
        "matlab",
        "octave_pull",
        "pylab",
        "rerun",
        "recall",
        "run",
        "julia",
        "rpull",
    }
)

# Answers that hold for all rows at once, so that they change with what is sent together.
AGGREGATES = frozenset(
    {"mean", "median", "mode", "std", "var", "sem", "sum", "prod", "min", "max", "quantile", "skew", "kurt", "kurtosis",
     "nunique", "idxmax", "idxmin", "value_counts", "describe", "corr", "cov", "ptp"}
)  # fmt: skip
AGGREGATING_METHODS = frozenset({"rank", "factorize"})
AGGREGATING_FUNCTIONS = frozenset(
    {
        *(f"numpy.{name}" for name in (
            "mean", "median", "std", "var", "sum", "prod", "min", "max", "amin", "amax", "percentile", "quantile",
            "nanmean", "nanmedian", "nanstd", "nanmin", "nanmax", "nanpercentile", "nanquantile", "ptp", "average", "nansum")),
        *(f"torch.{name}" for name in ("mean", "median", "std", "var", "sum", "min", "max", "quantile")),
        *(f"statistics.{name}" for name in ("mean", "median", "mode", "stdev", "pstdev")),
        "pandas.get_dummies", "pandas.qcut", "pandas.factorize", "scipy.stats.zscore", "scipy.stats.mode",
        "scipy.stats.rankdata", "sklearn.preprocessing.scale", "sklearn.preprocessing.minmax_scale",
        "sklearn.preprocessing.robust_scale", "sklearn.preprocessing.maxabs_scale", "sklearn.preprocessing.quantile_transform",
        "sklearn.preprocessing.power_transform",
    }
)  # fmt: skip

ORDER_METHODS = frozenset(
    {"shift", "diff", "pct_change", "rolling", "expanding", "ewm", "cumsum", "cumprod", "cummax", "cummin", "cumcount",
     "ffill", "bfill", "pad", "backfill", "interpolate", "duplicated"}
)  # fmt: skip
ORDER_FUNCTIONS = frozenset(
    {"numpy.cumsum", "numpy.cumprod", "numpy.diff", "numpy.roll", "numpy.gradient", "numpy.ediff1d", "itertools.accumulate",
     "itertools.pairwise"}
)  # fmt: skip
ROW_LOSING_METHODS = frozenset(
    {"dropna", "drop_duplicates", "sample", "head", "tail", "nlargest", "nsmallest", "query", "truncate"}
)

CLOCKS = frozenset(
    {"datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today", "time.time",
     "time.time_ns", "time.localtime", "time.gmtime", "time.strftime", "time.ctime", "pandas.Timestamp.now",
     "pandas.Timestamp.today", "pandas.Timestamp.utcnow"}
)  # fmt: skip

NETWORK_ROOTS = frozenset(
    {"aiohttp", "boto3", "ftplib", "gdown", "httplib2", "httpx", "paramiko", "pymongo", "redis", "requests", "smtplib", "socket",
     "urllib3", "websocket", "websockets", "wget", "yfinance"}
)  # fmt: skip
NETWORK = frozenset(
    {"urllib.request.urlopen", "urllib.request.urlretrieve", "urllib.urlopen", "urllib.urlretrieve", "nltk.download",
     "sklearn.datasets.fetch_openml", "sklearn.datasets.fetch_california_housing", "http.client.HTTPConnection",
     "http.client.HTTPSConnection", "huggingface_hub.hf_hub_download", "huggingface_hub.snapshot_download",
     "datasets.load_dataset", "kagglehub.dataset_download", "torch.hub.load", "torch.hub.load_state_dict_from_url"}
)  # fmt: skip
SHELL = frozenset(
    {"os.system", "os.popen", "os.execv", "os.execvp", "os.spawnl", "subprocess.run", "subprocess.call",
     "subprocess.check_call", "subprocess.check_output", "subprocess.Popen", "subprocess.getoutput",
     "subprocess.getstatusoutput", "commands.getoutput", "pty.spawn"}
)  # fmt: skip
INTERACTIVE = frozenset(
    {"breakpoint", "code.interact", "getpass.getpass", "input", "IPython.embed", "ipdb.set_trace", "pdb.post_mortem",
     "pdb.set_trace", "IPython.core.debugger.set_trace", "raw_input", "google.colab.files.upload"}
)  # fmt: skip

# Modules that only show something to someone who looks.
SHOWING_ROOTS = frozenset(
    {"altair", "bokeh", "graphviz", "ipywidgets", "matplotlib", "missingno", "plotly", "pylab", "seaborn", "tqdm", "yellowbrick",
     "IPython", "pandas_profiling", "ydata_profiling", "dtreeviz", "shap"}
)  # fmt: skip

# Packages that are installed and not written beside a notebook.
WELL_KNOWN = frozenset(
    {"IPython", "PIL", "bs4", "category_encoders", "cv2", "dask", "datasets", "fastai", "feature_engine",
     "gensim", "imblearn", "ipywidgets", "jax", "joblib", "keras", "lightning", "lime", "matplotlib", "mlflow",
     "mlxtend", "mpl_toolkits", "networkx", "nltk", "numba", "openpyxl", "optuna", "plotly", "prophet",
     "psycopg2", "pyarrow", "pymc", "pyspark", "pytest", "pytorch_lightning", "requests", "scipy", "seaborn",
     "shap", "skimage", "sklearn", "spacy", "sqlalchemy", "statsmodels", "sympy", "tensorflow", "torch",
     "torchmetrics", "torchvision", "tqdm", "transformers", "xgboost", "yaml", "yellowbrick"}
)  # fmt: skip
