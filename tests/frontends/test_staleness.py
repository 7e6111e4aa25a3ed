"""An edit that was run but never saved is noticed; scratch work is not made a fuss of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.frontends.running import Ran
from nbdeploy.frontends.staleness import stale_cells
from nbdeploy.notebook.cells import parse_notebook

if TYPE_CHECKING:
    from nbdeploy.errors import Diagnostic
    from nbdeploy.notebook.cells import Notebook

LOAD = "import pandas as pd\ndf = pd.read_csv('titanic.csv')"
CLEAN = "%%preprocess\ndf['Age'] = df['Age'].fillna(30)\nX = df[['Age', 'Fare']]"
PREDICT = "%%predict\ny = model.predict(X)"
DEPLOY = "%deploy titanic"


def notebook(*sources: str, ids: bool = False, **tags: str) -> Notebook:
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        | ({"id": f"id{index}"} if ids else {})
        for index, source in enumerate(sources)
    ]
    for position, tag in tags.items():
        cells[int(position[1:])]["metadata"] = {"tags": [tag]}
    text = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 if ids else 4}
    return parse_notebook(json.dumps(text), "titanic.ipynb")


def found(on_disk: Notebook, *runs: str | Ran) -> list[Diagnostic]:
    return stale_cells(on_disk, [each if isinstance(each, Ran) else Ran(each) for each in runs])


def brief(diagnostics: list[Diagnostic]) -> list[tuple[str, str, int | None]]:
    return [(each.code, str(each.severity), each.cell) for each in diagnostics]


def test_a_saved_notebook_that_was_run_is_fresh() -> None:
    assert found(notebook(LOAD, CLEAN, PREDICT, DEPLOY), LOAD, CLEAN, PREDICT, DEPLOY) == []


def test_blanks_at_the_ends_of_lines_and_cells_are_no_difference() -> None:
    assert found(notebook(LOAD, CLEAN), f"\n{LOAD}  \n", CLEAN.replace("\n", "   \n")) == []


def test_a_cell_that_was_edited_run_and_not_saved_is_a_warning_with_the_difference() -> None:
    (warning,) = found(notebook(LOAD, CLEAN), LOAD, CLEAN.replace("30", "df.Age.median()"), DEPLOY)
    assert brief([warning]) == [("NBD702", "warning", 1)]
    assert "-df['Age'] = df['Age'].fillna(30)\n+df['Age'] = df['Age'].fillna(df.Age.median())" in warning.message
    assert "X = df" not in warning.message
    assert "Ctrl-S" in warning.fix


def test_only_the_last_run_of_a_cell_counts() -> None:
    assert found(notebook(LOAD, CLEAN), LOAD, CLEAN.replace("30", "0"), CLEAN.replace("30", "29"), CLEAN) == []
    assert brief(found(notebook(LOAD, CLEAN), LOAD, CLEAN, CLEAN.replace("30", "0"))) == [("NBD702", "warning", 1)]


def test_scratch_work_is_one_note() -> None:
    runs = ("df.describe()", "sorted(df.columns)", "df.describe( )", "print(1)", "2 ** 10")
    (note,) = found(notebook(LOAD), LOAD, *runs)
    assert brief([note]) == [("NBD703", "info", None)]
    assert "`df.describe( )`, `print(1)`, `2 ** 10` and 1 more" in note.message


@pytest.mark.parametrize(
    "line", ["%load_ext nbdeploy", "!pip install x", "df?", "# Parameters\nn = 5", DEPLOY, "m = %deploy a"]
)
def test_lines_for_ipython_and_injected_parameters_are_no_scratch_work(line: str) -> None:
    assert found(notebook(LOAD), LOAD, line) == []


def test_a_role_cell_that_is_not_in_the_file_is_a_warning() -> None:
    (warning,) = found(notebook(LOAD), LOAD, PREDICT)
    assert brief([warning]) == [("NBD702", "warning", None)]
    assert "the %%predict cell that you ran is not in the file: `y = model.predict(X)`" in warning.message


def test_a_role_cell_that_never_ran_is_a_note() -> None:
    on_disk = notebook(LOAD, "X = df[['Age']]", "y = model.predict(X)", c2="predict")
    assert brief(found(on_disk, LOAD)) == [("NBD704", "info", 2)]


def test_a_cell_is_known_by_its_id_however_much_of_it_was_rewritten() -> None:
    on_disk = notebook(LOAD, PREDICT, ids=True)
    rewritten = Ran("import polars\ntable = polars.scan_parquet('somewhere/else')", "id0")
    assert brief(found(on_disk, rewritten, Ran(PREDICT, "id1"))) == [("NBD702", "warning", 0)]


def test_with_ids_a_scratch_cell_that_looks_like_another_is_not_taken_for_it() -> None:
    on_disk = notebook(LOAD, "df.head()", ids=True)
    runs = (Ran(LOAD, "id0"), Ran("df.head()", "id1"), Ran("df.head(10)", "scratch"))
    assert brief(found(on_disk, *runs)) == [("NBD703", "info", None)]


def test_ids_that_the_file_does_not_keep_are_no_obstacle() -> None:
    runs = (Ran(LOAD, "a"), Ran(CLEAN.replace("30", "0"), "b"))
    assert brief(found(notebook(LOAD, CLEAN), *runs)) == [("NBD702", "warning", 1)]


def test_a_long_difference_is_cut() -> None:
    many = "\n".join(f"value_{n} = {n}" for n in range(60))
    (warning,) = found(notebook(many), many.replace("= ", "= 1"))
    assert len(warning.message.splitlines()) <= 14
    assert "more lines" in warning.message
