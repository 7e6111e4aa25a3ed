"""Whatever lies where a notebook should, reading it ends soon, with a notebook or with a coded problem."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from pathlib import Path

import pytest

from nbdeploy.errors import NotebookError
from nbdeploy.reading import open_notebook


def notebook_of(*sources: object) -> str:
    cells = [{"cell_type": "code", "metadata": {}, "source": each, "outputs": []} for each in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


GOOD = notebook_of("import json\nx = [1, 2]\n", "y = {each: x for each in x}")


def opened(folder: Path, content: str | bytes) -> str:
    """Return "read", or the codes of what is wrong with a file of this content."""
    path = folder / "some.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        open_notebook(path)
    except NotebookError as error:
        for each in error.diagnostics:
            assert each.notebook == str(path)
            str(each).encode()  # can be printed
        return " ".join(dict.fromkeys(each.code for each in error.diagnostics))
    return "read"


def test_a_truncated_file_is_told(tmp_path: Path) -> None:
    assert {opened(tmp_path, GOOD[:end]) for end in range(0, len(GOOD) - 1, 5)} == {"NBD001"}


def test_random_bytes_are_told(tmp_path: Path) -> None:
    draw = random.Random(0)
    assert {opened(tmp_path, draw.randbytes(draw.randrange(2000))) for _ in range(50)} == {"NBD001"}


def test_flipped_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    draw = random.Random(0)
    for _ in range(200):
        content = bytearray(GOOD.encode())
        for _ in range(draw.randrange(1, 5)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        assert re.fullmatch(r"read|(NBD\d{3} ?)+", opened(tmp_path, bytes(content)))


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (GOOD.encode("utf-8-sig"), "read"),
        (GOOD.encode("utf-16"), "NBD001"),
        (GOOD.encode("utf-16-le"), "NBD001"),
        (GOOD.encode("utf-32"), "NBD001"),
        (notebook_of("x = 'e'").replace("'e'", "'\xe9'").encode("latin-1"), "NBD001"),
        (b"\0" * 100, "NBD001"),
        (notebook_of("x = '\0'"), "NBD005"),
        (notebook_of("x = '\ud800'"), "NBD005"),
        ("[" * 100_000, "NBD001"),
        ('{"cells": ' + "[" * 3000 + "]" * 3000 + ', "nbformat": 4}', "NBD001"),
        (notebook_of(None), "NBD001"),
        (notebook_of(3), "NBD001"),
        (notebook_of(["x = 1\n", 2]), "NBD001"),
        (notebook_of(["x = 1\n", "y = 2"]), "read"),
        (notebook_of(), "read"),
        (notebook_of("%%R\nx <- 1", "%%R -o y\ny <- 1", "%R x", "!ls", "?"), "read"),
    ],
)
def test_odd_files(tmp_path: Path, content: str | bytes, outcome: str) -> None:
    assert opened(tmp_path, content) == outcome


def test_the_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(NotebookError, match="is not UTF-8 text: UTF-16"):
        open_notebook(tmp_path / "a.ipynb")


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 5000 + "1" + ")" * 5000,
        "x = " + "+".join(["1"] * 10_000),
        "x = " + "+".join(["1"] * 1_000),
        "x = a" + ".b" * 1_000,
        "x = a" + "()" * 2_000,
        "x = " + "not " * 5_000 + "1",
        "if a: x = 1\n" + "".join(f"elif a == {i}: x = {i}\n" for i in range(1_000)),
        "df" + ".head(1)" * 3_000,
        "f'{" * 2_000,
        "x = " + "[" * 5_000,
    ],
)
def test_deep_code_is_told_with_its_cell(tmp_path: Path, source: str) -> None:
    (tmp_path / "a.ipynb").write_text(notebook_of("x = 1", source), encoding="utf-8")
    with pytest.raises(NotebookError, match=r"NBD005 \S+: cell 1.* nested"):
        open_notebook(tmp_path / "a.ipynb")


def test_the_deepest_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(notebook_of("x = 1", "a = 1\n\nx = a" + ".b" * 1_000), encoding="utf-8")
    with pytest.raises(
        NotebookError, match=r"cell 1, line 3: the code is nested too deeply to be analysed: 10\d\d levels"
    ):
        open_notebook(tmp_path / "a.ipynb")


@pytest.mark.parametrize(
    "source",
    [
        "%time " * 100_000,
        "%%time\n" * 20_000,
        "!" * 1_000_000,
        '"' * 1_000_000,
        ">>> " * 100_000,
        "\\\n" * 200_000,
        "a ?  \n" * 50_000,
        "?" + "\n" * 100_000 + "b",
        "a? " * 100_000,
        "=" * 300_000,
        ("x =" + " " * 300) * 1_000,
        "x =" + " \\\n" * 50_000 + "1",
        " " * 500_000 + "x",
        "f'" + "{" * 100_000,
        "# a\n" * 100_000,
        "x = '" + "a" * 1_000_000 + "'",
    ],
    ids=lambda source: repr(source[:8]),
)
def test_a_cell_of_a_megabyte_takes_no_more_than_a_moment(tmp_path: Path, source: str) -> None:
    began = time.process_time()
    assert opened(tmp_path, notebook_of(source)) in ("read", "NBD005")
    assert time.process_time() - began < 5  # seconds; what is quadratic takes minutes


def test_many_magics_beside_one_another_are_not_nested(tmp_path: Path) -> None:
    assert opened(tmp_path, notebook_of("%%time\n" + "%time x = 1\n" * 50)) == "read"


def test_huge_outputs_are_passed_over(tmp_path: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "a" * 50_000_000}
    cell = {"cell_type": "code", "metadata": {}, "source": "x = 1", "outputs": [output]}
    assert opened(tmp_path, json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4})) == "read"


def test_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.ipynb").mkdir()
    with pytest.raises(NotebookError, match=r"NBD010 .*x\.ipynb: can't be read: Is a directory"):
        open_notebook(tmp_path / "x.ipynb")


def test_a_loop_of_links_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.ipynb").symlink_to("x.ipynb")
    with pytest.raises(NotebookError, match=r"NBD010 .*symbolic links"):
        open_notebook(tmp_path / "x.ipynb")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.ipynb")
    with pytest.raises(NotebookError, match=r"NBD010 .*no regular file"):
        open_notebook(tmp_path / "x.ipynb")


def test_a_file_that_can_not_be_read_is_told() -> None:
    with pytest.raises(NotebookError, match=r"NBD010 .*can't be read"):
        open_notebook(Path("/proc/self/mem"))  # nobody may read its beginning, not even root


@pytest.mark.parametrize("name", ["missing.ipynb", "a\0b.ipynb", "x" * 300 + ".ipynb"])
def test_a_path_without_a_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotebookError, match=r"NBD010 .*can't be read"):
        open_notebook(tmp_path / name)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="it can be read there")
@pytest.mark.parametrize(
    "line", ["type Hand = str", "def first[T](items: list[T]) -> T: ...", "class Box[T]: ...", "x = f'{d['a']}'"]
)
def test_syntax_of_a_newer_python_is_called_so(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.ipynb").write_text(notebook_of(line), encoding="utf-8")
    with pytest.raises(NotebookError, match=r"NBD005 .*Python 3\.12 may read this"):
        open_notebook(tmp_path / "a.ipynb")


def test_a_plain_mistake_is_no_newer_python(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(notebook_of("type = [1, 2\nx = ("), encoding="utf-8")
    with pytest.raises(NotebookError, match=r"NBD005 (?!.*may read this)"):
        open_notebook(tmp_path / "a.ipynb")
