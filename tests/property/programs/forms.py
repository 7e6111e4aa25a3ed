"""Statements as texts with holes for names. The names say what they hold, so that every statement runs."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

__all__ = ["LISTS", "NUMBERS", "Kind", "compound", "constant", "forms", "items", "number"]

Texts = st.SearchStrategy[str]
NUMBERS, LISTS = ("i", "j", "k"), ("a", "b", "c")
number, items, constant = st.sampled_from(NUMBERS), st.sampled_from(LISTS), st.integers(-3, 9).map(str)


@dataclass(frozen=True)
class Kind:
    """A kind of programs: how they begin, the statements that may follow, and the names whose values are compared."""

    beginning: str
    statements: Texts
    names: tuple[str, ...]

    @property
    def programs(self) -> st.SearchStrategy[str]:
        inner = self.statements | compound(self.statements)
        texts = st.lists(self.statements | inner | compound(inner), min_size=3, max_size=10)
        return texts.map(lambda each: "\n".join([self.beginning, *each]))


def forms(text: str, **holes: Texts) -> Texts:
    """Return a strategy for the forms in a text, one a paragraph.

    A hole is a name of `holes` in angle brackets: `<number>`, or `<number 2>` for another one that may be the same.
    """
    return st.one_of([_filled(each.strip("\n"), holes) for each in text.strip("\n").split("\n\n")])


def _filled(form: str, holes: dict[str, Texts]) -> Texts:
    known = {"number": number, "items": items, "constant": constant, **holes}
    holes = {f"<{name}{mark}>": known[name] for name in known for mark in ("", " 2", " 3")}
    wanted = {hole: each for hole, each in holes.items() if hole in form}
    return st.fixed_dictionaries(wanted).map(lambda found: _replaced(form, found))


def _replaced(form: str, found: dict[str, str]) -> str:
    for hole, text in found.items():
        form = form.replace(hole, text)
    return form


def _block(statements: list[str]) -> str:
    return "\n".join(f"    {line}" for each in statements for line in each.splitlines())


def compound(inner: Texts) -> Texts:
    """Return a strategy for statements with blocks of such statements."""
    return forms(COMPOUND, body=st.lists(inner, min_size=1, max_size=3).map(_block))


COMPOUND = """
for <number> in range(<constant>):
<body>

if <number> > <constant>:
<body>
else:
<body 2>

if <number> > <constant>:
<body>

for <number> in <items>[:3]:
<body>
    if <number> > <constant>:
        break
<body 2>
else:
<body 3>

for turn in range(3):
    if turn == 1:
        continue
<body>

turns = 3
while turns > 0:
    turns -= 1
<body>

try:
<body>
    <number> = <items>[<constant>]
<body 2>
except IndexError:
<body 3>

with suppress(IndexError):
<body>
    abs(<items>[<constant>])
<body 2>

with StringIO("text") as text:
<body>
"""
