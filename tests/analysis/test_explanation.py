"""Which part each cell plays, told without a run."""

from __future__ import annotations

import json

import pytest

from nbdeploy.analysis.explanation import Explanation, Part, explain
from nbdeploy.analysis.presumption import Said, said_in
from nbdeploy.analysis.program import Program, read_program
from nbdeploy.notebook.cells import parse_notebook
from tests.analysis.notebooks import document_of, program_of

CHURN = (
    "import pandas as pd\nimport matplotlib.pyplot as plt\nfrom sklearn.linear_model import LogisticRegression",
    "SEED, LIMIT = 1, 0.5",
    "df = pd.read_csv('x.csv')",
    "df.hist()\nplt.show()",
    "medians = df.median()",
    ("preprocess", "df['age'] = df['age'].fillna(medians['age'])\nX = df.drop(columns=['left'])\nprint(len(X))"),
    "from sklearn.model_selection import *\nX_train, X_test, y_train, y_test = train_test_split(X, df['left'])",
    "def called(p):\n    return p > LIMIT",
    "model = LogisticRegression()\nmodel.fit(X_train, y_train)",
    ("predict", "p = model.predict_proba(X_test)[:, 1]\nanswer = called(p)"),
    ("test", "assert answer.mean() < 1"),
)


def parts(found: Explanation) -> dict[int, str | None]:
    return {each.index: str(each.part) if each.part else None for each in found.cells}


def why(found: Explanation, cell: int) -> str:
    return next(each.why for each in found.cells if each.index == cell)


def with_metadata(program: Program, **settings: object) -> Program:
    document = document_of([(None, each.source) for each in program.notebook.cells])
    document["metadata"]["nbdeploy"] = settings
    return read_program(parse_notebook(json.dumps(document), "notebook.ipynb"))


def test_each_cell_of_a_notebook_has_its_part() -> None:
    found = explain(program_of(*CHURN))
    assert parts(found) == {
        0: "training",
        1: "frozen",
        2: "training",
        3: "unused",
        4: "frozen",
        5: "served",
        6: "training",
        7: "carried",
        8: "frozen",
        9: "served",
        10: "test",
    }
    assert (found.input, found.output, found.bindings) == ("df", "answer", {"X_test": "X"})
    assert found.frozen == {"LIMIT": 1, "medians": 4, "model": 8}


def test_the_reasons_name_the_values_and_their_readers() -> None:
    found = explain(program_of(*CHURN))
    assert why(found, 4) == "makes `medians`, read by cell 5"
    assert why(found, 6) == "needed to make `model`"
    assert why(found, 7) == "the service uses `called`"
    assert why(found, 5) == "runs for every request"
    assert why(found, 3) == "only shows something"


def test_what_is_assumed_is_said_and_what_the_user_said_is_not() -> None:
    program = program_of(*CHURN)
    assert explain(program).assumed == (
        "the input is `df`",
        "the output is `answer`",
        "`X_test` is rows of `X`",
    )
    said = explain(program, Said("df", "p", {"X_test": "X"}))
    assert (said.input, said.output, said.assumed) == ("df", "p", ())


def test_a_mixed_cell_is_served_and_its_statements_keep_their_parts() -> None:
    found = explain(
        program_of(
            "from m import Model, X_train, X_test, y",
            (
                "predict",
                "model = Model()\nmodel.fit(X_train, y)\ny_pred = model.predict(X_test)\nn = len(y_pred)\nprint(n)",
            ),
        ),
        Said("X_test", "y_pred"),
    )
    (cell,) = found.of(Part.SERVED)
    assert [str(each.part) for each in cell.statements] == ["frozen", "frozen", "served", "unused", "unused"]
    assert cell.why == "runs for every request; also makes `model`, frozen; lines 4 to 5 left out"


