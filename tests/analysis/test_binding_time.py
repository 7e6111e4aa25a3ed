"""The cut: which tagged statements run for a request, which only trained or showed, and which can't be served."""

from __future__ import annotations

import pytest

from tests.analysis.models import DATA, FITTED, model_on, refusal
from tests.analysis.notebooks import path_of, served_source

# served -----------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_edits_of_the_input_in_place_are_served() -> None:
    edits = """
    df["a"] = df["a"].fillna(0)
    df.loc[df.a > 4, "b"] = 1
    df[df.b < 0] = 0
    df.drop(columns=["a"], inplace=True)
    """
    path = path_of(DATA, ("preprocess", edits), model_on("df"), ("predict", "p = model.predict(df)"))
    assert path.input.name == "df"
    assert served_source(path) == [
        'df["a"] = df["a"].fillna(0)',
        'df.loc[df.a > 4, "b"] = 1',
        "df[df.b < 0] = 0",
        'df.drop(columns=["a"], inplace=True)',
        "p = model.predict(df)",
    ]


BOTH = (
    DATA
    + "train, test = df.iloc[:4].fillna(0), df.iloc[4:].copy()\n"
    + "tops = train.max()\n"
    + model_on("train[['b']]")
)


@pytest.mark.parametrize(
    ("edits", "served"),
    [
        pytest.param("a, b = train.b * 2, test.b * 2", "b = test.b * 2", id="a parallel assignment"),
        pytest.param("a, b = 2, test.b * 2\nb = b * a", "b = test.b * 2\nb = b * a", id="a constant beside it"),
        pytest.param(
            "for c in ['b']:\n    top = tops[c]\n    train[c] = train[c] / top\n    test[c] = test[c] / top\nb = test.b",
            "for c in ['b']:\n    top = tops[c]\n    test[c] = test[c] / top\nb = test.b",
            id="a loop over columns",
        ),
        pytest.param(
            "if tops['b'] > 0:\n    train['b'] = train.b * 2\n    test['b'] = test.b * 2\nb = test.b",
            "if tops['b'] > 0:\n    test['b'] = test.b * 2\nb = test.b",
            id="a condition",
        ),
    ],
)
def test_what_a_statement_does_to_the_training_rows_is_left_behind(edits: str, served: str) -> None:
    path = path_of(BOTH, ("preprocess", edits), ("predict", "p = b + 1"), input="test")
    assert "\n".join(served_source(path)) == f"{served}\np = b + 1"


def test_training_rows_that_can_not_be_told_apart_are_refused_with_the_way_out() -> None:
    edits = (
        "own = train.copy()\nfor c in ['b']:\n    own[c] = own[c] / own[c].max()\n    test[c] = test[c] / own[c].max()"
    )
    found = refusal(BOTH, ("preprocess", edits), ("predict", "p = test.b + 1"), input="test")
    assert (found.code, found.line) == ("NBD207", 2)
    assert "'own', which comes from no request" in found.message
    assert found.fix.startswith("change own in a statement of its own")


def test_what_a_request_decides_to_change_is_no_training() -> None:
    found = refusal(
        BOTH,
        "seen = []",
        ("preprocess", "for row in test.b:\n    seen.append(1)\nb = test.b * len(seen)"),
        ("predict", "p = b + 1"),
        input="test",
    )
    assert (found.code, found.cell) == ("NBD207", 2)


def test_a_name_that_a_block_binds_before_it_reads_it_comes_from_nowhere_else() -> None:
    edits = "if len(df):\n    middle = (df.a.fillna(0) + df.b) / 2\n    df['c'] = middle * 2"
    path = path_of(DATA, ("preprocess", edits), model_on("df[['c']]"), ("predict", "p = model.predict(df[['c']])"))
    assert served_source(path) == [edits, "p = model.predict(df[['c']])"]


def test_edits_through_an_alias_of_the_input_are_served() -> None:
    edits = "other = df\nother['a'] = 0\nnoise = {}\nnoise['a'] = 1"
    path = path_of(DATA, ("preprocess", edits), model_on("df"), ("predict", "p = model.predict(df)"))
    assert served_source(path) == ["other = df", "other['a'] = 0", "p = model.predict(df)"]


def test_edits_by_a_function_of_the_notebook_are_served() -> None:
    fill = "def fill(frame, value):\n    frame['a'] = frame['a'].fillna(value)"
    path = path_of(DATA, fill, ("preprocess", "fill(df, 0)"), model_on("df"), ("predict", "p = model.predict(df)"))
    assert served_source(path) == ["fill(df, 0)", "p = model.predict(df)"]


def test_the_answer_may_be_changed_in_place() -> None:
    path = path_of(FITTED, ("predict", "p = model.predict(X)\np[p < 2] = 2\nq = p.sum()"), output="p")
    assert served_source(path) == ["p = model.predict(X)", "p[p < 2] = 2"]


