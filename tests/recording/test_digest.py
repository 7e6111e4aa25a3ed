"""Equal values have equal digests, and any change shows."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier

from nbdeploy.recording.digest import digest

X, y = load_iris(return_X_y=True, as_frame=True)

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(plain)
def test_a_copy_has_the_same_digest(value: Any) -> None:
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value) is not None


@given(plain, plain)
def test_values_with_the_same_digest_are_written_the_same(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (repr(one) == repr(other))


@given(st.data())
def test_one_changed_cell_of_a_frame_shows(data: st.DataObject) -> None:
    frame = pd.concat([X] * 20, ignore_index=True)
    row, column = data.draw(st.integers(0, len(frame) - 1)), data.draw(st.integers(0, 3))
    before = digest(frame)

    frame.iloc[row, column] += 1e-9

    assert digest(frame) != before


def test_the_block_layout_of_a_frame_leaves_no_trace() -> None:
    apart = pd.DataFrame(index=X.index)
    for name in X.columns:
        apart[name] = X[name].to_numpy()

    assert digest(apart) == digest(X)


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})


@pytest.mark.parametrize(
    "changed",
    [
        FRAME.astype({"a": "int32"}),
        FRAME.astype({"b": "category"}),
        FRAME.rename(columns={"a": "c"}),
        FRAME[["b", "a"]],
        FRAME.iloc[::-1],
        FRAME.set_axis([0, 2]),
        FRAME.rename_axis("rows"),
        FRAME.assign(b=["x", None]),
    ],
    ids=["dtype", "category", "label", "order of columns", "order of rows", "index", "index name", "missing"],
)
def test_every_part_of_a_frame_counts(changed: pd.DataFrame) -> None:
    assert digest(changed) != digest(FRAME)


def test_what_lies_under_a_missing_value_does_not_count() -> None:
    one = pd.arrays.IntegerArray(np.array([1, 7]), np.array([False, True]))
    other = pd.arrays.IntegerArray(np.array([1, 9]), np.array([False, True]))

    assert digest(pd.Series(one)) == digest(pd.Series(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(2), np.zeros(2, dtype="f4")),
        (np.zeros((2, 1)), np.zeros((1, 2))),
        (np.array(0.0), np.float64(0.0)),
        (0.0, -0.0),
        (1, True),
        ([1], (1,)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (scipy.sparse.csr_array([[1]]), scipy.sparse.csc_array([[1]])),
    ],
)
def test_what_differs_in_kind_differs_in_digest(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)


def test_memory_order_and_nan_payload_do_not_count() -> None:
    odd = np.array([0x7FF8000000000001], dtype="u8").view("f8")

    assert digest(odd) == digest(np.array([np.nan]))
    assert digest(np.asfortranarray(X.to_numpy())) == digest(np.ascontiguousarray(X.to_numpy()))


def test_sparse_matrices_are_compared_by_what_they_hold() -> None:
    unsorted = scipy.sparse.csr_array((np.array([2.0, 1.0]), np.array([1, 0]), np.array([0, 2])), shape=(1, 2))

    assert digest(unsorted) == digest(scipy.sparse.csr_array([[1.0, 2.0]]))


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(5, random_state=0), KNeighborsClassifier()], ids=["forest", "neighbours"]
)
def test_predicting_does_not_change_a_model(model: Any) -> None:
    model.fit(X, y)
    before = digest(model)

    model.predict(X)

    assert digest(model) == digest(copy.deepcopy(model)) == before is not None


def test_predicting_does_not_change_a_booster() -> None:
    xgboost, lightgbm = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    for model in (xgboost.XGBClassifier(n_estimators=5), lightgbm.LGBMClassifier(n_estimators=5, verbose=-1)):
        model.fit(X.to_numpy(), y)
        before = digest(model)

        model.predict(X.to_numpy())

        assert digest(model) == before is not None


def test_another_fit_shows() -> None:
    assert digest(RandomForestClassifier(5, random_state=0).fit(X, y)) != digest(
        RandomForestClassifier(5, random_state=1).fit(X, y)
    )


def test_torch_weights_count() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(2, 1)
    before = digest(net)

    assert digest(copy.deepcopy(net)) == before is not None
    with torch.no_grad():
        net.weight[0, 0] += 1e-4
    assert digest(net) != before


def test_a_value_that_holds_itself_has_a_digest() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    other: list[Any] = [1]
    other.append(other)

    assert digest(loop) == digest(other) is not None


def test_a_data_set_of_scikit_learn_is_its_items() -> None:
    data = load_iris()
    assert digest(data) == digest(copy.deepcopy(data)) == digest(pickle.loads(pickle.dumps(data)))
    assert digest(data) != digest(load_iris(as_frame=True))


def test_what_can_not_be_read_has_none() -> None:
    assert digest(iter(())) is not None
    assert digest(each for each in ()) is None


FUNCTION = """
from nbdeploy.recording.digest import digest
rate = {rate}
def price(value):
    return value * rate + len([each for each in "ab"])
print(digest(price))
"""


def test_a_notebook_function_is_what_it_does_and_what_it_reads() -> None:
    first, again, other = (
        subprocess.run(
            [sys.executable, "-c", FUNCTION.format(rate=rate)], capture_output=True, text=True, check=True
        ).stdout
        for rate in (2, 2, 3)
    )

    assert first == again != other
