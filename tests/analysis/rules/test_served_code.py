"""What served code does besides answering."""

from __future__ import annotations

import pytest

from nbdeploy.errors import Severity
from tests.analysis.rules.found import Cell, codes, only, places

DATA = "import numpy as np\nimport pandas as pd\ndf = pd.read_csv('people.csv')\nscaler = make()\nhistory = []"
MODEL = "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(df[['a']], df['y'])"


def served(preprocess: str, imports: str = "") -> list[Cell]:
    return [
        f"{DATA}\n{imports}\ndef make(): pass",
        ("preprocess", preprocess),
        MODEL,
        ("predict", "p = model.predict(df)"),
    ]


def served_codes(*cells: Cell) -> set[str]:
    return set(codes(*cells)) & {"NBD123", "NBD125", "NBD206", "NBD207", "NBD210", "NBD213"}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("from sklearn.preprocessing import StandardScaler\ndf = StandardScaler().fit_transform(df)", "NBD206"),
        ("def learn(t):\n    return scaler.fit_transform(t)\ndf = learn(df)", "NBD206"),
        ("df['a'] = 0\nhistory.append(df)\ndf['n'] = len(history)", "NBD207"),
        ("count = 0\ndef note(t):\n    global count\n    count += 1\n    return t * count\ndf = note(df)", "NBD207"),
        ("def twice():\n    return df * 2\ndf = twice()", "NBD210"),
    ],
)
def test_what_a_deploy_would_refuse_is_an_error_before_it(statement: str, code: str) -> None:
    found = [each for each in only(code, *served(statement)) if each.cell == 1]
    assert [each.severity for each in found] == [Severity.ERROR]


@pytest.mark.parametrize(
    "statement",
    ["df = scaler.transform(df)", "rows = []\nrows.append(df)\ndf = rows[0]", "def twice(t):\n    return t * 2\ndf = twice(df)",
     "df = pd.DataFrame(scaler.fit_transform(df))"],
)  # fmt: skip
def test_a_clean_serving_path_is_left_alone(statement: str) -> None:
    assert served_codes(*served(statement)) == set()


def test_where_the_input_is_not_settled_it_is_a_warning() -> None:
    cells: list[Cell] = [
        DATA + "\nother = df.copy()\ndef make(): pass",
        MODEL,
        ("predict", "history.append(df)\np = model.predict(df + other) + len(history)"),
    ]
    found = only("NBD207", *cells)
    assert {each.severity for each in found} == {Severity.WARNING}
    assert all("is the input)" in each.message for each in found)


@pytest.mark.parametrize(
    ("statement", "imports"),
    [
        ("df['t'] = time.time()", "import time"),
        ("df['t'] = datetime.now().year - df.born", "from datetime import datetime"),
        ("df['t'] = df.a + np.random.rand(len(df))", ""),
        ("def noisy(t):\n    return t + np.random.normal()\ndf = noisy(df)", ""),
        ("df['id'] = df.a.map(lambda a: uuid.uuid4())", "import uuid"),
    ],
)
def test_the_clock_and_chance_in_served_code_are_found(statement: str, imports: str) -> None:
    assert {cell for cell, _ in places("NBD123", *served(statement, imports))} == {1}


@pytest.mark.parametrize(
    ("statement", "imports"),
    [
        ("start = time.time()\ndf = df.copy()\nprint(time.time() - start)", "import time"),
        ("df['t'] = datetime(2020, 1, 1).year - df.born", "from datetime import datetime"),
        ("noise = np.random.rand()\ndf = df.copy()", ""),
        ("df['t'] = pd.to_datetime(df.t)", ""),
    ],
)
def test_times_that_the_answer_does_not_need_are_left_alone(statement: str, imports: str) -> None:
    assert places("NBD123", *served(statement, imports)) == []


def test_plots_in_tagged_cells_are_told_once_a_cell_for_information() -> None:
    cells = served("plt.figure()\nplt.hist(df.a)\ndf = df.copy()", "import matplotlib.pyplot as plt")
    assert [(each.cell, each.line, str(each.severity)) for each in only("NBD125", *cells)] == [(1, 1, "info")]


def test_plots_elsewhere_and_prints_are_left_alone() -> None:
    cells = [*served("print(df.a)\ndf"), "import matplotlib.pyplot as plt\nplt.plot([1])"]
    assert only("NBD125", *cells) == []


def test_preprocess_cells_that_reach_no_prediction_are_found() -> None:
    cells: list[Cell] = [DATA + "\nother = 1\ndef make(): pass", ("preprocess", "clean = df.dropna()"), MODEL]
    assert places("NBD213", *cells, ("predict", "p = model.predict([[3]])")) == [(1, None)]
    assert places("NBD213", *cells, "rows = clean[:3]", ("predict", "p = model.predict(rows)")) == []


def test_an_input_that_is_named_settles_it() -> None:
    cells: list[Cell] = [DATA + "\nother = df\ndef make(): pass", ("preprocess", "clean = df.dropna()"), MODEL]
    named = "%%predict\nrows = other\np = model.predict(rows)"
    assert places("NBD213", *cells, named) == [(1, None)]
    assert places("NBD213", cells[0], "%%preprocess --input df\nclean = df.dropna()", MODEL, named) == []


@pytest.mark.parametrize(
    "made", ["np.random.RandomState(0)", "np.random.default_rng(0)", "Tokenizer()", "[1, 2]", "'text'", "[]"]
)
def test_settings_and_objects_are_taken_for_no_request(made: str) -> None:
    cells = [DATA + f"\ndef make(): pass\nthing = {made}", "def f(x):\n    return x + thing.use()", MODEL]
    assert served_codes(*cells, ("predict", "p = model.predict(f(df))")) == set()


def test_where_one_input_is_likelier_than_the_others_only_that_one_is_spoken_of() -> None:
    cells: list[Cell] = [
        DATA + "\nmedians = df[['a']].median().to_dict()\ndef make(): pass",
        ("preprocess", "df['a'] = df['a'].fillna(medians['a'])\ndf = df.dropna()"),
        MODEL,
        ("predict", "p = model.predict(df)"),
    ]
    assert served_codes(*cells) == set()
    assert [each.message.count("if df is the input") for each in only("NBD127", *cells)] == [1]


def test_what_a_function_reads_beside_the_request_is_taken_for_no_request() -> None:
    cells: list[Cell] = [
        "import re\nimport pandas as pd\nreviews = pd.read_csv('x.csv')\nTAG = re.compile('<[^>]+>')\nwords = load()",
        "def clean(text):\n    return [words[each] for each in TAG.sub(' ', text).split()]",
        "texts = reviews['text'].tolist()",
        ("preprocess", "documents = [clean(text) for text in texts]"),
        "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(documents, reviews['y'])",
        ("predict", "p = model.predict(documents)"),
    ]
    assert served_codes(*cells) == set()


def test_a_request_that_is_written_into_a_call_makes_nothing_else_the_request() -> None:
    cells: list[Cell] = [
        "import torch\nvocabulary, model = load()\ndef load(): pass",
        "def ask(model, text):\n    model.eval()\n    return model(torch.tensor([vocabulary[w] for w in text.split()]))",
        ("predict", "ask(model, 'a fine film')"),
    ]
    assert served_codes(*cells) == set()


def test_a_band_around_the_answer_is_only_shown() -> None:
    cells = [DATA + "\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()\ndef make(): pass", MODEL]
    predict = "for low in [0, 1]:\n    p = model.predict(df) + low\n    ax.fill_between(df.a, p - 1, p + 1)"
    assert served_codes(*cells, ("predict", predict)) == set()