def test_a_fitted_object_of_a_served_statement_is_frozen_there() -> None:
    found = explain(
        program_of(
            "import pandas as pd\nfrom sklearn.preprocessing import StandardScaler\ndf = pd.read_csv('x.csv')",
            ("preprocess", "scaler = StandardScaler()\nX = scaler.fit_transform(df)"),
            "model = fitted(X)",
            ("predict", "y = model.predict(X)"),
        )
    )
    assert found.input == "df"
    assert found.frozen["scaler"] == 1
    assert found.cells[1].statements[1].makes == ("scaler",)


def test_the_user_said_it_in_an_option_a_magic_or_the_settings_in_this_order() -> None:
    plain = program_of("%%preprocess --input raw\nX = raw + other", "%%predict --output q\np = model.predict(X)\nq = p")
    program = with_metadata(plain, input="other", output="p", bind={"a": "b"})
    assert said_in(program, Said()) == Said("raw", "q", {"a": "b"})
    assert said_in(program, Said("x", "y", {"a": "c"})) == Said("x", "y", {"a": "c"})


@pytest.mark.parametrize(
    ("cells", "given", "answer"),
    [
        (["X_test, y_test = load()", ("predict", "y = model.predict(X_test)")], "X_test", "y"),
        ([("predict", "X_new = [[1, 2]]\nknn.predict(X_new)")], "X_new", "knn.predict(X_new)"),
        ([("predict", "X_new = [[1, 2]]\nprint(knn.predict(X_new))")], "X_new", "knn.predict(X_new)"),
        (["rows = [[1, 2]]", ("predict", "y = knn.predict(rows)\ny")], "rows", "y"),
        (
            ["rows = [[1, 2]]", ("predict", "y = knn.predict(rows)\nimport requests\nrequests.post('x')\ny")],
            "rows",
            "y",
        ),
        (["rows = [[1, 2]]", ("predict", "y = knn.predict(rows)\nprint(treshold)")], "rows", "y"),
        (
            [
                "import pandas as pd\ndf = pd.read_csv('x')",
                "A, B = split(df)",
                ("predict", "y = pd.Series(m.predict(A), index=B.index)"),
            ],
            "A",
            "y",
        ),
        (
            [
                "def ask(row, dv, model):\n    return model.predict(dv.transform([row]))",
                "dv, model = load()\ncustomer = {'a': 1}",
                ("predict", "ask(customer, dv, model)"),
            ],
            "customer",
            "ask(customer, dv, model)",
        ),
        (
            [
                "import pandas as pd",
                ("preprocess", "df = pd.read_csv('x')\ndf['a'] = df.a + 1"),
                "part = df[df.b > 0]",
                ("predict", "y = model.predict(part)"),
            ],
            "df",
            "y",
        ),
        (
            [
                "from sklearn.metrics import auc, roc_curve\nX_test, y_test, models = load()",
                (
                    "predict",
                    "for m in models:\n    p = m.predict(X_test)\n    curve = roc_curve(y_test, p)\n    area = auc(*curve[:2])",
                ),
            ],
            "X_test",
            "p",
        ),
        (
            [
                "X_test, y_test = load()",
                ("predict", "p = model.predict(X_test)\naccuracy = (p == y_test).mean() * 100"),
            ],
            "X_test",
            "p",
        ),
        (
            [
                "import matplotlib.pyplot as plt\nX = load()\nfig, ax = plt.subplots()",
                ("predict", "y = model.predict(X)\nbars = ax.bar(y, y)"),
            ],
            "X",
            "y",
        ),
        (
            ["rows = load()", ("predict", "answers = []\nfor row in rows:\n    answers.append(model.predict(row))")],
            "rows",
            "answers",
        ),
        (
            [
                "train, test = load()",
                ("preprocess", "for each in [train, test]:\n    each['a'] = each['a'] + 1"),
                "model.fit(train[['a']], train['y'])",
                ("predict", "y = model.predict(join(train, test))"),
            ],
            "test",
            "y",
        ),
        (
            [
                "import pandas as pd\ndf = pd.read_csv('x')\ncolumns = [c for c in df if c != 'y']\nmiddle = df.a.median()",
                ("predict", "new = pd.read_csv('n').fillna(middle)\ny = model.predict(new[columns])"),
            ],
            "new",
            "y",
        ),
        (
            [
                "vocabulary = load()\ndef encode(text):\n    return [vocabulary[word] for word in text.split()]",
                ("predict", "text = 'a fine film'\ny = model(encode(text))"),
            ],
            "text",
            "y",
        ),
    ],
)
def test_the_likeliest_input_and_output_are_found(cells: list[str | tuple[str, str]], given: str, answer: str) -> None:
    found = explain(program_of(*cells))
    assert (found.input, found.output) == (given, answer)


