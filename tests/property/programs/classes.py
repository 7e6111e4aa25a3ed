"""Classes of a notebook: attributes of instances and of classes, methods, inheritance, operators, patches."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.property.programs.forms import LISTS, NUMBERS, Kind, forms

__all__ = ["CLASSES"]

_BEGINNING = """
from contextlib import suppress
from io import StringIO
i, j, k = 1, 2, 3
a, b, c = [1], [2, 3], []
seen = []
class Box:
    shared = []
    limit = k
    def __init__(self, items):
        self.items = items
        self.n = 0
    def add(self, n):
        self.items.append(n)
        return self
    def count(self):
        self.n += 1
        return self.n
    def share(self, n):
        self.shared.append(n)
    @classmethod
    def bound(cls, n):
        cls.limit = n
        return cls([n])
    @property
    def top(self):
        return max([self.n, *self.items])
    @top.setter
    def top(self, n):
        seen.append(n)
        self.n = n
    def __call__(self, n):
        self.n += n
        return self.n
    def __getitem__(self, key):
        return self.items[key:key + 2]
    def __setitem__(self, key, n):
        self.items[key:] = [n]
    def __len__(self):
        return len(self.items)
    def __iadd__(self, n):
        self.n += n
        return self
    def __enter__(self):
        self.n += 1
        return self.items
    def __exit__(self, *problem):
        self.n -= 5
class Child(Box):
    def add(self, n):
        seen.append(n)
        return super().add(n + k)
p, q, boxes = Box([1]), Child([2]), []
step = p.count
"""

_FORMS = """
<box> = Box(<items>)

<box> = Child(<items>[:2])

<box> = <box 2>

<box> = Box.bound(<number>)

<box>.add(<number>)

<box>.add(<number>).add(<number 2>)

<box> = <box 2>.add(<number>)

<number> = <box>.count()

print(<box>.count())

f'{<box>.count()}'

step = <box>.count

<number> = step()

<number> = <box>.top

<box>.top = <number>

<box>.items = <items>

<items> = <box>.items

<items> = <box>[0]

<box>[1] = <number>

<box> += <number>

<number> = <box>(<number 2>)

<number> = len(<box>)

<box>.share(<number>)

<box>.shared.append(<number>)

Box.shared = <items>

<items> = Child.shared

Box.limit = <number>

Child.limit = <number>

<number> = <box>.limit

<box>.limit = <number>

Box.count = lambda self: self.n + <number>

def count(self):
    <items>.append(self.n)
    return <number>
Box.count = count

def add(self, n):
    self.items = <items>
    return self
setattr(Child, 'add', add)

setattr(<box>, 'n', <number>)

<number> = getattr(<box>, 'count')()

<box>.__dict__['n'] = <number>

boxes.append(<box>)

boxes = [each for each in (<box>, <box 2>)]

for each in boxes:
    each.add(<number>)

for place, each in enumerate(boxes):
    each.n = place

<number> = sum(each.n for each in boxes)

[each.add(<number>) for each in boxes]

<items> = [each.count() for each in boxes]

<box> = max(boxes, key=lambda each: each.n, default=<box 2>)

<box> = boxes[-1] if boxes else <box 2>

<box>.inner = <box 2>

getattr(<box>, 'inner', <box 2>).n = <number>

<box>.held = {'it': <items>}
<box>.held['it'].append(<number>)

with <box> as entered:
    entered.append(<number>)

match <box>:
    case Box(items=[<number>, *rest]):
        seen.append(rest)
    case Child(n=<number 2>):
        pass

match {'it': <box>}:
    case {'it': held}:
        held.n = <number>

class Child(Box):
    limit = <number>
    def count(self):
        seen.append(<number 2>)
        return super().count()

class Child(Box):
    shared = <items>
    def __init__(self, items, kept=[]):
        super().__init__(items)
        kept.append(len(items))
        self.kept = kept

def change(box, n):
    box.add(n)
    box.n = <number>
change(<box>, <number 2>)

def wrapped(items):
    return Box(items)
<box> = wrapped(<items>)

def total():
    return <box>.n + <box 2>.limit
<number> = total()

del <box>.items[:1]

<items> = [<number>, <number 2>]

<items>.append(<number>)

<number> = <constant>

print(<box>.items, boxes)
"""

CLASSES = Kind(
    _BEGINNING.strip(),
    forms(_FORMS, box=st.sampled_from(["p", "q"])),
    (*NUMBERS, *LISTS, "p", "q", "boxes", "seen"),
)
