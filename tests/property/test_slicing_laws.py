"""Laws of slicing: a slice makes the value that the whole program makes, and there is nothing left to slice off it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nbdeploy.analysis.program import Program
from nbdeploy.analysis.slicing import Target, slice_for
from tests.analysis.notebooks import program_of

# Names say what they hold, so that every generated statement runs: numbers, lists of numbers, lists of lists, dicts.
NUMBERS, LISTS, TABLES, DICTS = ("i", "j", "k"), ("a", "b", "c"), ("s", "t"), ("d", "e")
BEGINNING = "i, j, k = 1, 2, 3\na, b, c = [1], [2, 3], []\ns, t = [[4]], [[5], [6]]\nd, e = {}, {'n': 7}"

number, items, table, mapping = (st.sampled_from(names) for names in (NUMBERS, LISTS, TABLES, DICTS))
constant = st.integers(-3, 9)

simple = st.one_of(
    st.builds("{} = {}".format, number, constant),
    st.builds("{} = {} + {}".format, number, number, number),
    st.builds("{} -= {}".format, number, number),
    st.builds("{0}, {1} = {1}, {0}".format, number, number),
    st.builds("{} = sum({}) + len({})".format, number, items, items),
    st.builds("{} = {}.get('n', {})".format, number, mapping, number),
    st.builds("{} = {}.pop('n', 0)".format, number, mapping),
    st.builds("{} = [{}, {}]".format, items, number, number),
    st.builds("{} = {}".format, items, items),
    st.builds("{} = {}.copy()".format, items, items),
    st.builds("{} = {}[1:]".format, items, items),
    st.builds("{} = {}[-1]".format, items, table),
    st.builds("{} = {} + [{}]".format, items, items, number),
    st.builds("{} = [v + {} for v in {}]".format, items, number, items),
    st.builds("{} = {} if {} > 2 else {}".format, items, items, number, items),
    st.builds("{}.append({})".format, items, number),
    st.builds("{}.extend({}[:2])".format, items, items),
    st.builds("{} += [{}]".format, items, number),
    st.builds("{}[:1] = [{}, {}]".format, items, number, number),
    st.builds("del {}[:1]".format, items),
    st.builds("{}.reverse()".format, items),
    st.builds("{} = [{}, {}]".format, table, items, items),
    st.builds("{} = {}".format, table, table),
    st.builds("{} = list({})".format, table, table),
    st.builds("{}[0] = {}".format, table, items),
    st.builds("{}[-1].append({})".format, table, number),
    st.builds("{} = {{'n': {}, 'rows': {}}}".format, mapping, number, items),
    st.builds("{} = {}".format, mapping, mapping),
    st.builds("{}['n'] = {}".format, mapping, number),
    st.builds("{}['rows'] = {}".format, mapping, items),
    st.builds("if 'rows' in {0}: {0}['rows'].append({1})".format, mapping, number),
    st.builds("{}.update(n={})".format, mapping, number),
    st.builds("{}.clear()".format, mapping),
    st.builds("print({}, {})".format, items, mapping),
)


def block(statements: list[str]) -> str:
    return "\n".join(f"    {line}" for each in statements for line in each.splitlines())


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map(block)
    return st.one_of(
        st.builds("for {} in {}[:3]:\n{}".format, number, items, body),
        st.builds("for row in {}:\n    row.append({})\n{}".format, table, number, body),
        st.builds("for number, row in enumerate({}):\n    row[:] = [number]\n{}".format, table, body),
        st.builds("if {} > {}:\n{}".format, number, constant, body),
        st.builds("if {} > {}:\n{}\nelse:\n{}".format, number, constant, body, body),
        st.builds("try:\n{}\n    {} = {}['n']\nexcept KeyError:\n{}".format, body, number, mapping, body),
    )


programs = st.lists(simple | compound(simple | compound(simple)), min_size=3, max_size=10)
wanted = st.sampled_from([*NUMBERS, *LISTS, *TABLES, *DICTS])


def value(source: str, name: str) -> Any:
    namespace: dict[str, Any] = {"print": lambda *_: None}
    exec(source, namespace)
    return namespace[name]


def sliced(program: Program, name: str) -> list[str]:
    found = slice_for(program, [Target(name, len(program.statements))])
    return [each.source.rstrip("\n") for each in found.statements]


@settings(max_examples=300, deadline=None)
@given(programs, wanted)
def test_the_slice_for_a_name_makes_the_value_that_the_program_makes(statements: list[str], name: str) -> None:
    whole = "\n".join([BEGINNING, *statements])
    assert value("\n".join(sliced(program_of(whole), name)), name) == value(whole, name)


@settings(max_examples=300, deadline=None)
@given(programs, wanted)
def test_the_slice_of_a_slice_is_the_slice(statements: list[str], name: str) -> None:
    found = sliced(program_of("\n".join([BEGINNING, *statements])), name)
    assert sliced(program_of("\n".join(found)), name) == found


@settings(max_examples=150, deadline=None)
@given(programs, wanted, st.data())
def test_cells_are_no_matter_and_later_ones_neither(statements: list[str], name: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(statements)))
    first, rest = "\n".join([BEGINNING, *statements[:cut]]), "\n".join(statements[cut:])
    program = program_of(first, rest)
    before = sum(each.cell == 0 for each in program.statements)
    found = [each.source for each in slice_for(program, [Target(name, before)]).statements]
    assert value("\n".join(found), name) == value(first, name)


@settings(max_examples=100, deadline=None)
@given(programs)
def test_a_slice_for_everything_shown_is_never_more_than_the_program(statements: list[str]) -> None:
    program = program_of("\n".join([BEGINNING, *statements]))
    names = {name for each in program.statements for name in each.effects.defs}
    kept = slice_for(program, [Target(name, len(program.statements)) for name in names])
    assert [each.index for each in kept.statements] == sorted({each.index for each in kept.statements})
    assert not kept.missing - {"print", "sum", "len", "list", "enumerate", "KeyError"}
