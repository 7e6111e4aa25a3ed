"""Laws of the emitted text: putting the notebook's statements into a function never changes what they compute."""

from __future__ import annotations

import warnings
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nbdeploy.packaging.text import indented

text = st.text(alphabet="ab {}#\\'\"\t\n\x0c\x1c\u2028é", max_size=14)
prefixes = st.sampled_from(["", "r", "f", "rf", "b", "rb"])
quotes = st.sampled_from(['"""', "'''"])


@st.composite
def strings(draw: st.DrawFn) -> str:
    """Return a triple-quoted literal that Python can read."""
    literal = draw(prefixes) + (quote := draw(quotes)) + draw(text) + quote
    assume(readable(f"x = {literal}"))
    return literal


def readable(source: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "<generated>", "exec")
        except (SyntaxError, ValueError):
            return False
    return True


values = st.one_of(
    strings(),
    st.builds("(\n  {},\n    # a comment\n{}\n)".format, strings(), strings()),
    st.builds("[{}\n,\n  {}]".format, strings(), strings()),
    st.builds("1 + \\\n      {}".format, st.integers(0, 9)),
    st.builds('f"""a\n{{\n  {} + 1\n}}b\n"""'.format, st.integers(0, 9)),
    st.builds("'a\\\n    b{}'".format, st.integers(0, 9)),
    st.builds('f"{{{}:>4}}"'.format, st.integers(0, 9)),
)
assignments = st.builds("{} = {}".format, st.sampled_from("xyz"), values)
comments = st.sampled_from(["# a comment", "   # one far right", "", "  ", "# 'quote", '# """'])
loops = st.builds("for i in range(2):\n    {} = {}\n{}".format, st.sampled_from("xyz"), values, comments)
functions = st.builds('def f(a={}):\n    """Doc\n  of f."""\n    return a\nx = f(), f.__doc__'.format, values)
programs = st.lists(assignments | comments | loops | functions, max_size=6).map("\n".join)


def run(source: str, name: str = "") -> Any:
    """Run a program; return its names, those in the dict `name`, or what went wrong."""
    namespace: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d": the user's own
        try:
            exec(source, namespace)
        except Exception as problem:
            return type(problem)
    found = namespace[name] if name else namespace
    return {each: found[each] for each in "xyz" if each in found}


@settings(max_examples=400, deadline=None)
@given(programs)
@example('x = """a\n  \nb"""')
@example("x = '''\x0c'''\ny = '''\u2028'''")
@example("x = 'a\\\nb'")
@example("x = f('" + "a" * 60 + "', [1, 2], '" + "b" * 60 + "')")
@example('if True:\n    x = f"""\n{1 +\n1}\n"""')
def test_indenting_changes_nothing_that_is_computed(source: str) -> None:
    assume(readable(source))
    assert run(f"def run():\n{indented(source)}\n    return locals()\nresult = run()\n", "result") == run(source)


@settings(max_examples=100, deadline=None)
@given(programs)
def test_code_is_indented_once_and_only_strings_are_not(source: str) -> None:
    assume(readable(source))
    lines = indented("if True:\n    pass\n" + source).split("\n")
    assert lines[:2] == ["    if True:", "        pass"]