@pytest.mark.parametrize(
    ("cells", "said", "told"),
    [
        (["a = 1"], Said(), "no cell is tagged `predict`: nothing is served yet"),
        (
            ["model = m()", ("predict", "model.predict([[1, 2]])")],
            Said(),
            "the answer `model.predict([[1, 2]])` depends on no data with a name: assign the request to a name first",
        ),
        (["model = m()", ("predict", "y = model.predict(X)")], Said("Z"), "the answer `y` does not depend on `Z`"),
        (
            ["model = m()", ("predict", "y = model.predict(X)")],
            Said(None, "z"),
            "no tagged cell makes `z`: say --output",
        ),
    ],
)
def test_where_nothing_can_be_served_that_is_said(cells: list[str | tuple[str, str]], said: Said, told: str) -> None:
    found = explain(program_of(*cells), said)
    assert found.assumed == (told,)
    assert found.input is None
    assert {each.part for each in found.cells} <= {None, Part.UNUSED}


def test_for_an_untagged_notebook_tags_are_proposed() -> None:
    found = explain(program_of(*(each if isinstance(each, str) else each[1] for each in CHURN)))
    assert [str(each) for each in found.proposals] == [
        "cell 5 prepares X, df: tag it `preprocess`",
        "cell 9 calls model.predict_proba: tag it `predict`",
        "cell 10 asserts: tag it `test`",
    ]


def test_a_skipped_cell_is_not_run_and_a_tagged_cell_without_use_says_so() -> None:
    found = explain(
        program_of(
            ("skip", "raise SystemExit"),
            ("preprocess", "unrelated = X * 2"),
            ("predict", "y = model.predict(X)"),
        )
    )
    assert why(found, 0) == "tagged `skip`: it is not run"
    assert why(found, 1) == "tagged `preprocess`, but the answer does not need it"


def test_names_flow_from_the_cell_that_changed_them_last_and_modules_do_not_flow() -> None:
    found = explain(
        program_of("import pandas as pd", "df = pd.DataFrame()", "df['a'] = 1", "b = df.a", "df = 2", "c = df")
    )
    assert [(each.source, each.target, each.names) for each in found.flow] == [
        (1, 2, ("df",)),
        (2, 3, ("df",)),
        (4, 5, ("df",)),
    ]


def test_a_function_reads_its_globals_where_it_is_called() -> None:
    found = explain(program_of("k = 1", "def f():\n    return k", "k = 2", "x = f()"))
    assert [(each.source, each.target, each.names) for each in found.flow] == [(1, 3, ("f",)), (2, 3, ("k",))]


def test_a_setting_of_a_module_is_no_flow() -> None:
    found = explain(program_of("import matplotlib.pyplot as plt", "plt.rcParams['x'] = 1", "fig = plt.figure()"))
    assert found.flow == ()


def test_the_output_may_be_named_by_its_expression() -> None:
    program = program_of("X = load()", ("predict", "print(len(X))\nmodel.predict(X)\nlast = 1"))
    assert explain(program, Said(None, "model.predict( X )")).output == "model.predict(X)"
