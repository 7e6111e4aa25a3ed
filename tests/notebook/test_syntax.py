"""IPython syntax becomes plain Python, line for line."""

from __future__ import annotations

import pytest

from nbdeploy.notebook.syntax import Magic, plain_python


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("x = 1\n%matplotlib inline\ny = 2", "x = 1\npass\ny = 2"),
        ("if x:\n    %magic a\n    y = 1", "if x:\n    pass\n    y = 1"),
        ("!pip install -q a", "pass"),
        ("!!ls", "pass"),
        ("!echo \\\n  a \\\n  b\nx = 1", "pass\n\n\nx = 1"),
        ("x = !ls {folder}\ny = 1", "x = get_ipython().getoutput('ls {folder}')\ny = 1"),
        ("x = \\\n    !ls", "x = \\\n    get_ipython().getoutput('ls')"),
        ("x = %sql select \\\n  1", "x = get_ipython().run_line_magic('sql', 'select    1')\n"),
        ("x = %time f(1)", "x = f(1)"),
        ("%time x = f(1)  # slow", "x = f(1)  # slow"),
        ("    %time x = 1\n    y = 2", "x = 1\ny = 2"),
        ("for i in r:\n    %time x = f(i, \\\n  2)", "for i in r:\n    x = f(i,    2)\n"),
        ("%time !ls", "pass"),
        ("%time", "pass"),
        ("%prun -l 4 -s cumulative x = f(1)", "x = f(1)"),
        ("%timeit x = f(1)", "pass"),
        ("f?\n?g\na.b[0].c??\n%timeit?\n??\n?", "pass\npass\npass\npass\npass\npass"),
        ("f(1,\n  2).g?", "pass\n"),
        (",f a b", 'f("a", "b")'),
        (";f a b", 'f("a b")'),
        ("/f a b", "f(a, b)"),
        (">>> x = 1\n>>> for i in x:\n...     y", "x = 1\nfor i in x:\n    y"),
        ("In [1]: x = 1\n   ...: y = 2", "x = 1\ny = 2"),
        ("pip install pandas", "pass"),
        ("\n\n  x = 1\n  y = 2\n", "\n\nx = 1\ny = 2\n"),
        ("x = 1\r\n%magic\r\ny = 2", "x = 1\npass\ny = 2"),
        ("", ""),
        (" \n\n", "\n\n"),
    ],
)
def test_special_syntax_becomes_python_on_its_own_line(source: str, python: str) -> None:
    assert plain_python(source).python == python


@pytest.mark.parametrize(
    "source",
    [
        "x = '''\n%magic\n!ls\nf?\n'''",
        'x = """a \\"""\n%b\n"""',
        "x = r'\\''\ny = 1",
        "x = (a\n%b\n)",
        "x = [a,\n  # ?\n  b\n  % c]",
        "x = a \\\n% b",
        "x = a \\\n    % b",
        "# %magic\n# f?\nx = 1  # what?",
        "x = 'a?'",
        "f'{a!r:>{w}}'\nf'{a % b}'\nf'''\n%x {\n1\n%2}'''",
        "x = f'{{%' + '!ls'",
        "f(x='%time', y='!ls')",
        "f(**{'a': 1}, b=a%b)",
        "x = a[1:2]; y = {1: '%'}",
        "x = b'%' + rb'\\''\n",
        "x: int = 1\nx @= y\nx >>= 1\nassert x != y",
        "lambda a=1: a",
        "await f()\nasync for x in y:\n    pass\nasync with a as b:\n    pass",
        "x = '\\d'",
        "from __future__ import annotations",
    ],
)
def test_plain_python_stays_as_it_is(source: str) -> None:
    code = plain_python(source)
    assert (source, (), False) == (code.python, code.magics, code.opaque)


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("%%time\nx = 1\n!ls", "#\nx = 1\npass"),
        ("\n%%time\n\n%%capture out --no-stderr\nx = 1", "\n#\n\nout = None\nx = 1"),
        ("%%capture\nx = 1", "#\nx = 1"),
        ("%%predict --output y\n%%time\ny = f(x)", "#\n#\ny = f(x)"),
        ("  %%test\n  assert x", "#\nassert x"),
        ("%%time", "#"),
    ],
)
def test_cell_magics_that_wrap_python_leave_their_body(source: str, python: str) -> None:
    code = plain_python(source)
    assert (code.python, code.opaque) == (python, False)


@pytest.mark.parametrize(
    "magic", ["bash", "html", "writefile a.py", "sql result <<", "nobody_knows", "timeit", "python3"]
)
def test_a_cell_magic_whose_body_binds_nothing_is_opaque(magic: str) -> None:
    code = plain_python(f"%%{magic}\nthis is 'not\n\npython (")
    assert (code.python, code.opaque) == ("#\n\n\n", True)


def test_a_line_of_blanks_loses_them_as_in_ipython_also_in_a_string() -> None:
    assert plain_python("x = '''a\n   \nb'''").python == "x = '''a\n\nb'''"


def test_magics_are_told_with_their_lines() -> None:
    source = "%%time\nx = 1\n!ls -l\n\n%run a.py -x\ny = !pwd\nx?\n%time z = !ls"
    assert plain_python(source).magics == (
        Magic("time", "", 1, "cell"),
        Magic("!", "ls -l", 3, "shell"),
        Magic("run", "a.py -x", 5, "line"),
        Magic("!", "pwd", 6, "shell"),
        Magic("?", "x", 7, "help"),
        Magic("time", "z = !ls", 8, "line"),
        Magic("!", "ls", 8, "shell"),
    )


@pytest.mark.parametrize(
    ("source", "line", "offset", "text", "message"),
    [
        ("x = 1\ny = = 2", 2, 5, "y = = 2", "invalid syntax"),
        ("%magic\n\nx = (", 3, 5, "x = (", "was never closed"),
        ("    x = 1\n    y = = 2", 2, 9, "    y = = 2", "invalid syntax"),
        ("%%time\n  x = 1\n  y = = 2", 3, 7, "  y = = 2", "invalid syntax"),
        ("x = 1\n%%time\ny = 2", 2, 1, "%%time", "%%time must stand on the cell's first line"),
        ("print 'a'", 1, 1, "print 'a'", "Missing parentheses"),
        ("for x in y:\n    !ls\nelse", 3, 5, "else", "expected ':'"),
        ("x = 1\ny = '\ud800'", 2, 1, "y = '\ud800'", "half a character"),
        ("x = 1\n\0", 2, 1, "\0", "null byte"),
        ("x = 1\n/", 2, 1, "/", "must be followed"),
    ],
)
def test_what_is_no_python_is_refused_with_its_place(
    source: str, line: int, offset: int, text: str, message: str
) -> None:
    with pytest.raises(SyntaxError, match=message) as raised:
        plain_python(source)
    assert (raised.value.lineno, raised.value.text) == (line, text)
    assert raised.value.offset == offset or message in ("was never closed", "expected ':'")


@pytest.mark.parametrize("source", ["(" * 10_000, "-" * 200_000 + "1", "x = " + "f'{" * 3_000])
def test_deep_nesting_is_a_syntax_error(source: str) -> None:
    with pytest.raises(SyntaxError, match=r"nested|parenthes|f-string|expression"):
        plain_python(source)
