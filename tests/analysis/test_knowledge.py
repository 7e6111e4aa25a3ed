"""The data files about libraries: their form, their truth, and how they are put together."""

from __future__ import annotations

import importlib
import inspect
import random
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import combinations, permutations
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbdeploy.analysis.knowledge import callee_of, knowledge_of, names_origin
from nbdeploy.analysis.knowledge.library import FOLDER, SUFFIX, library, library_names

FILES = sorted(library_names())
USUAL = frozenset({"matplotlib", "numpy", "pandas", "sklearn"})
# Where the classes and functions of a library are, as far as importing its root does not show them.
MODULES = {
    "joblib": "",
    "lightgbm": "",
    "matplotlib": "image pyplot style",
    "numpy": "ctypeslib lib.stride_tricks rec strings testing",
    "pandas": "io.formats.style plotting testing tseries.frequencies",
    "scipy": """
        cluster.hierarchy cluster.vq constants datasets differentiate fft fftpack integrate interpolate io linalg ndimage
        optimize signal sparse sparse.csgraph sparse.linalg spatial spatial.distance special stats stats.mstats stats.qmc
        stats.sampling
    """,
    "seaborn": "",
    "sklearn": """
        calibration cluster compose covariance cross_decomposition datasets decomposition discriminant_analysis dummy ensemble
        experimental.enable_halving_search_cv experimental.enable_iterative_imputer feature_extraction.image
        feature_extraction.text feature_selection frozen gaussian_process impute inspection isotonic kernel_approximation
        kernel_ridge linear_model manifold metrics metrics.cluster metrics.pairwise mixture model_selection multiclass
        multioutput naive_bayes neighbors neural_network pipeline preprocessing random_projection semi_supervised svm tree
        utils.class_weight utils.estimator_checks utils.extmath utils.random utils.sparsefuncs
    """,
    "statsmodels": "api formula.api graphics.api tsa.api",
    "torch": """
        distributions func hub nn.init nn.utils onnx optim.lr_scheduler optim.swa_utils quantization utils.checkpoint
        utils.data
    """,
    "tqdm": "auto notebook",
    "xgboost": "",
}
# Methods that are in notebooks, and in older versions alone.
OLD = {"numpy": {"itemset"}, "pandas": {"applymap", "iteritems", "mad"}, "sklearn": {"get_feature_names"}}
FUNCTION_FIELDS = (
    "changing_functions", "clock_functions", "delegating", "file_readers", "file_writers", "fresh_functions",
    "interactive", "iterator_functions", "network", "out_positions", "row_order_functions", "shallow_functions", "shell",
    "show_functions", "state_functions", "swallowing", "view_functions", "whole_column_functions",
)  # fmt: skip


def field(name: str, which: str) -> frozenset[str]:
    return library(name).names.get(which, frozenset())


# ---- form


def blocks(name: str) -> Iterator[list[str]]:
    """Yield the words between two comments, titles or empty lines."""
    words: list[str] = []
    for line in (FOLDER / f"{name}{SUFFIX}").read_text(encoding="utf-8").splitlines():
        if not line or line[0] in "#[":
            yield words
            words = []
        else:
            words += line.split()
    yield words


@pytest.mark.parametrize("name", FILES)
def test_the_words_of_a_file_are_sorted_and_said_once(name: str) -> None:
    assert [each for each in blocks(name) if each != sorted(set(each))] == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_begins_with_the_library_and_what_its_fields_mean(name: str) -> None:
    text = (FOLDER / f"{name}{SUFFIX}").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert all(len(line) <= 130 for line in text.splitlines())


@pytest.mark.parametrize("name", FILES)
def test_no_name_is_said_to_do_two_contradictory_things(name: str) -> None:
    changes = (
        field(name, "changing_methods") | field(name, "training_methods") | field(name, "argument_changing_methods")
    )
    methods = [changes, *(field(name, f"{each}_methods") for each in ("fresh", "shallow", "view"))]
    functions = [field(name, f"{each}_functions") for each in ("changing", "fresh", "shallow", "view")]
    for one, other in combinations(methods, 2):
        assert one & other == frozenset()
    for one, other in permutations(functions, 2):
        assert [each for each in one if names_origin(other, each)] == []


