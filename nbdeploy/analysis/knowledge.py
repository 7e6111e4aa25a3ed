"""What is known of other people's functions: which train, which change their receiver, which only show something.

Names only, by method or by function: the type of a receiver is not known before the notebook has run. The default for the
unknown is in `effects.py`: a call whose result is thrown away is taken to change its receiver.
"""

from __future__ import annotations

__all__ = [
    "AMBIENT",
    "ASKING_FUNCTIONS",
    "DISPLAY_FUNCTIONS",
    "DISPLAY_METHODS",
    "DISPLAY_MODULES",
    "FILE_READERS",
    "FILE_WRITERS",
    "FRESH_METHODS",
    "HOLDING_FUNCTIONS",
    "MUTATING_FUNCTIONS",
    "MUTATING_METHODS",
    "TRAINING_METHODS",
    "TWO_FACED",
]

# Methods that make or change the fitted state of their receiver. `SERVED_FORMS` in `serving.py` says which have a
# counterpart for new rows.
TRAINING_METHODS = frozenset(
    {
        "fit",
        "fit_generator",
        "fit_predict",
        "fit_resample",
        "fit_transform",
        "partial_fit",
        "train_on_batch",
        "backward",
        "zero_grad",
        "fit_one_cycle",
    }
)

MUTATING_METHODS = TRAINING_METHODS | {
    "add",
    "append",
    "appendleft",
    "clear",
    "cuda",
    "discard",
    "eval",
    "extend",
    "fill",
    "insert",
    "itemset",
    "load_model",
    "load_state_dict",
    "pop",
    "popitem",
    "popleft",
    "put",
    "remove",
    "requires_grad_",
    "resize",
    "reverse",
    "set_params",
    "setdefault",
    "setflags",
    "sort",
    "step",
    "train",
    "update",
}

# Of these, the names that are as often something else: `scaler.step`, `df.eval(...)`, `model.train`, `df.add(1)`.
TWO_FACED = frozenset({"add", "eval", "insert", "put", "step", "train", "update"})

# Functions and methods that write files, and those that read them; `read_...` and `open` by their own rules.
FILE_WRITERS = frozenset(
    {
        "copy2", "copyfile", "copytree", "dump", "extractall", "makedirs", "mkdir", "move", "remove", "rename", "rmdir",
        "rmtree", "save", "save_model", "savetxt", "savez", "symlink", "to_csv", "to_excel", "to_feather", "to_json",
        "to_parquet", "to_pickle", "touch", "unlink", "urlretrieve", "write_bytes", "write_text",
    }
)  # fmt: skip
FILE_READERS = frozenset(
    {"exists", "genfromtxt", "getcwd", "glob", "imread", "iterdir", "listdir", "load", "load_model", "loadtxt", "open",
     "walk"}
)  # fmt: skip

# Functions of modules that change an argument.
MUTATING_FUNCTIONS = frozenset(
    {
        "at",
        "copyto",
        "delattr",
        "fill_diagonal",
        "heapify",
        "heappop",
        "heappush",
        "insort",
        "next",
        "place",
        "put",
        "putmask",
        "setattr",
        "shuffle",
    }
)

# Functions whose effect is on the process: seeds and settings. Everything after them depends on them.
AMBIENT = frozenset(
    {
        "enable_grad",
        "filterwarnings",
        "manual_seed",
        "manual_seed_all",
        "seed",
        "set_config",
        "set_default_dtype",
        "set_grad_enabled",
        "set_num_threads",
        "set_option",
        "set_random_seed",
        "set_seed",
        "set_verbosity",
        "seterr",
        "simplefilter",
        "use_deterministic_algorithms",
        "setdefault",
        "chdir",
        "putenv",
    }
)

DISPLAY_FUNCTIONS = frozenset({"print", "display", "help", "pprint", "input", "reveal_type"})
DISPLAY_MODULES = frozenset(
    {
        "matplotlib",
        "seaborn",
        "plotly",
        "bokeh",
        "altair",
        "IPython",
        "logging",
        "pprint",
        "tqdm",
        "graphviz",
        "ipywidgets",
    }
)
# Methods whose result people look at, and that change nothing.
DISPLAY_METHODS = frozenset(
    {
        "boxplot",
        "corr",
        "count",
        "cov",
        "describe",
        "get_params",
        "head",
        "hist",
        "info",
        "isna",
        "isnull",
        "items",
        "keys",
        "max",
        "mean",
        "median",
        "memory_usage",
        "min",
        "mode",
        "nunique",
        "parameters",
        "plot",
        "sample",
        "savefig",
        "scatter",
        "score",
        "show",
        "state_dict",
        "std",
        "sum",
        "summary",
        "tail",
        "unique",
        "value_counts",
        "values",
        "var",
    }
)

# Builtins that change nothing, whatever they are given.
ASKING_FUNCTIONS = frozenset(
    {"abs", "bool", "dict", "enumerate", "float", "format", "int", "isinstance", "len", "list", "max", "min", "range",
     "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "type", "zip"}
)  # fmt: skip

# Methods that answer with an object of its own: changing the answer does not change the receiver.
FRESH_METHODS = (DISPLAY_METHODS - {"items", "keys", "parameters", "state_dict", "values"}) | {
    "agg",
    "all",
    "any",
    "apply",
    "argmax",
    "argmin",
    "argsort",
    "assign",
    "astype",
    "clip",
    "copy",
    "cumsum",
    "decision_function",
    "diff",
    "drop",
    "drop_duplicates",
    "dropna",
    "eq",
    "explode",
    "fillna",
    "fit_predict",
    "fit_transform",
    "flatten",
    "float",
    "format",
    "get_depth",
    "get_dummies",
    "get_feature_names",
    "get_feature_names_out",
    "get_n_leaves",
    "get_support",
    "groupby",
    "index",
    "inverse_transform",
    "isin",
    "item",
    "join",
    "lower",
    "map",
    "merge",
    "nlargest",
    "nsmallest",
    "numpy",
    "pivot_table",
    "predict",
    "predict_log_proba",
    "predict_proba",
    "query",
    "quantile",
    "rank",
    "rename",
    "replace",
    "reset_index",
    "round",
    "select_dtypes",
    "set_index",
    "shift",
    "sort_index",
    "sort_values",
    "split",
    "startswith",
    "strip",
    "sub",
    "title",
    "to_dict",
    "to_list",
    "to_numpy",
    "tolist",
    "transform",
    "upper",
}

# Functions whose answer holds their arguments, so that fitting the answer fits the arguments.
HOLDING_FUNCTIONS = frozenset(
    {
        "make_pipeline",
        "make_union",
        "make_column_transformer",
        "zip",
        "enumerate",
        "list",
        "dict",
        "tuple",
        "iter",
        "reversed",
        "sorted",
        "asarray",
        "from_numpy",
        "ravel",
        "as_tensor",
    }
)
