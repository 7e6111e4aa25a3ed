"""What the gate `rowwise` finds: the smallest rows that fail, and every statement that looks at more than its own row."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbdeploy.packaging.compare import compare, rows_of
from nbdeploy.proving.arrangements import Arrangements
from nbdeploy.proving.following import Follower
from nbdeploy.proving.smallest import smallest
from nbdeploy.recording import rows

# delta debugging ---------------------------------------------------------------------------------------------------------


@given(st.data())
def test_the_smallest_failing_rows_fail_and_none_can_be_left_out(data: st.DataObject) -> None:
    everything = data.draw(st.lists(st.integers(0, 50), min_size=1, max_size=40))
    needed = data.draw(st.sets(st.sampled_from(everything), min_size=1, max_size=4))
    asked = count()

    def fails(part: list[int]) -> bool:
        next(asked)
        return needed <= set(part)

    found = smallest(everything, fails, lambda: True)
    assert needed <= set(found)
    assert len(found) == len(needed)
    rest = iter(everything)
    assert all(each in rest for each in found), "in their order"


def test_the_search_is_short_and_ends_when_it_may_ask_no_more() -> None:
    asks: list[int] = []

    def fails(part: list[int]) -> bool:
        asks.append(len(part))
        return {3, 800} <= set(part)

    assert smallest(range(1000), fails, lambda: True) == [3, 800]
    assert len(asks) < 150
    del asks[:]
    assert {3, 800} <= set(smallest(range(1000), fails, lambda: len(asks) < 10))
    assert len(asks) == 10


# packages ----------------------------------------------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {"age": [22.0, np.nan, 35.0, 58.0, 4.0, 41.0], "fare": [7.25, 71.3, 8.05, 26.5, 16.7, 30.1], "city": list("RORBOB")}
)
_numbers = count()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Arrangements]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def make(*body: str, answer: str = "return X", table: Any = TABLE) -> Arrangements:
        made.append(written(tmp_path, body, answer))
        return asking(tmp_path, made[-1], table)

    yield make
    for name in made:
        for each in [each for each in sys.modules if each.partition(".")[0] == name]:
            del sys.modules[each]


def written(folder: Path, body: tuple[str, ...], answer: str) -> str:
    """Write a package whose `preprocess` has a statement a line; the notebook's place of the n-th one is (4, n)."""
    name = f"rowwise_{next(_numbers)}"
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("from .predict import predict\n")
    head = "import numpy as np\nimport pandas as pd\n"
    lines = "".join(f"    {line}\n" for line in ("df = df.copy()", *body))
    (folder / name / "preprocess.py").write_text(f"{head}def preprocess(df):\n{lines}    return X\n")
    (folder / name / "predict.py").write_text(
        f"{head}from .preprocess import preprocess\ndef predict(df):\n    X = preprocess(df)\n    {answer}\n"
    )
    importlib.invalidate_caches()
    return name


def asking(folder: Path, name: str, table: Any) -> Arrangements:
    predict = importlib.import_module(name).predict

    def ask(value: Any) -> dict[str, Any]:
        try:
            return {"value": predict(value)}
        except Exception as problem:
            return {"error": {"text": str(problem), "place": None}}

    def same(wanted: Any, got: Any) -> bool:
        return compare(wanted, got).same

    provenance = {(f"{name}/preprocess.py", line): (4, line - 4) for line in range(5, 40)}
    provenance[f"{name}/predict.py", 6] = (6, 1)
    follower = Follower(folder, name, same, rows.take_rows, rows_of, provenance)
    known = {row: row for row in range(len(table))}
    return Arrangements(table, predict(table), known, ask, partial(compare), rows, follower, smallest)


def places(found: dict[str, Any]) -> list[tuple[int, int]]:
    return [tuple(each["place"]) for each in found["statements"]]


MEDIAN = 'X["age"] = X.age.fillna(X.age.median())'
START = 'X = df[["age", "fare"]].copy()'


def test_code_that_answers_row_by_row_passes_every_arrangement(package: Callable[..., Arrangements]) -> None:
    found = package(START, 'X["age"] = X.age.fillna(30.0)', 'X["high"] = (X.fare > 20).astype(int)', "n = len(X)").run()
    assert found["same"], found
    assert found["tried"] == len(TABLE) + 4