@pytest.mark.parametrize("name", FILES)
def test_a_method_that_is_told_about_is_told_to_change_its_receiver_or_not(name: str) -> None:
    classified = frozenset[str]().union(
        *(field(name, f"{each}_methods") for each in ("changing", "training", "fresh", "shallow", "view"))
    )
    for each in (
        "show_methods",
        "whole_column_methods",
        "row_losing_methods",
        "row_order_methods",
        "file_writing_methods",
    ):
        assert field(name, each) - classified == frozenset()
    assert field(name, "fresh_answer_methods") <= field(name, "changing_methods") | field(name, "training_methods")


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_includes_is_there(name: str) -> None:
    assert set(library(name).includes) <= library_names()


def test_an_unknown_field_is_an_error(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.names").write_text("[freshly_methods]\na b\n", encoding="utf-8")
    monkeypatch.setattr("nbdeploy.analysis.knowledge.library.FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"mine\.names: no such field: freshly_methods"):
        library.__wrapped__("mine")


# ---- truth: the names exist


def described_version(name: str) -> str | None:
    found = re.match(r"#.*as of (\d+\.\d+)", (FOLDER / f"{name}{SUFFIX}").read_text(encoding="utf-8"))
    return found[1] if found else None


def installed(name: str) -> ModuleType:
    root = pytest.importorskip(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in MODULES[name].split():
            importlib.import_module(f"{name}.{each}")
    version = described_version(name)
    if version and not root.__version__.startswith(version + "."):
        pytest.skip(f"the file describes {name} {version}, installed is {root.__version__}")
    return root


def modules_of(root: str) -> list[ModuleType]:
    return [each for name, each in list(sys.modules.items()) if each and (name == root or name.startswith(f"{root}."))]


def has(path: str) -> bool:
    """Tell whether a dotted path leads to something."""
    parts = path.split(".")
    for split in range(len(parts), 0, -1):
        if (found := sys.modules.get(".".join(parts[:split]))) is not None:
            return all((found := getattr(found, each, None)) is not None for each in parts[split:])
    return False


def functions_of(name: str) -> set[str]:
    plain = {entry.partition(":")[0] for each in FUNCTION_FIELDS for entry in field(name, each)}
    by_stream = library(name).streams.items()
    return plain | {
        entry.partition(":")[0] for (which, _), names in by_stream for entry in names if which != "draw_methods"
    }


def exists(entry: str, root: str) -> bool:
    if entry.startswith(f"{root}.*."):
        rest = entry.removeprefix(f"{root}.*.")
        places = [*modules_of(root), *vars(sys.modules[root]).values()]  # `at` is a method of numpy's functions
        return any(hasattr(each, rest) for each in places)
    return has(entry.removesuffix(".*"))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_function_of_a_file_is_in_the_installed_library(name: str) -> None:
    installed(name)
    assert sorted(each for each in functions_of(name) if not exists(each, name)) == []


def test_every_function_of_pythons_file_is_in_this_python() -> None:
    gone = {"commands", "popen2", "telnetlib"}  # in notebooks of other versions
    elsewhere = {"builtins.display", "os.startfile"}  # in a kernel, on Windows
    entries = {each for each in functions_of("python") if each.split(".")[0] not in gone and each not in elsewhere}
    for each in {entry.rpartition(".")[0].removesuffix(".*") for entry in entries} | {
        e.removesuffix(".*") for e in entries
    }:
        for split in range(1, len(each.split(".")) + 1):
            try:
                importlib.import_module(".".join(each.split(".")[:split]))
            except ImportError:
                break
    assert sorted(each for each in entries if not has(each.removesuffix(".*"))) == []


def methods_of(name: str) -> set[str]:
    lib = library(name)
    named = {entry for which, names in lib.names.items() if which.endswith("_methods") for entry in names}
    return named | {entry for (which, _), names in lib.streams.items() if which == "draw_methods" for entry in names}


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"joblib", "matplotlib", "seaborn", "tqdm"}))
def test_every_method_of_a_file_is_in_the_installed_library(name: str) -> None:
    root = installed(name)
    classes = {value for each in modules_of(root.__name__) for value in vars(each).values() if isinstance(value, type)}
    attributes = {attribute for each in classes for attribute in dir(each)}
    if name == "pandas":
        attributes |= {each for one in accessors() for each in dir(one)}
    assert sorted(methods_of(name) - attributes - OLD.get(name, set())) == []


# ---- truth: they do what the file says


def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [3.0, 1.0, 2.0], "b": [1.0, 2.0, 2.0]})


