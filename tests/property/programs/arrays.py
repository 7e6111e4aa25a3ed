"""Arrays of numpy: views and copies, in-place operators, random numbers of the process and of generators."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.property.programs.forms import LISTS, NUMBERS, Kind, forms

__all__ = ["ARRAYS"]

_BEGINNING = """
import numpy as np
from contextlib import suppress
from io import StringIO
np.random.seed(0)
i, j, k = 1, 2, 3
a, b, c = [1], [2, 3], []
x, y = np.arange(6.0), np.ones(6)
s, t = np.zeros(3), np.array([3.0, 1.0, 2.0])
m, w = np.ones((2, 3)), np.arange(6.0).reshape(2, 3)
held, rows = {'s': np.zeros(3)}, [np.ones(3)]
rng = other = np.random.default_rng(1)
def halved(values):
    values /= 2
    return values
def raised(values):
    values = values + 1
    values[0] = 9
    return values
"""

_FORMS = """
<six> = <six 2>

<six> = <six 2>.copy()

<six> = <matrix>.ravel()

<six> = <matrix>.flatten()

<six> = np.concatenate([<three>, <three 2>])

<six> = np.asarray(<six 2>)

<six> = np.where(<six 2> > <constant>, <six>, <number>)

<six> = halved(<six 2>)

<six> = raised(<six 2>)

<matrix> = <six>.reshape(2, 3)

<matrix> = np.array([<three>, <three 2>])

<matrix> = <matrix 2> * 2

<matrix> = <matrix 2>.T.reshape(2, 3)

<three> = <six>[:3]

<three> = <six>[::2]

<three> = <six>[[0, 2, 4]]

<three> = <matrix>[1]

<three> = <matrix>.T[:, 0][:2].repeat(2)[:3]

<three> = <matrix>.sum(axis=0)

<three> = <three 2> + <three 3>

<three> = np.sort(<three 2>)

<three> = held['s']

<three> = rows[-1]

<three> = <three 2> if <number> > <constant> else <three 3>

<three> += <constant>

<three> -= <three 2>

<six> *= 0.5

<matrix> += <three>

<three>[:] = <three 2>

<three>[0] += <number>

<six>[1:3] = <number>

<six>[<six> > 2] = <number>

<matrix>[0] = <three>

<matrix>.T[0] = <number>

<six>.flat[2] = <number>

<six>.fill(<number>)

<three>.sort()

np.add(<three>, <constant>, out=<three 2>)

np.multiply(<six>, 0.5, <six 2>)

np.copyto(<three>, <three 2>)

np.put(<six>, [1], [<number>])

np.fill_diagonal(<matrix>, <number>)

halved(<three>)

print(halved(<three>))

held['s'] = <three>

held['s'] += <number>

held = dict(held)

rows = list(<matrix>)

rows.append(<three>)

rows[0][0] = <number>

for row in <matrix>:
    row += <number>

for row in rows:
    row[1] = <number>

for each in (<three>, <six>):
    each[0] = <number>

first, *rest = <matrix>
first[2] = <number>

view = <six>[2:]
view -= 1

<number> = float(<six>.sum())

<number> = float(<three>[0])

<number> = len(rows)

<number> = <constant>

np.random.seed(<constant> + 3)

<three> = np.random.rand(3)

<number> = np.random.randint(9)

print(np.random.rand())

np.random.shuffle(<six>)

<six> = np.random.permutation(<six 2>)

rng = np.random.default_rng(<constant> + 3)

<three> = rng.random(3)

<number> = other.integers(9)

other = rng

other.shuffle(<three>)

print(rng.normal())

<items> = <three>.tolist()

<items>.append(<number>)
"""

ARRAYS = Kind(
    _BEGINNING.strip(),
    forms(
        _FORMS,
        six=st.sampled_from(["x", "y"]),
        three=st.sampled_from(["s", "t"]),
        matrix=st.sampled_from(["m", "w"]),
    ),
    (*NUMBERS, *LISTS, "x", "y", "s", "t", "m", "w", "held", "rows"),
)