def test_an_accumulator_is_made_anew_for_every_request() -> None:
    predict = "answers = []\nfor row in X.b:\n    answers.append(row * 2)\np = np.array(answers)"
    path = path_of(FITTED, ("predict", predict))
    assert served_source(path) == [
        "answers = []",
        "for row in X.b:\n    answers.append(row * 2)",
        "p = np.array(answers)",
    ]


def test_a_condition_on_the_input_is_served_whole() -> None:
    predict = "if len(X) > 2:\n    p = model.predict(X)\nelse:\n    p = np.zeros(len(X))"
    assert served_source(path_of(FITTED, ("predict", predict))) == [predict]


def test_statements_on_one_line_are_cut_one_by_one() -> None:
    path = path_of(FITTED, ("predict", "raw = model.predict(X); print(raw.mean()); n = 3; p = raw * 2"))
    assert served_source(path) == ["raw = model.predict(X)", "p = raw * 2"]


# left behind ------------------------------------------------------------------------------------------------------------


def test_what_the_answer_does_not_need_is_left_behind() -> None:
    predict = """
    import math
    p = model.predict(X)
    error = p - np.array(y)
    history = [error.mean()]
    assert len(p) == len(X)
    p.sum()
    """
    assert served_source(path_of(FITTED, ("predict", predict), output="p")) == ["p = model.predict(X)"]


def test_displays_inside_a_served_loop_are_left_behind() -> None:
    edits = """
    for column in df:
        print(column)
        df[column] = df[column].fillna(0)  # as agreed
        if column == "a":
            display(df)
    """
    path = path_of(DATA, ("preprocess", edits), model_on("df"), ("predict", "p = model.predict(df)"))
    assert served_source(path)[0].splitlines() == [
        "for column in df:",
        "    df[column] = df[column].fillna(0)  # as agreed",
    ]


@pytest.mark.parametrize(
    "training",
    [
        "model = LinearRegression()\nmodel.fit(X, y)",
        "model = LinearRegression().fit(X, y)",
        "model = LinearRegression()\n_ = model.fit(X, y)",
        "model = LinearRegression()\nmodel = model.fit(X, y)",
    ],
)
def test_training_in_the_predict_cell_is_left_behind(training: str) -> None:
    path = path_of(DATA, "X = df[['b']]", ("predict", f"{training}\np = model.predict(X)"))
    assert served_source(path) == ["p = model.predict(X)"]
    assert [each.name for each in path.artifacts] == ["model"]


def test_fit_transform_is_served_as_transform_with_the_object_fitted_there() -> None:
    preprocess = "scaler = StandardScaler()\nX = scaler.fit_transform(df[['b']], y)"
    path = path_of(DATA, ("preprocess", preprocess), model_on("X"), ("predict", "p = model.predict(X)"), input="df")
    assert served_source(path) == ["X = scaler.transform(df[['b']])", "p = model.predict(X)"]
    assert path.served[0].fitted == {"scaler"}
    assert path.served[0].original.source == "X = scaler.fit_transform(df[['b']], y)"


def test_the_target_that_fit_transform_learns_from_is_no_input() -> None:
    preprocess = "scaler = StandardScaler()\nX = scaler.fit_transform(df[['b']], y)"
    path = path_of(DATA, ("preprocess", preprocess), model_on("X"), ("predict", "p = model.predict(X)"))
    assert path.input.name == "df"


def test_a_with_statement_is_served() -> None:
    path = path_of(FITTED, ("predict", "with np.errstate(all='ignore'):\n    p = model.predict(X)"))
    assert served_source(path) == ["with np.errstate(all='ignore'):\n    p = model.predict(X)"]


def test_a_with_statement_that_binds_a_name_is_served() -> None:
    with_ = "with np.errstate(all='ignore') as state:\n    p = [(state, v)[1] for v in model.predict(X)]"
    assert served_source(path_of(FITTED, ("predict", with_))) == [with_]


def test_fit_then_transform_is_served_as_transform() -> None:
    preprocess = "scaler = StandardScaler()\nscaler.fit(df[['b']])\nX = scaler.transform(df[['b']])"
    path = path_of(DATA, ("preprocess", preprocess), model_on("X"), ("predict", "p = model.predict(X)"))
    assert served_source(path) == ["X = scaler.transform(df[['b']])", "p = model.predict(X)"]


def test_cells_between_are_the_training_side_wherever_they_stand() -> None:
    path = path_of(
        DATA,
        ("preprocess", "df['b'] = df['b'] * 2"),
        "df['b'] = df['b'].clip(0, 1)  # untagged: not for requests",
        ("preprocess", "X = df[['b']]"),
        model_on("X"),
        ("predict", "p = model.predict(X)"),
    )
    assert served_source(path) == ["df['b'] = df['b'] * 2", "X = df[['b']]", "p = model.predict(X)"]


# refused ----------------------------------------------------------------------------------------------------------------


