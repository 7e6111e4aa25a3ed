"""Frames of pandas: columns and cells that are set, frames that share or copy, functions that are applied."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.property.programs.forms import LISTS, NUMBERS, Kind, forms

__all__ = ["FRAMES"]

_BEGINNING = """
import numpy as np
import pandas as pd
from contextlib import suppress
from io import StringIO
np.random.seed(0)
i, j, k = 1, 2, 3
a, b, c = [1], [2, 3], []
d = pd.DataFrame({'a': [3.0, 1.0, 2.0, 4.0], 'b': [1.0, 2.0, 1.0, 2.0]})
e = pd.DataFrame({'a': [1.0, 1.0, 2.0, 2.0], 'b': [5.0, 6.0, 7.0, 8.0]})
s, t = d['a'], pd.Series([1.0, 2.0, 3.0, 4.0])
frames, table, seen = [d, e], {'d': d}, []
def cleaned(frame):
    frame['c'] = frame.a + 1
    return frame
def copied(frame):
    frame = frame.copy()
    frame['b'] = k
    return frame
def tweak(value):
    seen.append(value)
    return value + j
"""

_FORMS = """
<frame> = <frame 2>

<frame> = <frame 2>.copy()

<frame> = <frame 2>.assign(a=<series>)

<frame> = <frame 2>.assign(b=lambda each: each.a + <number>)

<frame> = <frame 2>.sort_values('b')

<frame> = <frame 2>[['a', 'b']]

<frame> = cleaned(<frame 2>)

<frame> = copied(<frame 2>)

<frame> = <frame 2>.pipe(cleaned)

<frame> = frames[-1]

<frame> = table['d']

<frame> = pd.concat([<frame 2>, <frame 3>]).head(4).reset_index(drop=True)

<frame> = <frame 2>.sample(frac=1)

<frame> = <frame 2>.sample(frac=1, random_state=<constant> + 3)

<frame>['a'] = <series>

<frame>['c'] = <number>

<frame>['a'] += <number>

<frame>.a = <series> * 2

<frame>[['a', 'b']] = <frame 2>[['b', 'a']].to_numpy()

<frame>.loc[0, 'a'] = <number>

<frame>.loc[<frame>.a > <number>, 'b'] = <constant>

<frame>.at[1, 'b'] = <number>

<frame>.iloc[2, 0] = <number>

<frame>['b'] = np.random.rand(4)

<frame>.sort_values('a', inplace=True)

<frame>.drop(columns='c', errors='ignore', inplace=True)

<frame>.fillna(0, inplace=True)

<frame>.update(<frame 2>)

<frame>.columns.name = 'q'

<frame>['b'] = <frame 2>.groupby('a')['b'].transform('sum')

if 'c' in <frame>:
    <series> = <frame>.pop('c')

if 'c' in <frame>:
    del <frame>['c']

cleaned(<frame>)

print(cleaned(<frame>).head())

<frame>.head()

<frame>.sample(2)

<series> = <frame>['a']

<series> = <frame>.b

<series> = <series 2>

<series> = <series 2> + <number>

<series> = <series 2>.copy()

<series> = <frame>.loc[:, 'b']

<series> = <series 2>.map(tweak)

<series> = <frame>['a'].apply(lambda value: value + <number>)

<series> = <frame>.apply(lambda row: row.a + row.b * <number>, axis=1)

<frame>.a.apply(seen.append)

<frame>['b'].map(lambda value: <items>.append(value))

<series>.iloc[0] = <number>

<series>[1] = <number>

<series> *= 2

<series>.name = 'q'

values = <series>.to_numpy()

<number> = float(<frame>.b.sum())

<number> = float(<series>.max())

<number> = <constant>

k = <constant>

frames = [<frame>, <frame 2>]

frames.append(<frame>)

table['d'] = <frame>

table = {'d': <frame>, 'e': <frame 2>}

table['d']['a'] = <number>

for each in frames:
    each['b'] = <number>

for name, each in table.items():
    each.loc[0, 'a'] = <number>

for name in <frame>.columns:
    <frame>[name] = <frame>[name] + 1

for label, row in <frame>.iterrows():
    <items>.append(float(row.a))

parts = {name: part for name, part in <frame>.groupby('b')}

<items> = <frame>.a.tolist()

<items>.append(<number>)

np.random.seed(<constant> + 3)

<number> = np.random.rand()
"""

FRAMES = Kind(
    _BEGINNING.strip(),
    forms(_FORMS, frame=st.sampled_from(["d", "e"]), series=st.sampled_from(["s", "t"])),
    (*NUMBERS, *LISTS, "d", "e", "s", "t", "seen"),
)
