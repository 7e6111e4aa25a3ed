"""Output, bindings and input, when nobody has said what they are."""

from __future__ import annotations

import pytest

from tests.analysis.models import DATA, FITTED, model_on, refusal
from tests.analysis.notebooks import path_of, served_source

SPLIT = """
X_train, X_test, y_train, y_test = train_test_split({0}, y, random_state=0)
model = LinearRegression().fit(X_train, y_train)
"""


pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


# output -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predict", "label"),
    [
        pytest.param("y_pred = model.predict(X)", "y_pred", id="the last name that is bound"),
        pytest.param("raw = model.predict(X)\ny_pred = raw * 2", "y_pred", id="of two names the last"),
        pytest.param("y_pred = model.predict(X)\nother = y_pred + 1\ny_pred", "y_pred", id="a name shown at the end"),
        pytest.param("model.predict(X) * 2", "model.predict(X) * 2", id="an expression"),
        pytest.param("raw = X * 2\nmodel.predict(raw)", "model.predict(raw)", id="a call after names"),
        pytest.param("print(model.predict(X))", "model.predict(X)", id="a printed expression"),
        pytest.param("y_pred = model.predict(X)\nprint(y_pred)", "y_pred", id="a printed name"),
        pytest.param("y_pred = model.predict(X)\nprint(y_pred.mean())", "y_pred", id="a figure printed of it"),
        pytest.param(
            "y_pred = model.predict(X)\nprint('mean:', y_pred.mean())", "y_pred", id="a print of several things"
        ),
        pytest.param("y_pred = model.predict(X)\nmodel.score(X, y)", "y_pred", id="a score shown after it"),
        pytest.param("y_pred = model.predict(X)\ny_pred.shape", "y_pred", id="its shape shown after it"),
        pytest.param(
            "import matplotlib.pyplot as plt\ny_pred = model.predict(X)\nplt.xlim(0, 10)",
            "y_pred",
            id="the limits of a plot after it",
        ),
        pytest.param("y_pred = model.predict(X)\n_ = 1", "y_pred", id="an underscore after it"),
        pytest.param("y_pred = model.predict(X)\nn = 3", "y_pred", id="a number bound after it"),
        pytest.param("y_pred = model.predict(X)\ndef later():\n    return 1", "y_pred", id="a function after it"),
        pytest.param("raw = model.predict(X); y_pred = raw * 2", "y_pred", id="two statements on a line"),
        pytest.param("y_pred = model.predict(X)\ny_pred[y_pred < 2] = 2", "y_pred", id="filled after it was bound"),
        pytest.param("out = X.copy()\nout['p'] = model.predict(X)", "out", id="a column added to a frame"),
        pytest.param(
            "out = X.copy()\nout['p'] = model.predict(X)\nout[['b', 'p']]",
            "out[['b', 'p']]",
            id="columns of a frame shown",
        ),
        pytest.param("y_pred = model.predict(X)\ny_pred[0]", "y_pred", id="a row of it shown"),
        pytest.param("out = X.assign(p=model.predict(X))\nout.to_csv('out.csv')", "out", id="a file written of it"),
        pytest.param("y_pred = [2 * v for v in model.predict(X)]", "y_pred", id="a comprehension"),
        pytest.param(
            "y_pred = model.predict(X)\nwrong = np.sum(y != y_pred)", "y_pred", id="a count of errors after it"
        ),
        pytest.param(
            "def rmse(a, b):\n    return ((a - b) ** 2).mean() ** 0.5\ny_pred = model.predict(X)\nerror = rmse(y, y_pred)",
            "y_pred",
            id="a metric of the notebook's own after it",
        ),
        pytest.param(
            "from sklearn.metrics import mean_squared_error\ny_pred = model.predict(X)\n"
            "mse = mean_squared_error(y, y_pred)\nrmse = np.sqrt(mse)",
            "y_pred",
            id="the root of a figure of merit",
        ),
        pytest.param(
            "with np.errstate(all='ignore'):\n    y_pred = model.predict(X)\n    loss = np.mean(y_pred == y)",
            "y_pred",
            id="a figure of merit in the same block",
        ),
        pytest.param(
            "def score(rows):\n    return model.predict(rows)\nrows = X * 2\nrisk_score = score(rows)",
            "risk_score",
            id="a score that has the rows of the request",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_the_output_is_what_the_last_predict_cell_ends_with(
    predict: str, label: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert path_of(FITTED, ("predict", predict)).output.label == label


def test_the_output_is_of_the_last_predict_cell() -> None:
    path = path_of(FITTED, ("predict", "y_pred = model.predict(X)"), ("predict", "label = np.where(y_pred > 2, 1, 0)"))
    assert path.output.label == "label"


def test_the_output_of_a_loop_is_what_it_fills() -> None:
    path = path_of(
        DATA, "rows = df.b.to_numpy()", ("predict", "answers = []\nfor row in rows:\n    answers.append(row * 2)")
    )
    assert path.output.label == "answers"
    assert served_source(path) == ["answers = []", "for row in rows:\n    answers.append(row * 2)"]


@pytest.mark.parametrize("output", ["raw", "y_pred", "raw + 1"])
def test_the_output_can_be_named(output: str) -> None:
    path = path_of(FITTED, ("predict", "raw = model.predict(X)\nraw + 1\ny_pred = raw * 2"), output=output)
    assert path.output.label == output


def test_an_output_that_nothing_makes_is_refused_with_the_names_there_are() -> None:
    found = refusal(FITTED, ("predict", "y_pred = model.predict(X)"), output="ypred")
    assert (found.code, found.cell, found.line) == ("NBD204", None, None)
    assert "'ypred' (did you mean 'y_pred'?); they make y_pred" in found.message
    assert "--output NAME" in found.fix


@pytest.mark.parametrize(
    "predict", ["import math\ndef later():\n    return 1", "print('mean', model.predict(X).mean())"]
)
def test_a_cell_that_ends_with_no_answer_is_refused(predict: str) -> None:
    found = refusal(FITTED, ("predict", predict))
    assert (found.code, found.cell) == ("NBD204", 1)
    assert found.line == len(predict.splitlines()) - ("def" in predict)
    assert "--output NAME" in found.fix


# bindings ---------------------------------------------------------------------------------------------------------------


def test_rows_that_train_test_split_took_are_bound_to_what_preprocess_makes() -> None:
    path = path_of(
        DATA, ("preprocess", "X = df[['b']] * 2"), SPLIT.format("X"), ("predict", "p = model.predict(X_test)")
    )
    assert (path.input.name, dict(path.bindings)) == ("df", {"X_test": "X"})
    assert served_source(path) == ["X = df[['b']] * 2", "p = model.predict(X_test)"]


@pytest.mark.parametrize(
    "glue",
    [
        pytest.param("X_test = X[X.index % 2 == 0]", id="a mask"),
        pytest.param("X_test = X.iloc[[5, 0, 3]]", id="positions in another order"),
        pytest.param("X_test = X.sample(3, random_state=1).reset_index(drop=True)", id="rows without their index"),
        pytest.param("X_test = X.to_numpy()[1:4]", id="an array of a frame"),
        pytest.param("X_test = X", id="the same by another name"),
    ],
)
def test_rows_are_found_however_they_were_taken(glue: str) -> None:
    preprocess = ("preprocess", "X = df[['b']] * 2 + df[['b']].index.to_numpy().reshape(-1, 1)")
    path = path_of(DATA, preprocess, model_on("X"), glue, ("predict", "p = model.predict(X_test)"))
    assert dict(path.bindings) == {"X_test": "X"}


def test_preprocess_and_predict_may_use_one_name() -> None:
    path = path_of(
        DATA, ("preprocess", "X = df[['b']] * 2"), model_on("X"), "X = X.iloc[:3]", ("predict", "p = model.predict(X)")
    )
    assert dict(path.bindings) == {"X": "X"}


def test_values_changed_on_the_way_are_not_rows_of_what_preprocess_makes() -> None:
    cells = (
        DATA,
        ("preprocess", "X = df[['b']] * 2"),
        "X_test = X + 1\n" + model_on("X"),
        ("predict", "p = model.predict(X_test)"),
    )
    found = refusal(*cells)
    assert (found.code, found.cell) == ("NBD213", 1)
    assert "'X_test'" in found.message
    assert "put `X_test = X + 1` (cell 2, line 1) into a cell tagged `preprocess`" in found.fix
    assert "--input X_test" in found.fix
    mended = (*cells[:2], ("preprocess", "X_test = X + 1"), model_on("X"), cells[3])
    assert served_source(path_of(*mended)) == ["X = df[['b']] * 2", "X_test = X + 1", "p = model.predict(X_test)"]


def test_features_that_are_chosen_beside_the_split_are_named_as_what_a_request_lacks() -> None:
    clean, choose = "df['a'] = df.a.fillna(0)", "features = df[['a']]"
    split = "X_train, X_test = train_test_split(features, random_state=0)\n" + model_on("X_train")
    predict = ("predict", "p = model.predict(X_test)")
    found = refusal(DATA, ("preprocess", clean), f"{choose}\n{split}", predict)
    assert (found.code, found.cell) == ("NBD213", 1)
    assert found.fix.startswith(f"put `{choose}` (cell 2, line 1) into a cell tagged `preprocess`, and what takes rows")
    path = path_of(DATA, ("preprocess", clean), ("preprocess", choose), split, predict)
    assert (path.input.name, dict(path.bindings)) == ("df", {"X_test": "features"})


def test_a_binding_that_can_not_be_proven_is_refused() -> None:
    cells = (
        DATA,
        ("preprocess", "X = df[['b']] * 2"),
        "X_test = X + 1\n" + model_on("X"),
        ("predict", "p = model.predict(X_test)"),
    )
    found = refusal(*cells, bind={"X_test": "X"})
    assert (found.code, found.cell) == ("NBD205", None)
    assert "the rows of X_test" in found.message
    assert "`preprocess`" in found.fix


def test_preprocess_can_be_left_out_by_saying_so() -> None:
    cells = (
        DATA,
        ("preprocess", "X = df[['b']] * 2"),
        "X_test = X + 1\n" + model_on("X"),
        ("predict", "p = model.predict(X_test)"),
    )
    path = path_of(*cells, input="X_test")
    assert served_source(path) == ["p = model.predict(X_test)"]
    [told] = path.diagnostics
    assert (told.code, told.severity, told.cell) == ("NBD213", "warning", 1)


@pytest.mark.parametrize(
    ("bind", "message"),
    [
        ({"X_tst": "X"}, "'X_tst' is not read by the predict cells (did you mean 'X_test'?)"),
        ({"X_test": "Z"}, "'Z' is not made by the preprocess cells"),
    ],
)
def test_a_binding_of_unknown_names_is_refused(bind: dict[str, str], message: str) -> None:
    cells = (DATA, ("preprocess", "X = df[['b']] * 2"), SPLIT.format("X"), ("predict", "p = model.predict(X_test)"))
    found = refusal(*cells, bind=bind)
    assert found.code == "NBD205"
    assert message in found.message
    assert "--bind takes NAME_READ_BY_PREDICT=NAME_MADE_BY_PREPROCESS" in found.fix


# input ------------------------------------------------------------------------------------------------------------------


def test_the_input_is_the_one_value_from_outside_that_has_the_outputs_rows() -> None:
    path = path_of(FITTED, "limits = [1, 2]", ("predict", "p = np.where(model.predict(X) > limits[0], 1, 0)"))
    assert (path.input.name, path.input.after) == ("X", None)


def test_the_input_may_be_loaded_inside_the_preprocess_cell() -> None:
    load = "raw = pd.read_csv(io.StringIO('b\\n1\\n2\\n3'))\nX = raw[['b']] * 2"
    path = path_of(DATA + "import io", ("preprocess", load), model_on("X"), ("predict", "p = model.predict(X)"))
    assert path.input.name == "raw"
    assert path.input.after is not None
    assert served_source(path) == ["X = raw[['b']] * 2", "p = model.predict(X)"]


def test_a_request_that_a_cell_spells_out_is_the_input_where_it_has_a_name() -> None:
    path = path_of(FITTED, ("predict", "X_new = [[1.0], [2.0]]\np = model.predict(X_new)"))
    assert path.input.name == "X_new"
    assert served_source(path) == ["p = model.predict(X_new)"]


def test_one_record_is_an_input() -> None:
    path = path_of(FITTED, ("predict", "request = {'b': 1.0}\nprice = float(model.predict([[request['b']]])[0])"))
    assert (path.input.name, path.output.label) == ("request", "price")


def test_two_possible_inputs_are_refused_with_their_shapes_and_the_option() -> None:
    found = refusal(FITTED, "right = df[['a', 'b']]", ("predict", "\np = model.predict(X) + right['b'].to_numpy()"))
    assert (found.code, found.cell, found.line) == ("NBD202", 2, 1)
    assert "X (pandas.DataFrame (6, 1)), right (pandas.DataFrame (6, 2))" in found.message
    assert "--input X or --input right" in found.fix


def test_predictions_beside_their_labels_are_offered_alone() -> None:
    told = "p = model.predict(X)\nbeside = pd.DataFrame({'actual': right['b'], 'predicted': p})"
    found = refusal(FITTED, "right = df[['a', 'b']]", ("predict", told))
    assert (found.code, found.cell, found.line) == ("NBD202", 2, 2)
    assert found.fix.startswith("answer what is made of X alone: --input X --output p; or say which one a client sends")


def test_the_input_can_be_named() -> None:
    cells = (FITTED, "right = df[['a', 'b']]", ("predict", "p = model.predict(X) + right['b'].to_numpy()"))
    assert path_of(*cells, input="right").input.name == "right"


def test_an_unknown_input_is_refused_with_the_names_there_are() -> None:
    found = refusal(FITTED, ("predict", "p = model.predict(X)"), input="XX")
    assert found.code == "NBD203"
    assert "'XX' (did you mean 'X'?)" in found.message
    assert "X (pandas.DataFrame (6, 1))" in found.message
    assert "--input NAME" in found.fix


@pytest.mark.parametrize(
    "predict", ["p = model.predict([[1.0]])", "print(model.predict([[1.0]]))", "model.predict([[1.0]])"]
)
def test_a_request_written_into_the_call_is_refused(predict: str) -> None:
    found = refusal(FITTED, ("predict", f"# ask\n{predict}"))
    assert (found.code, found.cell, found.line) == ("NBD202", 1, 2)
    assert "the request is written into the cells" in found.message
    assert "--input X_new" in found.fix


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("[:3]", "X has 6: here p gets 3"),
        ("[X.b.to_numpy() > 0.2]", "X has 6: here p gets 4"),
        (".mean()", "what it is made from has not: X (pandas.DataFrame (6, 1))"),
    ],
)
def test_an_output_without_an_answer_for_every_row_is_refused(part: str, told: str) -> None:
    found = refusal(FITTED, ("predict", f"p = model.predict(X){part}"))
    assert (found.code, found.cell, found.line) == ("NBD202", 1, 1)
    assert f"{told}; a service must answer every row" in found.message
    assert "--output NAME" in found.fix


def test_an_output_with_other_rows_is_refused_with_the_one_that_has_them() -> None:
    cells = (FITTED, ("predict", "p = model.predict(X)\nlow, high = np.percentile(p, [5, 95])"))
    assert refusal(*cells).fix.startswith("answer p, which has 6 rows: --output p; or ")
    assert path_of(*cells, output="p").output.label == "p"


def test_an_output_with_other_rows_is_not_offered_itself() -> None:
    cells = (
        DATA,
        ("preprocess", "X = df[['b']]\nrows = X[1:4]"),
        model_on("X"),
        ("predict", "p = model.predict(rows)"),
    )
    assert refusal(*cells).fix.startswith("if rows is what a client sends, say --input rows; else answer every row")


def test_what_a_model_is_asked_with_is_offered_as_no_answer() -> None:
    found = refusal(FITTED, ("predict", "rows = X * 2\ntotal = model.predict(rows).sum()"))
    assert found.fix.startswith("answer every row")


PRICE = "def price(b, factor):\n    return model.predict([[b]])[0] * factor"


@pytest.mark.parametrize(
    ("call", "fix", "name"),
    [
        ("model.predict([[3.0]])", "X_new = [[3.0]]; model.predict(X_new)", "X_new"),
        ("price(3.0, 2)", "request = {'b': 3.0, 'factor': 2}; price(**request)", "request"),
        ("price(3.0, factor=2)", "request = {'b': 3.0, 'factor': 2}; price(**request)", "request"),
    ],
)
def test_a_request_that_is_written_into_the_call_is_refused_with_the_edit_that_names_it(
    call: str, fix: str, name: str
) -> None:
    assert refusal(FITTED, PRICE, ("predict", call)).fix == (
        f"assign the request to a name first ({fix}) and give --input {name}"
    )
    assert path_of(FITTED, PRICE, ("predict", fix), input=name).input.name == name


def test_rows_that_a_predict_cell_takes_may_be_what_a_client_sends() -> None:
    cells = (FITTED, ("predict", "few = X.iloc[[2]]\nmodel.predict(few)"))
    assert refusal(*cells).fix.startswith("if few is what a client sends, say --input few; else ")
    assert path_of(*cells, input="few").input.name == "few"


@pytest.mark.parametrize(
    "preprocess",
    [
        pytest.param("clean = df.dropna()\nX = clean[['a', 'b']]", id="dropna"),
        pytest.param("X = df[df.a > 1]", id="a mask"),
        pytest.param("X = df.drop_duplicates().dropna()", id="drop_duplicates"),
    ],
)
def test_a_preprocess_cell_that_drops_rows_is_refused(preprocess: str) -> None:
    found = refusal(DATA, ("preprocess", preprocess), model_on("X"), ("predict", "p = model.predict(X)"))
    assert (found.code, found.cell, found.line) == ("NBD202", 1, 1)  # the statement that drops them
    assert "but df has 6: here" in found.message
    assert "answer every row (no slice, filter, split or aggregate in the tagged cells)" in found.fix