def test_a_frame_of_other_rows_is_no_count_of_the_request(package: Callable[..., Arrangements]) -> None:
    found = package('other = pd.DataFrame({"age": [1.0, 2.0]})', START, MEDIAN).run()
    assert places(found) == [(4, 3)]


def test_a_median_is_found_in_one_row_with_its_column_and_both_values(package: Callable[..., Arrangements]) -> None:
    found = package(START, MEDIAN, 'X["high"] = X.age > 40').run()
    assert (found["positions"], found["smallest"], found["among"]) == ([1], 1, 6)
    assert places(found) == [(4, 2)], "what only passes it on is not blamed"
    assert found["statements"][0]["columns"] == [{"column": "age", "row": 1, "among": "35.0", "apart": "nan"}]
    assert found["statements"][0]["code"] == MEDIAN


def test_two_faults_are_both_named_the_one_of_the_failing_rows_first(package: Callable[..., Arrangements]) -> None:
    found = package(
        START, 'X["fare"] = X.fare / X.fare.max()', "top = X.age.max()", 'X["age"] = X.age.fillna(top)'
    ).run()
    assert set(places(found)) == {(4, 2), (4, 3)}
    assert found["positions"] == [0]
    assert places(found)[0] == (4, 2)


def test_a_fault_does_not_hide_those_behind_it(package: Callable[..., Arrangements]) -> None:
    arrangements = package(START, MEDIAN, 'X["old"] = X.age > 30', "X = X / X.max()", 'X["fare"] = X.fare + 1')
    found = arrangements.follower.differences(TABLE, [1])
    assert [each["place"] for each in found] == [[4, 2], [4, 4]]


def test_a_statement_that_fails_does_not_hide_those_behind_it(package: Callable[..., Arrangements]) -> None:
    arrangements = package(START, 'X["bin"] = pd.qcut(X.fare, 2, labels=False)', 'X["fare"] = X.fare / X.fare.max()')
    found = arrangements.follower.differences(TABLE, [0])
    assert [each["place"] for each in found] == [[4, 2], [4, 3]]
    assert "Bin edges must be unique" in found[0]["error"]


def test_rows_that_fail_only_together_are_told_together(package: Callable[..., Arrangements]) -> None:
    collide = 'X["age"] = 0.0 if {7.25, 30.1} <= set(X.fare) else 1.0'
    arrangements = package(START, collide)
    arrangements.expected = arrangements.expected.assign(age=1.0)  # as if the notebook had seen them apart
    found = arrangements.run()
    assert (found["positions"], found["smallest"]) == ([0, 5], 2)


def test_rows_that_may_not_come_twice(package: Callable[..., Arrangements]) -> None:
    found = package(START, 'X["again"] = X.fare.duplicated().astype(int)').run()
    assert found["arrangement"] == "rows sent twice"
    assert (found["positions"], found["smallest"]) == ([0, 0], 2)
    assert places(found) == [(4, 2)]


def test_the_order_of_the_rows(package: Callable[..., Arrangements]) -> None:
    found = package(START, 'X["up"] = (X.fare.cummax() > X.fare + 64).astype(int)').run()
    assert (found["positions"], found["smallest"]) == ([1, 0], 2)


def test_columns_that_depend_on_the_rows(package: Callable[..., Arrangements]) -> None:
    found = package("X = pd.get_dummies(df.city)").run()
    assert places(found) == [(4, 1)]
    columns = {each["column"]: (each["among"], each["apart"]) for each in found["statements"][0]["columns"]}
    assert columns["B"] == ("there", "not there")


def test_a_difference_of_the_answer_itself(package: Callable[..., Arrangements]) -> None:
    found = package(START, answer="return X.fare.rank().to_numpy()").run()
    assert places(found) == [(6, 1)]


def test_a_difference_behind_what_can_not_be_compared(package: Callable[..., Arrangements]) -> None:
    found = package(START, 'groups = df.groupby("city")', 'X["mean"] = groups.fare.transform("mean")').run()
    assert places(found) == [(4, 3)]