def accessors() -> list[Any]:
    days = pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]))
    text = pd.Series(["x", "yy", "x"])
    one = frame()
    return [
        text.str, days.dt, text.astype("category").cat, one.groupby("b"), one.groupby("b").a, one.a.rolling(2),
        one.a.expanding(), one.a.ewm(1), one.set_index(days).resample("D"),
    ]  # fmt: skip


PANDAS: dict[str, Callable[[], Any]] = {
    "frame": frame,
    "series": lambda: frame()["a"],
    "text": lambda: pd.Series(["x", "yy", "x"]),
    "index": lambda: pd.Index([3, 1, 2]),
}
ARRAYS: dict[str, Callable[[], Any]] = {
    "matrix": lambda: np.arange(4.0).reshape(2, 2),
    "vector": lambda: np.array([3.0, 1.0, 2.0]),
    "whole numbers": lambda: np.array([3, 1, 2]),
}
ARGUMENTS: list[Callable[[Any], tuple[Any, ...]]] = [
    lambda one: (),
    lambda one: (one,),
    lambda one: (0,),
    lambda one: (1,),
    lambda one: ("a",),
    lambda one: (["a"],),
    lambda one: ("float32",),
    lambda one: ("x", "z"),
    lambda one: ({"a": "c"},),
    lambda one: (lambda part: part,),
    lambda one: ([0, 1],),
    lambda one: (one, one),
    lambda one: (one, 1),
]


def spoil(answer: Any) -> None:
    """Write into everything of an answer that can be written into."""
    if isinstance(answer, pd.DataFrame) and answer.size:
        for column in range(answer.shape[1]):
            answer.iloc[0, column] = answer.iloc[-1, column] if answer.dtypes.iloc[column].kind in "OTU" else -9
    elif isinstance(answer, pd.Series) and answer.size:
        answer.iloc[0] = -9 if answer.dtype.kind in "fiu" else answer.iloc[-1]
    elif isinstance(answer, np.ndarray) and answer.size and answer.flags.writeable and answer.dtype.kind in "fiub":
        answer[...] = -9
    elif isinstance(answer, list | tuple):
        for each in answer:
            spoil(each)
        if isinstance(answer, list):
            answer.append(-9)
    elif isinstance(answer, dict):
        for each in answer.values():
            spoil(each)
        answer.clear()


def same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else bool(one.equals(other))


def leaks(make: Callable[[], Any], call: Callable[[Any, tuple[Any, ...]], Any]) -> tuple[int, bool]:
    """Return in how many ways it could be called, and whether one changed the receiver or shared it with the answer."""
    called, leaked = 0, False
    for arguments in ARGUMENTS:
        one = make()
        try:
            answer = call(one, arguments(one))
            called += 1
            leaked |= not same(one, make())
            spoil(answer)
        except Exception:
            continue
        leaked |= not same(one, make())
    return called, leaked


UNCALLED = field("pandas", "file_writing_methods") | field("numpy", "file_writing_methods") | {"info"}
# `agg` of a function that answers its own argument answers the receiver: docs/knowledge.md excludes such functions.
IDENTITY = {"agg", "aggregate"}


def shared(entries: frozenset[str], makers: dict[str, Callable[[], Any]]) -> tuple[set[str], set[str]]:
    """Return the methods that were called, and those that changed their receiver or shared it with their answer."""
    called, leaking = set(), set()
    for make in makers.values():
        for each in entries - UNCALLED - IDENTITY:
            if not callable(getattr(make(), each, None)):
                continue
            # the last argument of `dot` is written into
            most = 1 if each == "dot" else 9
            times, leaked = leaks(
                make, lambda one, arguments, each=each, most=most: getattr(one, each)(*arguments[:most])
            )
            called |= {each} if times else set()
            leaking |= {each} if leaked else set()
    return called, leaking


@pytest.mark.filterwarnings("ignore")
def test_fresh_methods_of_pandas_change_nothing_and_share_nothing() -> None:
    called, leaking = shared(field("pandas", "fresh_methods"), PANDAS)
    assert leaking == set()
    assert len(called) > 140


@pytest.mark.filterwarnings("ignore")
def test_fresh_methods_of_arrays_change_nothing_and_share_nothing() -> None:
    called, leaking = shared(field("numpy", "fresh_methods"), ARRAYS)
    assert leaking == set()
    assert len(called) > 25