def test_fit_predict_is_refused() -> None:
    found = refusal(DATA, "X = df[['b']]\nkm = KMeans(2, n_init=1)", ("predict", "\n\nlabels = km.fit_predict(X)"))
    assert (found.code, found.cell, found.line) == ("NBD206", 2, 1)
    assert "`fit_predict` trains on the rows" in found.message
    assert "fit on the training rows in a statement of its own" in found.fix


def test_fit_transform_of_an_object_without_a_name_is_refused() -> None:
    found = refusal(
        DATA,
        ("preprocess", "n = 1\nX = StandardScaler().fit_transform(\n    df[['b']])"),
        model_on("X"),
        ("predict", "p = model.predict(X)"),
    )
    assert (found.code, found.cell, found.line) == ("NBD206", 1, 2)
    assert "`fit_transform`" in found.message


def test_training_inside_a_loop_is_refused_at_its_line() -> None:
    predict = """
    answers = []
    for intercept in (True, False):
        model = LinearRegression(fit_intercept=intercept)
        model.fit(X, y)
        answers.append(model.predict(X))
    p = answers[0] + answers[1]
    """
    found = refusal(DATA, "X = df[['b']]", ("predict", predict), input="X")
    assert (found.code, found.cell, found.line) == ("NBD206", 2, 4)
    assert "`fit` trains" in found.message


def test_a_function_that_trains_is_refused_by_name() -> None:
    ask = "def ask(rows):\n    model = LinearRegression()\n    model.fit(rows, [1] * len(rows))\n    return model.predict(rows)"
    found = refusal(DATA, "X = df[['b']]", ask, ("predict", "p = ask(X)"))
    assert (found.code, found.cell, found.line) == ("NBD206", 3, 1)
    assert "'ask' calls `fit`" in found.message
    assert "move the training out of ask" in found.fix


def test_a_function_that_reads_the_input_as_a_global_is_refused_by_name() -> None:
    found = refusal(FITTED, "def ask():\n    return model.predict(X)", ("predict", "p = ask()"))
    assert (found.code, found.cell, found.line) == ("NBD210", 2, 1)
    assert "'ask' reads X as a global" in found.message
    assert found.fix == "give ask an argument for it"


def test_a_function_that_reads_what_preprocess_makes_as_a_global_is_refused() -> None:
    found = refusal(
        DATA,
        "def ask():\n    return model.predict(X)",
        ("preprocess", "X = df[['b']] * 2"),
        model_on("X"),
        ("predict", "p = ask()"),
    )
    assert found.code == "NBD210"
    assert "'ask' reads X" in found.message


@pytest.mark.parametrize(
    "statement",
    [
        "seen.append(len(p))",
        "seen[0:0] = [len(p)]",
        "seen += [len(p)]",
    ],
)
def test_a_change_of_what_requests_share_is_refused(statement: str) -> None:
    found = refusal(FITTED, "seen = []", ("predict", f"p = model.predict(X)\n{statement}\nq = p + len(seen)"))
    assert (found.code, found.cell, found.line) == ("NBD207", 2, 2)
    assert "'seen'" in found.message
    assert found.fix == "make seen inside the tagged cells, or leave the change out of them"


def test_a_change_of_what_requests_share_is_left_behind_where_the_answer_does_not_need_it() -> None:
    path = path_of(FITTED, "seen = []", ("predict", "p = model.predict(X)\nseen.append(len(p))"), output="p")
    assert served_source(path) == ["p = model.predict(X)"]


def test_every_trouble_is_told_at_once() -> None:
    from nbdeploy.errors import ServingPathError

    predict = "labels = km.fit_predict(X)\nseen.append(1)\np = labels + seen[-1] + len(X)"
    with pytest.raises(ServingPathError, match=r"NBD206[\s\S]*NBD207") as caught:
        path_of(
            DATA, "X = df[['b']]\nkm = KMeans(2, n_init=1)\nseen = []", ("predict", predict.replace("(1)", "(len(X))"))
        )
    assert [(each.code, each.line) for each in caught.value.diagnostics] == [("NBD206", 1), ("NBD207", 2)]


def test_an_answer_that_does_not_depend_on_the_input_is_refused() -> None:
    found = refusal(FITTED, ("predict", "k = X * 2\np = model.predict(df[['b']])"), input="X")
    assert (found.code, found.cell, found.line) == ("NBD208", 1, 2)
    assert "'p' does not depend on the input 'X'" in found.message
    assert "make the predict cell read X" in found.fix


def test_fit_transform_inside_a_loop_is_refused() -> None:
    preprocess = """
    X = df[["b"]].copy()
    for column in ["b"]:
        scaler = StandardScaler()
        X[[column]] = scaler.fit_transform(X[[column]])
    """
    found = refusal(DATA, ("preprocess", preprocess), model_on("X"), ("predict", "p = model.predict(X)"))
    assert (found.code, found.cell, found.line) == ("NBD206", 1, 4)