def test_rows_beside_others_that_were_never_recorded(package: Callable[..., Arrangements]) -> None:
    seldom = 'X["age"] = 0.0 if ((df.city == "O") & (X.fare < 10)).any() else 1.0'  # no recorded row is so
    found = package(START, seldom).run()
    assert found["arrangement"] == "the rows with others among them"
    assert None in found["positions"]
    assert places(found) == [(4, 2)]


def test_arrays_and_lists_of_texts(package: Callable[..., Arrangements]) -> None:
    array = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 1.0]])
    found = package("X = df - df.mean(axis=0)", table=array).run()
    assert places(found) == [(4, 1)]
    assert found["statements"][0]["columns"][0]["row"] == 0
    texts = package("X = [each in df[0] for each in df]", table=["a", "b", "ab"]).run()
    assert places(texts) == [(4, 1)]
    assert texts["smallest"] == 1


# a law -------------------------------------------------------------------------------------------------------------------

BY_ROW = (
    'X["{new}"] = X.fare * 2 + 1',
    'X["{new}"] = X.age.fillna(30.0)',
    'X["{new}"] = np.log1p(X.fare)',
    'X["{new}"] = (df.city == "R").astype(int)',
    'X["{new}"] = X.fare.clip(5, 20).round(1)',
    'X["{new}"] = [len(each) for each in df.city]',
    'X["{new}"] = X.iloc[:, 0].isna()',
    "size = len(X)",
)
OVER_ALL = (
    'X["{new}"] = X.fare - X.fare.mean()',
    'X["{new}"] = X.age.fillna(X.age.median())',
    'X["{new}"] = X.fare.rank(pct=True)',
    'X["{new}"] = df.city.map(df.city.value_counts())',
    'X["{new}"] = df.city.astype("category").cat.codes',
    'X["{new}"] = X.fare / np.max(X.fare)',
    'X["{new}"] = df.groupby("city").fare.transform("sum")',
    'X["{new}"] = X.fare.cumsum()',
)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_statement_that_looks_at_all_rows_is_named_with_its_column(
    tmp_path_factory: Any, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("law")
    body = data.draw(st.lists(st.sampled_from(BY_ROW), max_size=6))
    at = data.draw(st.integers(0, len(body)))
    body.insert(at, data.draw(st.sampled_from(OVER_ALL)))
    statements = [each.format(new=f"column{number}") for number, each in enumerate(body)]
    sys.path.insert(0, str(folder))
    try:
        found = asking(folder, written(folder, (START, *statements), "return X"), TABLE).run()
    finally:
        sys.path.remove(str(folder))
    assert not found["same"]
    assert places(found) == [(4, at + 2)]
    assert [each["column"] for each in found["statements"][0]["columns"]] == [f"column{at}"]


# the whole gate ------------------------------------------------------------------------------------------------------------

LABELLED = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
X_test = pd.DataFrame({"size": np.arange(12.0)})
y_test = 3 * X_test["size"]
model = LinearRegression().fit(X_test, y_test)
"""


@pytest.mark.slow
def test_rows_that_no_request_brings_are_named(tmp_path: Path) -> None:
    """A habit of plots: the predictions get the index of the labels."""
    from nbdeploy.errors import GateError
    from tests.conftest import record_and_prove
    from tests.e2e.conftest import write_notebook

    predict = "predicted = model.predict(X_test)\npredicted = pd.Series(predicted, index=y_test.index)"
    path = write_notebook(tmp_path / "sizes.ipynb", LABELLED, ("predict", predict))
    path.write_text(
        path.read_text().replace(
            '"metadata": {}, "nbformat"', '"metadata": {"nbdeploy": {"input": "X_test"}}, "nbformat"'
        )
    )
    with pytest.raises(GateError) as caught:
        record_and_prove(path, tmp_path)
    told = caught.value.diagnostics[0]
    assert (told.code, told.line) == ("NBD510", 2)
    assert told.fix.startswith(
        "y_test is of the 12 recorded rows, and no request brings such rows along: make this of X_test"
    )
