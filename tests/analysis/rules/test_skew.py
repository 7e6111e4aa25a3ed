"""Served code whose answer depends on the rows beside a row, on their order or on how many there are."""

from __future__ import annotations

import pytest

from tests.analysis.rules.found import Cell, fixed, only, places

DATA = "import numpy as np\nimport pandas as pd\ndf = pd.read_csv('people.csv')"
MODEL = "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(df[['a']], df['y'])"
PREDICT = ("predict", "p = model.predict(df)")


def served(preprocess: str) -> list[Cell]:
    return [DATA, ("preprocess", preprocess), MODEL, PREDICT]


@pytest.mark.parametrize(
    "statement",
    [
        "df['a'] = df['a'].fillna(df['a'].median())",
        "df.a = df.a.fillna(df.a.mode()[0])",
        "df = df.fillna(df.mean())",
        "df['a'] = (df.a - df.a.mean()) / 3",
        "df['a'] = df['a'] / np.max(df['a'])",
        "df['a'] = df.a.rank()",
        "df['a'] = pd.qcut(df.a, 4, labels=False)",
        "df['a'] = pd.cut(df.a, 4, labels=False)",
        "df['a'] = pd.factorize(df.a)[0]",
        "df['a'] = df.a.astype('category').cat.codes",
        "df['a'] = pd.Categorical(df.a).codes",
        "df['a'] = df.groupby('b')['a'].transform('mean')",
        "df = pd.get_dummies(df)",
        "df = pd.get_dummies(df, drop_first=True).reindex(columns=['a'])",
        "df = df.select_dtypes('number')",
        "import statsmodels.api as sm\ndf = sm.add_constant(df)",
        "df['a'] = df.a.map({v: i for i, v in enumerate(df.a.unique())})",
        "for c in ['a', 'b']:\n    df[c] = df[c].fillna(df[c].mean())",
        "def fill(frame):\n    middle = frame['a'].median()\n    return frame.fillna(middle)\ndf = fill(df)",
        "def outer(t):\n    return inner(t)\ndef inner(u):\n    return u / u.max()\ndf = outer(df)",
    ],
)
def test_an_aggregate_of_the_request_is_found(statement: str) -> None:
    assert {cell for cell, _ in places("NBD120", *served(statement))} == {1}


@pytest.mark.parametrize(
    "statement",
    [
        "df['a'] = df[['a', 'b']].mean(axis=1)",
        "df['a'] = df[['a', 'b']].sum(1)",
        "df['a'] = np.max(df.values, axis=1)",
        "df['a'] = df.a.fillna(0).clip(0, 10)",
        "df['a'] = df.name.str.len()",
        "df['a'] = df.name.apply(lambda text: max(map(len, text.split())))",
        "df['a'] = df.name.str.count('x')",
        "df['a'] = pd.cut(df.a, [0, 10, 20], labels=False)",
        "df = pd.get_dummies(df).reindex(columns=['a', 'b'], fill_value=0)",
        "df['a'] = pd.Categorical(df.a, categories=['x', 'y']).codes",
        "df['a'] = df.a.astype(pd.CategoricalDtype(categories=['x'])).cat.codes",
        "import statsmodels.api as sm\ndf = sm.add_constant(df, has_constant='add')",
        "df = df.copy()\nprint(df.a.mean())",
        "df = df.copy()\ndf.describe()",
        "df = df.copy()\nmiddle = df.a.mean()",
        "width = df.columns.max()\ndf = df.copy()",
        "df = df.copy()\nassert df.a.max() < 10",
    ],
)
def test_what_is_said_row_by_row_or_not_served_is_left_alone(statement: str) -> None:
    assert places("NBD120", *served(statement)) == []


def test_a_statistic_of_the_training_side_is_left_alone() -> None:
    cells = [DATA, "middle = df['a'].median()", ("preprocess", "df['a'] = df['a'].fillna(middle)"), MODEL, PREDICT]
    assert places("NBD120", *cells) == []


def test_a_mean_over_models_is_none_over_rows() -> None:
    predict = "answers = []\nfor m in [model, model]:\n    answers.append(m.predict(df))\np = np.mean(answers, axis=0)"
    assert places("NBD120", DATA, MODEL, ("predict", predict)) == []