@pytest.mark.filterwarnings("ignore")
def test_view_methods_change_nothing() -> None:
    for name, makers in (("pandas", PANDAS), ("numpy", ARRAYS)):
        for make in makers.values():
            for each in field(name, "view_methods") - {"plot", "hist", "boxplot"}:
                for arguments in ARGUMENTS:
                    one = make()
                    try:
                        getattr(one, each)(*arguments(one))
                    except Exception:
                        continue
                    assert same(one, make()), each


@pytest.mark.filterwarnings("ignore")
def test_fresh_functions_of_numpy_change_nothing_and_share_nothing() -> None:
    outs = {entry.partition(":")[0]: int(entry.partition(":")[2]) for entry in field("numpy", "out_positions")}
    called, leaking = set(), set()
    for entry in field("numpy", "fresh_functions"):
        function = getattr(np, entry.removeprefix("numpy."), None)
        if not callable(function) or isinstance(function, type):
            continue

        def call(one: Any, arguments: tuple[Any, ...], function: Any = function, entry: str = entry) -> Any:
            if len(arguments) + 1 > outs.get(entry, 9):
                raise TypeError("the last argument is written into")
            return function(one, *arguments)

        for make in ARRAYS.values():
            times, leaked = leaks(make, call)
            called |= {entry} if times else set()
            leaking |= {entry} if leaked else set()
    assert leaking == set()
    assert len(called) > 200


def column() -> pd.Series:
    return pd.Series([3.0, 1.0, 1.0, 9.0])


@pytest.mark.parametrize("method", sorted(field("pandas", "whole_column_methods") - {"corr", "cov"}))
def test_a_whole_column_method_answers_otherwise_for_a_part_of_the_rows(method: str) -> None:
    def ask(rows: Any) -> Any:
        answer = getattr(rows, method)()
        return repr(answer[0] if isinstance(answer, tuple) else answer)

    parts = (column()[:1], column()[1:3], column()[2:], column()[[0, 3]])
    if method == "rank":
        assert column().rank()[0] != column()[:1].rank()[0]
    else:
        assert {ask(each) for each in parts} != {ask(column())}


@pytest.mark.parametrize("method", sorted(field("pandas", "row_order_methods")))
def test_a_row_order_method_answers_otherwise_for_the_rows_in_another_order(method: str) -> None:
    def ask(rows: Any) -> Any:
        gaps = rows.where(rows != 9.0) if method in {"bfill", "ffill", "interpolate"} else rows
        made = gaps.groupby(lambda row: 0) if method == "cumcount" else gaps
        answer = getattr(made, method)(*{"rolling": (2,), "ewm": (1,)}.get(method, ()))
        return (answer.mean() if method in {"ewm", "expanding", "rolling"} else answer).sort_index()

    orders = ([2, 3, 0, 1], [0, 3, 2, 1], [3, 2, 1, 0])
    assert not all(ask(column()).equals(ask(column().iloc[each])) for each in orders)


@pytest.mark.parametrize("method", sorted(field("pandas", "row_losing_methods")))
def test_a_row_losing_method_leaves_rows_out(method: str) -> None:
    rows = pd.DataFrame({"a": [1.0, 1.0, None]})
    given = {
        "nlargest": (1, "a"),
        "nsmallest": (1, "a"),
        "query": ("a > 5",),
        "head": (1,),
        "tail": (1,),
        "truncate": (1,),
    }
    assert len(getattr(rows, method)(*given.get(method, ()))) < len(rows)


def test_the_clock_is_known() -> None:
    known = knowledge_of(USUAL)
    for each in ("time.time", "datetime.datetime.now", "pandas.Timestamp.now"):
        assert names_origin(known.clock_functions, each)
    assert not names_origin(known.clock_functions, "datetime.timedelta")


