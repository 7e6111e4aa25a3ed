"""Any file at all gives a notebook or a coded problem."""

from __future__ import annotations

import json

import pytest

from nbdeploy.errors import NotebookError
from nbdeploy.notebook.cells import parse_notebook


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "NBD001 a.ipynb: the file is not JSON: it is empty"),
        ("{", "NBD001 .*not JSON: Expecting property name"),
        ("<!DOCTYPE html><html>", "NBD001 .*web page"),
        ("version https://git-lfs.github.com/spec/v1\noid", "NBD001 .*Git LFS pointer"),
        ('{\n<<<<<<< HEAD\n"a": 1\n=======\n>>>>>>> b\n}', "NBD001 .*merge conflict"),
        ("[]", "NBD001 .*JSON is a list, not a notebook"),
        ("null", "NBD001 .*JSON is null"),
        ("{}", "NBD001 .*neither 'nbformat' nor 'cells'"),
        ('{"cells": []}', "NBD001 .*no format version"),
        ('{"nbformat": "4", "cells": []}', "NBD001 .*no format version"),
        ('{"nbformat": true, "cells": []}', "NBD001 .*no format version"),
        ('{"nbformat": 4}', "NBD001 .*'cells' is null, not a list"),
        ('{"nbformat": 4, "cells": {}}', "NBD001 .*'cells' is an object"),
        ('{"nbformat": 4, "cells": [], "metadata": 3}', "NBD001 .*metadata is a number"),
        ('{"nbformat": 4, "cells": [1]}', "NBD001 .*cell 0: the cell is a number"),
        ('{"nbformat": 4, "cells": [{"cell_type": "heading"}]}', "NBD001 .*'heading', not one of"),
        ('{"nbformat": 4, "cells": [{"cell_type": []}]}', "NBD001 .*is a list, not one of"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}', "NBD001 .*'source'"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code", "metadata": "x"}]}', "NBD001 .*metadata is a text"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code", "metadata": {"tags": "predict"}}]}', "NBD001 .*tags"),
        (
            '{"nbformat": 3, "worksheets": []}',
            "NBD002 .*old format 3(.|\n)*jupyter nbconvert --to notebook --nbformat 4",
        ),
        ('{"nbformat": 5, "cells": []}', "NBD002 .*newer than this nbdeploy"),
        ("[" * 100_000, "NBD001 .*nested too deeply"),
        ('{"nbformat": ' + "4" * 5_000 + "}", "NBD001 .*not JSON"),
    ],
)
def test_what_is_no_notebook_is_told_why(text: str, message: str) -> None:
    with pytest.raises(NotebookError, match=message):
        parse_notebook(text, "a.ipynb")


def test_little_is_needed_for_a_notebook() -> None:
    notebook = parse_notebook('\ufeff{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "a.ipynb")
    assert (notebook.cells[0].source, notebook.cells[0].tags, notebook.nbformat) == ("", (), (4, 0))


def test_lone_surrogates_are_fine_in_text_and_told_in_code() -> None:
    cells = [{"cell_type": "markdown", "source": "\ud800"}, {"cell_type": "code", "source": "%%html\n\ud800"}]
    assert len(parse_notebook(json.dumps({"nbformat": 4, "cells": cells}), "\udcff.ipynb").cells) == 2
    cells.append({"cell_type": "code", "source": "x = '\ud800'"})
    with pytest.raises(NotebookError, match="lone surrogate"):
        parse_notebook(json.dumps({"nbformat": 4, "cells": cells}), "a.ipynb")


def test_a_huge_notebook_is_read() -> None:
    cell = {"cell_type": "code", "source": "x = [1,\n2]\n!ls\n" * 200, "outputs": [{"data": "a" * 10_000}]}
    assert len(parse_notebook(json.dumps({"nbformat": 4, "cells": [cell] * 100}), "a.ipynb").cells) == 100