def test_the_finding_says_under_which_condition_it_holds() -> None:
    two = [DATA + "\nother = df.copy()", MODEL, ("predict", "both = df.a - df.a.mean() + other.a\np = both")]
    assert any("if df is the input" in each.message for each in only("NBD120", *two))
    assert not any("is the input" in each.message for each in only("NBD120", *served("df['a'] = df.a.rank()")))


@pytest.mark.parametrize(
    ("statement", "constant", "mended"),
    [
        (
            "df['a'] = df['a'].fillna(df['a'].median())",
            "A_MEDIAN = df['a'].median()",
            "df['a'] = df['a'].fillna(A_MEDIAN)",
        ),
        ("df.a = df.a.fillna(df.a.mode()[0])", "A_MODE = df.a.mode()[0]", "df.a = df.a.fillna(A_MODE)"),
        ("df['a'] = df.a / df['Größe'].max()", "GR_E_MAX = df['Größe'].max()", "df['a'] = df.a / GR_E_MAX"),
    ],
)
def test_the_edits_compute_a_statistic_in_a_cell_in_front(statement: str, constant: str, mended: str) -> None:
    cells = served(statement)
    after = fixed(*cells)
    assert after[1:3] == [constant, mended]
    again: list[Cell] = [after[0], after[1], ("preprocess", after[2]), after[3], ("predict", after[4])]
    assert places("NBD120", *again) == []
    assert len(only("NBD110", *again)) == len(only("NBD110", *cells))


@pytest.mark.parametrize(
    "statement",
    [
        "df = df.copy()\ndf['a'] = df['a'].fillna(df['a'].median())",  # another df than in front of the cell
        "for c in ['a']:\n    df[c] = df[c].fillna(df['a'].median())",
        "def fill(t):\n    return t.fillna(t.a.median())\ndf = fill(df)",
        "df['a'] = df.a.rank()",
        "df['a'] = df.a.fillna(df.a.quantile(share))",
    ],
)
def test_no_edit_where_the_value_in_front_may_be_another(statement: str) -> None:
    assert [each.edits for each in only("NBD120", *served(statement))] == [()]


@pytest.mark.parametrize(
    "statement", ["df['a'] = df.a.diff()", "df['a'] = df.a.shift(1)", "df = df.ffill()", "df['a'] = df.a.rolling(3).mean()",
                  "df['a'] = np.cumsum(df.a)", "df = df.fillna(method='ffill')"],
)  # fmt: skip
def test_what_depends_on_the_order_of_rows_is_found(statement: str) -> None:
    assert places("NBD121", *served(statement)) == [(1, 1)]


@pytest.mark.parametrize(
    "statement", ["df = df.diff(axis=1)", "df = df.sort_index(axis=1)", "shift = 1\ndf = df + shift"]
)
def test_what_does_not_is_left_alone(statement: str) -> None:
    assert places("NBD121", *served(statement)) == []


@pytest.mark.parametrize(
    "statement", ["df = df.dropna()", "df = df.drop_duplicates()", "df = df[df.a > 0]", "df = df[(df.a > 0) & df.b.notnull()]",
                  "df = df.query('a > 0')", "df = df[:100]", "df = df.iloc[0]", "df = df.head(5)"],
)  # fmt: skip
def test_lost_rows_are_found(statement: str) -> None:
    assert places("NBD127", *served(statement)) == [(1, 1)]


@pytest.mark.parametrize(
    "statement",
    [
        "df = df[['a', 'b']]",
        "df = df['a']",
        "columns = ['a']\ndf = df[columns]",
        "df = df.dropna(axis=1)",
        "df = df.iloc[:, 1:]",
        "df.loc[df.a > 3, 'a'] = 3",
        "df['head'] = 1",
    ],
)
def test_columns_that_are_chosen_lose_no_rows(statement: str) -> None:
    assert places("NBD127", *served(statement)) == []


def test_the_first_answer_alone_is_told_for_information() -> None:
    found = only("NBD127", DATA, MODEL, ("predict", "model.predict_proba(df)[0, 1]"))
    assert [str(each.severity) for each in found] == ["info"]
    assert only("NBD127", DATA, MODEL, ("predict", "model.predict_proba(df)[:, 1]")) == []


def test_nothing_of_this_is_said_of_the_training_side() -> None:
    cells = [DATA, "df = df.dropna()\ndf['a'] = df.a - df.a.mean()\ndf['b'] = df.a.shift()", MODEL, PREDICT]
    assert [each.code for code in ("NBD120", "NBD121", "NBD127") for each in only(code, *cells)] == []