CHANGES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "list.append": ([1], lambda one: one.append(2)),
    "list.insert": ([1], lambda one: one.insert(0, 2)),
    "list.pop": ([1], lambda one: one.pop()),
    "list.remove": ([1], lambda one: one.remove(1)),
    "list.reverse": ([1, 2], lambda one: one.reverse()),
    "list.sort": ([2, 1], lambda one: one.sort()),
    "list.extend": ([1], lambda one: one.extend([2])),
    "list.clear": ([1], lambda one: one.clear()),
    "dict.update": ({}, lambda one: one.update(a=1)),
    "dict.setdefault": ({}, lambda one: one.setdefault("a", 1)),
    "dict.popitem": ({"a": 1}, lambda one: one.popitem()),
    "set.add": (set(), lambda one: one.add(1)),
    "set.discard": ({1}, lambda one: one.discard(1)),
    "set.difference_update": ({1}, lambda one: one.difference_update({1})),
    "array.sort": (np.array([2, 1]), lambda one: one.sort()),
    "array.fill": (np.array([2, 1]), lambda one: one.fill(0)),
    "array.put": (np.array([2, 1]), lambda one: one.put(0, 5)),
    "array.partition": (np.array([3, 2, 1]), lambda one: one.partition(0)),
    "array.resize": (np.array([2, 1]), lambda one: one.resize(3, refcheck=False)),
    "frame.insert": (frame(), lambda one: one.insert(0, "c", 1)),
    "frame.isetitem": (frame(), lambda one: one.isetitem(0, [0, 0, 0])),
    "frame.pop": (frame(), lambda one: one.pop("a")),
    "frame.update": (frame(), lambda one: one.update(frame() + 1)),
}


@pytest.mark.parametrize("case", CHANGES)
def test_changing_methods_change_their_receiver(case: str) -> None:
    one, change = CHANGES[case]
    before = repr(one)
    change(one)
    assert repr(one) != before
    assert case.split(".")[1] in knowledge_of(USUAL).changing_methods


ARGUMENT_CHANGES: dict[str, Callable[[Any], Any]] = {
    "bisect.insort": lambda one: __import__("bisect").insort(one, 0),
    "builtins.next": lambda one: next(one),
    "builtins.setattr": lambda one: setattr(one, "a", 1),
    "heapq.heapify": lambda one: __import__("heapq").heapify(one),
    "numpy.add.at": lambda one: np.add.at(one, 0, 5),
    "numpy.copyto": lambda one: np.copyto(one, 9),
    "numpy.fill_diagonal": lambda one: np.fill_diagonal(one, 9),
    "numpy.place": lambda one: np.place(one, one > 0, 9),
    "numpy.put": lambda one: np.put(one, 0, 9),
    "numpy.putmask": lambda one: np.putmask(one, one > 0, 9),
    "numpy.random.shuffle": lambda one: np.random.shuffle(one),
    "random.shuffle": random.shuffle,
}


@pytest.mark.parametrize("origin", ARGUMENT_CHANGES)
def test_functions_that_change_an_argument_are_known(origin: str) -> None:
    known = knowledge_of(frozenset({"numpy"}))
    assert names_origin(known.changing_functions, origin)
    assert not known.changes_no_argument(origin)


# ---- truth: random draws


def test_every_estimator_and_function_that_takes_a_random_state_is_known_to_draw() -> None:
    from sklearn.utils import all_estimators

    installed("sklearn")
    known, missing = knowledge_of(frozenset({"sklearn"})), set()
    functions = {
        f"{each.__name__}.{name}": value
        for each in modules_of("sklearn")
        for name, value in vars(each).items()
        if name in getattr(each, "__all__", ()) and callable(value) and not name.startswith(("_", "Base"))
    }
    estimators = {f"{value.__module__}.{name}": value for name, value in all_estimators()}
    for origin, value in (functions | estimators).items():
        try:
            parameters = inspect.signature(value).parameters
        except (TypeError, ValueError):
            continue
        default = parameters["random_state"].default if "random_state" in parameters else 0
        if default is None and not known.streams_moved(origin) and "Display" not in origin:
            missing.add(origin)
    assert missing == set()


