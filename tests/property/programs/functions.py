"""Functions: what they do to their arguments and to globals, when they read them, and where they are kept."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.property.programs.forms import LISTS, NUMBERS, Kind, forms

__all__ = ["FUNCTIONS"]

_BEGINNING = """
from contextlib import suppress
from functools import lru_cache, partial, reduce
from io import StringIO
i, j, k = 1, 2, 3
a, b, c = [1], [2, 3], []
rows, seen, later = [[4], [5, 6]], [], iter([])
def f(xs):
    return xs
def g(xs):
    xs.append(1)
    return xs
def h(xs):
    return list(xs)
def u(n):
    return n + 1
def v(n):
    return n + k
def generate(xs):
    for n in xs[:3]:
        seen.append(n)
        yield n
fs, us = {'one': f}, [u]
"""

_FORMS = """
def <f>(xs):
    xs.append(<number>)
    return xs

def <f>(xs):
    xs = xs[:3] + [<number>]
    xs.append(<number>)
    return xs

def <f>(xs):
    <items>.append(len(xs))
    return <items 2>

def <f>(xs):
    ys = xs or <items>
    for row in [ys, <items>]:
        row[:1] = [<number>]
    return ys[:3]

def <f>(xs):
    global <number>
    <number> += len(xs)
    return xs[:2]

def <f>(xs, kept=[]):
    kept.append(len(xs))
    return kept

def <f>(xs, n=<number>):
    return [*xs[:3], n]

def <f>(xs, ys=<items>):
    ys.append(len(xs))
    return xs

def <f>(xs):
    return [<u>(n) for n in xs[:3]]

def <f>(xs):
    def inner():
        xs.append(<number>)
        seen.append(len(xs))
    inner()
    return xs

def <f>(xs):
    with suppress(IndexError):
        xs.append(xs[<constant>])
        <items>.append(<number>)
    return xs

def maker(ys):
    def inner(xs):
        ys.append(<number>)
        return xs[:2] + ys[:2]
    return inner
<f> = maker(<items>)

def counter():
    n = <number>
    def inner(m):
        nonlocal n
        n += m
        return n
    return inner
<u> = counter()

def watched(function):
    def inner(n):
        seen.append(n)
        return function(n) + <number>
    return inner
@watched
def <u>(n):
    return n - <number 2>

@lru_cache
def <u>(n):
    return n + <number>

def <u>(n):
    return n if n < 1 else <u>(min(n, 4) - 1) + <number>

def <u>(n):
    seen.append(n)
    return n

def generate(xs):
    for n in xs[:3]:
        <items>.append(n)
        yield n + <number>

if <number> > <constant>:
    def <f>(xs):
        return xs[:2]
else:
    def <u>(n):
        return <number>

<u> = lambda n: n + <number>

<u> = lambda n, m=<number>: n + m

<u> = lambda n: seen.append(n) or n

<f> = lambda xs: xs[:2] + <items>[:1]

<f> = <f 2>

<f> = fs['one']

<u> = us[-1]

<u> = partial(lambda m, n: m + n, <number>)

fs['one'] = <f>

us.append(<u>)

us = [each for each in us[:3]]

<items> = <f>(<items 2>)

<f>(<items>)

<f>(xs=<items>)

<f>(*[<items>])

print(<f>(<items>))

<items> = fs['one'](<items 2>)

fs['one'](<items>)

<number> = us[-1](<number 2>)

<number> = <u>(<number 2>)

<items> = [<u>(n) for n in <items 2>[:3]]

[<f>(row) for row in rows]

print([<f>(row) for row in rows])

for row in rows:
    <f>(row)

for each in us[:3]:
    each(<number>)

<items> = list(map(<u>, <items 2>[:3]))

later = map(<u>, <items>[:3])

later = generate(<items>)

later = (n + <number> for n in <items>[:3])

later = (<u>(n) for n in <items>)

<items> = list(later)

print(next(later, 0))

<number> = next(later, <number 2>)

<items> = sorted(<items 2>[:4], key=<u>)

rows = sorted(rows, key=lambda row: seen.append(len(row)) or len(row))

list(map(lambda row: row.append(<number>), rows))

list(map(<f>, rows))

<items> = reduce(lambda done, n: done.append(n) or done, <items 2>[:2], <items 3>)

rows.append(<items>)

<items> = rows[-1]

rows = rows[-2:]

append = <items>.append
append(<number>)

list(map(<items>.append, [<number>]))

<items> = []

<number> = <constant>

<number> = len(<items>)

seen.clear()
"""

FUNCTIONS = Kind(
    _BEGINNING.strip(),
    forms(_FORMS, f=st.sampled_from(["f", "g", "h"]), u=st.sampled_from(["u", "v"])),
    (*NUMBERS, *LISTS, "rows", "seen", "f", "g", "h", "u", "v"),
)
