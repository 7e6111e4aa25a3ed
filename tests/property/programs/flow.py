"""Ways of control, forms of binding, iterators; random numbers, files and settings of the process."""

from __future__ import annotations

from tests.property.programs.forms import LISTS, NUMBERS, Kind, forms

__all__ = ["FLOW"]

_BEGINNING = """
import json
import os
import random
from collections import Counter, defaultdict, deque
from contextlib import suppress
from copy import deepcopy
from io import StringIO
from itertools import chain, islice
from pathlib import Path
random.seed(0)
i, j, k = 1, 2, 3
a, b, c = [1], [2, 3], []
w, word, turns = 0, 'abc', 3
rows, d, queue, groups = [[4], [5, 6]], {'n': 7, 'it': [8]}, deque([[1]]), defaultdict(list)
it = other = iter([1, 2])
Path('one.txt').write_text('1')
open('two.json', 'w').write('[2]')
os.environ['NBD_FUZZ'] = '3'
"""

_FORMS = """
it = iter(<items>)

other = it

it = (n + <number> for n in <items>[:3])

it = chain(<items>[:2], [<number>])

it = zip(rows, <items>)

<number> = next(iter(<items>), <number 2>)

print(next(it, 0))

<items> = [len(str(each)) for each in it]

rest = list(islice(other, 1))

for each in it:
    <items>.append(<number>)
    break

<items> = [w + 1 for n in <items 2>[:3] if (w := n * 2) > <constant>]

[len(held) for row in rows if (held := row)]
rows[-1].append(<number>)

<number> = w

if (w := len(<items>)) > 1:
    <items 2>.append(w)

print(w := <number>)

del <items>
<items> = [<number>]

<number>, *<items> = [<number 2>, *<items 2>]

(<items>, (<number>, <items 2>)) = (<items 3>, (<number 2>, <items>))

<number>, <items>[:1] = <number 2>, [<number 3>]

<items>, <items 2> = <items 2>, <items>

first, *rest = rows
first.append(<number>)

for first, *rest in [rows]:
    first.append(<number>)

for d['n'] in <items>[:3]:
    pass

match d:
    case {'it': [<number>, *_] as found, **rest}:
        found.append(<number 2>)
    case {'n': <number>}:
        pass

match rows:
    case [first, *others]:
        first.append(<number>)

match <items>:
    case []:
        <number> = 0
    case [one] if one > <number 2>:
        <number> = one
    case _:
        <items 2> = <items>

rows.append(<items>)

rows = rows[-3:]

rows = rows + [<items>]

rows = [row for row in rows if row is not <items>] or [[4]]

rows = deepcopy(rows)

rows[0] += [<number>]

rows = [<items>] * 2

<items> = max(rows, key=len)

<items> = [<items 2>, <items 3>][<number> > 1]

<items> = <items 2> or <items 3>

<items> = <items 2>[:3] + <items 3>[:3]

for row, other_row in zip(rows, reversed(rows)):
    row.append(len(other_row))

<items>.append(<number>)

<items> = [<number>]

<items> = <items 2>

<items> += [<number>]

<number> = <items>.pop() if <items> else <number 2>

word = f'{<items>.pop() if <items> else word}'[:3]

word += str(<number>)[:2]

<number> = len(word)

<number> += len(<items>)

<number> = <constant>

d = {**d, 'it': <items>}

d = d | {'n': <number>}

d.setdefault('it', []).append(<number>)

d.setdefault(word, <items>).append(<number>)

d['n'] = <number>

d['it'] = d.get('it', [])[:3]

d.get('it', <items>).append(<number>)

<items> = d.get('it', [])

for name, value in d.items():
    if isinstance(value, list):
        value.append(<number>)

for value in d.values():
    isinstance(value, list) and value.append(<number>)

d = {name: value for name, value in d.items() if value != <number>}

dict.update(d, n=<number>)

groups[word].append(<number>)

groups[word]

print(groups[word])

<number> = len(groups)

queue.append(<items>)

queue.popleft() if queue else None

queue[-1].append(<number>) if queue else None

counts = Counter(<items>)
counts['x'] += <number>

random.seed(<number>)

<number> = random.randint(0, 9)

print(random.random())

random.shuffle(<items>)

<items> = random.sample(<items 2>, len(<items 2>))

state = random.getstate()
<number> = random.randint(0, 9)
random.setstate(state)

Path('one.txt').write_text(str(<number>))

<number> = len(Path('one.txt').read_text())

with open('one.txt', 'a') as file:
    file.write(str(<number>))

with open('one.txt') as file:
    word = file.read()[:3]

with open('two.json', 'w') as file:
    json.dump(<items>, file)

<items> = json.load(open('two.json'))

<number> = len(os.listdir('.'))

open(word[:1] + '.txt', 'w').close()

os.environ['NBD_FUZZ'] = str(<number>)

<number> = int(os.environ['NBD_FUZZ'])

text = StringIO()
print(<items>, file=text)
word = text.getvalue()[:3]

exec('<number> = <number 2> + 1')

<number> = eval('<number 2> + 1')

assert <items>.append(<number>) is None

<items>

print(<items>, rows)
"""

FLOW = Kind(_BEGINNING.strip(), forms(_FORMS), (*NUMBERS, *LISTS, "rows", "d", "w", "word", "queue", "groups"))