def test_every_method_of_pandas_that_takes_a_random_state_is_known_to_draw() -> None:
    drawing = {
        name
        for owner in (pd.DataFrame, pd.Series, *(type(each) for each in accessors()))
        for name in dir(owner)
        if inspect.isfunction(method := getattr(owner, name, None))
        and "random_state" in inspect.signature(method).parameters
    }
    assert drawing == library("pandas").streams["draw_methods", "numpy"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_estimators_draw_when_the_file_says_so() -> None:
    """Fit every estimator with its defaults and look at numpy's own stream before and after."""
    from sklearn.datasets import make_classification
    from sklearn.utils import all_estimators

    rows, target = make_classification(60, 6, random_state=0)
    known, fitted, wrong = knowledge_of(frozenset({"sklearn"})), 0, set()
    for name, cls in all_estimators():
        origin = f"{cls.__module__}.{name}"
        if names_origin(known.delegating, origin) or name == "TSNE":
            continue
        np.random.seed(0)
        before = np.random.get_state()
        try:
            cls().fit(rows - rows.min(axis=0), target)
        except Exception:
            continue
        fitted += 1
        after = np.random.get_state()
        moved = not np.array_equal(before[1], after[1]) or before[2:4] != after[2:4]
        always = "numpy" in known.streams_drawn(origin) or names_origin(
            known.advances.get("numpy", frozenset()), origin
        )
        if moved != always and name != "TargetEncoder":  # it draws in fit_transform
            wrong.add(f"{name}: {'moved' if moved else 'still'}")
    assert wrong == set()
    assert fitted > 100


def test_layers_with_random_weights_are_known_to_draw() -> None:
    torch = pytest.importorskip("torch")
    known = knowledge_of(frozenset({"torch"}))
    for layer, arguments in (
        ("Linear", (2, 2)),
        ("Conv2d", (1, 1, 1)),
        ("ReLU", ()),
        ("LSTM", (2, 2)),
        ("BatchNorm1d", (2,)),
    ):
        before = torch.get_rng_state()
        getattr(torch.nn, layer)(*arguments)
        moved = not torch.equal(before, torch.get_rng_state())
        assert moved == ("torch" in known.streams_drawn(f"torch.nn.{layer}"))
        assert moved != known.never_draws(f"torch.nn.{layer}")


# ---- put together


def test_where_two_libraries_disagree_about_a_method_the_safe_one_wins() -> None:
    assert "apply" in knowledge_of(frozenset({"pandas"})).fresh_methods
    both = knowledge_of(frozenset({"pandas", "torch"}))
    assert "apply" in both.changing_methods
    assert "apply" in both.two_faced_methods
    assert "apply" not in both.fresh_methods


def test_a_view_of_one_library_is_no_fresh_object_of_another() -> None:
    known = knowledge_of(USUAL)
    assert {"reshape", "transform", "to_numpy"} <= known.view_methods
    assert known.fresh_methods & (known.view_methods | known.shallow_methods | known.changing_methods) == frozenset()


def test_a_copy_of_a_list_holds_the_same_items() -> None:
    assert "copy" in knowledge_of(frozenset()).shallow_methods


def test_what_a_library_includes_is_known_with_it() -> None:
    known = knowledge_of(frozenset({"sklearn"}))
    assert "numpy" in known.roots
    assert names_origin(known.changing_functions, "numpy.copyto")
    assert not names_origin(knowledge_of(frozenset()).changing_functions, "numpy.copyto")


def test_nothing_is_known_of_a_library_without_a_file() -> None:
    known = knowledge_of(frozenset({"somebodys_own"}))
    assert known is knowledge_of(frozenset())
    assert not known.changes_no_argument("somebodys_own.clean")
    assert not known.never_draws("somebodys_own.clean")


def test_a_function_of_a_library_whose_list_is_complete_changes_no_argument() -> None:
    known = knowledge_of(USUAL)
    assert known.changes_no_argument("numpy.a_function_of_the_future")
    assert known.changes_no_argument("builtins.len")
    assert not known.changes_no_argument("numpy.put")
    assert known.out_position("numpy.exp") == 1


@pytest.mark.parametrize(
    ("origin", "answer"),
    [
        ("numpy.mean", "fresh"),
        ("numpy.asarray", "view"),
        ("builtins.list", "shallow"),
        ("builtins.sorted", "shallow"),
        ("builtins.zip", "view"),
        ("torch.nn.functional.mse_loss", "view"),  # `backward` of the answer changes the gradients of the arguments
        ("torch.tensor", "fresh"),
        ("pandas.read_csv", "fresh"),
        ("pandas.DataFrame", "view"),
        ("somebodys_own.clean", None),
    ],
)
def test_the_answer_of_a_function_is_told_by_what_it_holds(origin: str, answer: str | None) -> None:
    assert knowledge_of(USUAL | {"torch"}).answer_of(origin) == answer


def test_with_torch_whatever_is_computed_remembers_what_it_was_computed_from() -> None:
    known = knowledge_of(frozenset({"pandas", "torch"}))
    assert known.operators_hold == {"torch"}
    assert {"mean", "sum"} <= known.view_methods
    assert knowledge_of(frozenset({"pandas"})).operators_hold == frozenset()


def test_iterators_are_told_since_whoever_reads_them_changes_them() -> None:
    known = knowledge_of(frozenset({"pandas"}))
    assert names_origin(known.iterator_functions, "builtins.zip")
    assert not names_origin(known.iterator_functions, "builtins.list")
    assert "iterrows" in known.iterator_methods


def test_a_function_with_a_trailing_underscore_changes_its_argument() -> None:
    assert not knowledge_of(frozenset({"torch"})).changes_no_argument("torch.nn.functional.relu_")


@pytest.mark.parametrize(
    ("origin", "streams"),
    [
        ("numpy.random.seed", {"numpy"}),
        ("random.seed", {"python"}),
        ("torch.manual_seed", {"torch"}),
        ("tensorflow.random.set_seed", {"tensorflow"}),
        ("tensorflow.keras.utils.set_random_seed", {"numpy", "python", "tensorflow"}),
        ("numpy.random.rand", set()),
    ],
)
def test_a_seed_sets_its_own_streams(origin: str, streams: set[str]) -> None:
    assert knowledge_of(frozenset({"numpy", "torch", "tensorflow"})).streams_seeded(origin) == streams


@pytest.mark.parametrize(
    ("origin", "drawn", "moved", "never"),
    [
        ("numpy.random.normal", {"numpy"}, {"numpy"}, False),
        ("numpy.mean", set(), set(), True),
        ("random.choice", {"python"}, {"python"}, False),
        ("math.sqrt", set(), set(), True),
        ("sklearn.model_selection.train_test_split", {"numpy"}, {"numpy"}, False),
        ("sklearn.ensemble.RandomForestClassifier", {"numpy"}, {"numpy"}, False),
        ("sklearn.linear_model.LogisticRegression", set(), {"numpy"}, False),
        ("sklearn.linear_model.LinearRegression", set(), set(), True),
        ("sklearn.svm.SVR", set(), {"numpy"}, False),  # its answer is the same, the next draw is not
        ("sklearn.pipeline.Pipeline", set(), set(), False),  # as what it is made of
        ("torch.nn.Linear", {"torch"}, {"torch"}, False),
        ("uuid.uuid4", {"entropy"}, {"entropy"}, False),
        ("numpy.random.default_rng", set(), {"entropy"}, False),
        ("somebodys_own.clean", set(), set(), False),
    ],
)
def test_draws_are_told_by_stream(origin: str, drawn: set[str], moved: set[str], never: bool) -> None:
    known = knowledge_of(frozenset({"numpy", "sklearn", "torch"}))
    assert known.streams_drawn(origin) == drawn
    assert known.streams_moved(origin) == moved
    assert known.never_draws(origin) is never


def test_settings_that_make_an_estimator_draw_are_known() -> None:
    known = knowledge_of(frozenset({"sklearn"}))
    (condition,) = known.draw_conditions("sklearn.linear_model.LogisticRegression")["numpy"]
    assert condition.keyword == "solver"
    assert condition.values == {"liblinear", "sag", "saga"}
    assert known.draw_conditions("sklearn.linear_model.LinearRegression") == {}


def test_the_files_are_quick_to_read() -> None:
    """Measured in a process of its own: about 3 ms for the usual four libraries."""
    code = (
        "import time; from nbdeploy.analysis.knowledge import knowledge_of; start = time.perf_counter(); "
        f"knowledge_of({USUAL!r}); print(time.perf_counter() - start)"
    )
    seconds = min(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3))
    assert seconds < 0.03


def test_the_same_libraries_are_put_together_once() -> None:
    start = time.perf_counter()
    for _ in range(1000):
        assert knowledge_of(USUAL) is knowledge_of(USUAL)
    assert time.perf_counter() - start < 0.5


def test_what_a_call_calls_is_known_by_its_path_or_by_its_methods_name() -> None:
    known = knowledge_of(frozenset({"numpy", "sklearn"}))
    seed = callee_of(known, "numpy.random.seed", "seed")
    assert (seed.seeds, seed.touches, seed.trains) == ({"<random numpy>"}, True, False)
    fit = callee_of(known, None, "fit")
    assert (fit.trains, fit.calm, fit.changes_receiver, fit.draws) == (True, False, True, frozenset())
    assert callee_of(known, "builtins.len", None).calm
    own = callee_of(known, None, None)
    assert (own.calm, own.touches, own.changes_receiver) == (False, False, False)
    assert callee_of(known, None, "fit") is fit
