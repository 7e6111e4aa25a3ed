"""A slice makes the value that the whole notebook makes, and leaves the rest behind.

Each case is a notebook cell, the name that is wanted of it, and the statements that a slice for it should leave behind. Both
the slice and the whole are run, so that a case that is silently wrong is seen, whatever the slice looks like.
"""

from __future__ import annotations

import contextlib
import io
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbdeploy.analysis.program import Program
from nbdeploy.analysis.slicing import Slice, Target, is_learnt, slice_for
from tests.analysis.notebooks import program_of, statement_with


def case(label: str, name: str, source: str, *left_behind: str, unsound: str = "") -> Any:
    """`unsound`: what is known to be wrong, so that the slice makes another value."""
    marks = [pytest.mark.xfail(strict=True, reason=unsound)] if unsound else []
    return pytest.param(name, textwrap.dedent(source).strip(), left_behind, id=label, marks=marks)


SHARING = [
    case(
        "an alias is appended to",
        "total",
        """
        rows = [1, 2]
        other = [0]
        alias = rows
        other.append(5)
        alias.append(3)
        total = sum(rows)
        """,
        "other = [0]",
        "other.append(5)",
    ),
    case(
        "an alias of an alias",
        "a",
        """
        a = {}
        b = a
        c = b
        c["k"] = 1
        """,
    ),
    case(
        "two names bound in one assignment",
        "a",
        """
        a = b = []
        b.append(1)
        """,
    ),
    case(
        "augmented assignment changes the shared list",
        "a",
        """
        a = [1]
        b = a
        b += [2]
        """,
    ),
    case(
        "a list inside a dict",
        "a",
        """
        a = [1]
        box = {"k": a}
        box["k"].append(2)
        """,
    ),
    case(
        "a list put into a dict afterwards",
        "a",
        """
        a = [1]
        box = {}
        box["k"] = a
        box["k"].append(2)
        """,
    ),
    case(
        "a list appended to a list",
        "a",
        """
        a = [1]
        boxes = []
        boxes.append(a)
        boxes[0].append(2)
        """,
    ),
    case(
        "a list kept by `update`",
        "a",
        """
        a = [1]
        box = {}
        box.update(k=a)
        box["k"].append(2)
        """,
    ),
    case(
        "a list inside a sum of lists",
        "a",
        """
        a = [1]
        boxes = [a] * 2 + []
        boxes[1].append(2)
        """,
    ),
    case(
        "a list as an attribute",
        "a",
        """
        class Box:
            pass
        a = [1]
        box = Box()
        box.kept = a
        box.kept.append(2)
        """,
    ),
    case(
        "a list given to a constructor",
        "items",
        """
        class Box:
            def __init__(self, items):
                self.items = items
            def put(self, item):
                self.items.append(item)
        items = []
        box = Box(items)
        box.put(3)
        """,
    ),
    case(
        "a list that a function keeps in a global",
        "a",
        """
        kept = []
        def keep(value):
            kept.append(value)
        a = [1]
        keep(a)
        kept[0].append(2)
        """,
    ),
    case(
        "a function returns its argument",
        "a",
        """
        def same(value):
            return value
        a = [1]
        b = same(a)
        b.append(2)
        """,
    ),
    case(
        "rows changed in a loop over them",
        "rows",
        """
        rows = [[1], [2]]
        for row in rows:
            row.append(0)
        """,
    ),
    case(
        "frames changed in a loop over a tuple of them",
        "train",
        """
        train = {"x": 1}
        test = {"x": 2}
        for frame in (train, test):
            frame["x"] += 1
        """,
    ),
    case(
        "rows changed through zip",
        "rows",
        """
        rows = [[1], [2]]
        for row, number in zip(rows, [5, 6]):
            row.append(number)
        """,
    ),
    case(
        "values changed through items()",
        "table",
        """
        table = {"a": [1]}
        for key, value in table.items():
            value.append(2)
        """,
    ),
    case(
        "rows shared by a comprehension",
        "a",
        """
        a = [[1], [2]]
        heads = [row for row in a]
        heads[0].append(9)
        """,
    ),
    case(
        "rows shared by sorted()",
        "a",
        """
        a = [[2], [1]]
        b = sorted(a)
        b[0].append(9)
        """,
    ),
    case(
        "what get() answers is changed",
        "table",
        """
        table = {"a": []}
        table.get("a").append(1)
        """,
    ),
    case(
        "a list that is a default argument",
        "seen",
        """
        seen = []
        def note(value, to=seen):
            to.append(value)
        note(1)
        """,
    ),
    case(
        "a copy is changed",
        "a",
        """
        a = [1, 2]
        b = a.copy()
        b.append(3)
        """,
        "b = a.copy()",
        "b.append(3)",
    ),
    case(
        "an array made of a list is changed",
        "a",
        """
        import numpy as np
        a = [1, 2]
        b = np.array(a)
        b[0] = 9
        """,
        "import numpy as np",
        "b = np.array(a)",
        "b[0] = 9",
    ),
]

IN_PLACE = [
    case(
        "a numpy view is assigned to",
        "arr",
        """
        import numpy as np
        arr = np.zeros(5)
        view = arr[1:3]
        view[:] = 7
        other = np.ones(2)
        other[0] = 5
        """,
        "other = np.ones(2)",
        "other[0] = 5",
    ),
    case(
        "numpy views by ravel, T, reshape and asarray",
        "arr",
        """
        import numpy as np
        arr = np.zeros((2, 3))
        flat = arr.ravel()
        flat[0] = 3
        turned = arr.T
        turned[1, 0] = 4
        shaped = arr.reshape(6)
        shaped[5] = 1
        same = np.asarray(arr)
        same[0, 2] = 8
        """,
    ),
    case(
        "a numpy view changed by an operator",
        "arr",
        """
        import numpy as np
        arr = np.zeros(3)
        view = arr[1:]
        view += 1
        """,
    ),
    case(
        "numpy functions with out=",
        "arr",
        """
        import numpy as np
        arr = np.ones(3)
        np.multiply(arr, 2, out=arr)
        """,
    ),
    case(
        "numpy's ufunc.at",
        "arr",
        """
        import numpy as np
        arr = np.ones(3)
        np.add.at(arr, [0, 0], 2)
        """,
    ),
    case(
        "numpy fills a diagonal",
        "arr",
        """
        import numpy as np
        arr = np.zeros((2, 2))
        np.fill_diagonal(arr, 1)
        """,
    ),
    case(
        "every second item is assigned",
        "arr",
        """
        import numpy as np
        arr = np.arange(6)
        arr[::2] = 0
        """,
    ),
    case(
        "a key is deleted",
        "table",
        """
        table = {"a": 1, "b": 2}
        other = {"a": 1}
        del table["a"]
        del other["a"]
        """,
        'other = {"a": 1}',
        'del other["a"]',
    ),
    case(
        "every second row is assigned",
        "df",
        """
        import pandas as pd
        df = pd.DataFrame({"a": range(6)})
        df.loc[::2, "a"] = 0
        """,
    ),
    case(
        "masked rows are assigned",
        "df",
        """
        import pandas as pd
        df = pd.DataFrame({"a": range(6)})
        mask = df.a > 2
        df[mask] = 0
        """,
    ),
    case(
        "a column is deleted",
        "df",
        """
        import pandas as pd
        df = pd.DataFrame({"a": range(6), "b": 1})
        del df["b"]
        """,
    ),
    case(
        "pop, insert, columns, index name and single cells",
        "df",
        """
        import pandas as pd
        df = pd.DataFrame({"a": [1, 2], "y": [3, 4]})
        y = df.pop("y")
        df.insert(0, "z", 5)
        df.iat[0, 0] = 9
        df.at[1, "a"] = 8
        df.columns = ["b", "c"]
        df.index.name = "i"
        """,
    ),
    case(
        "a list is sorted, a heap filled",
        "heap",
        """
        import heapq
        from heapq import heappush
        heap = [3, 1, 2]
        heapq.heapify(heap)
        heappush(heap, 0)
        heap.sort()
        """,
    ),
    case(
        "an attribute, by assignment and by setattr",
        "x",
        """
        class Box:
            pass
        box = Box()
        box.a = 1
        setattr(box, "b", 2)
        x = box.a + box.b
        """,
    ),
    case(
        "vars() is assigned to",
        "x",
        """
        class Box:
            a = 1
        box = Box()
        vars(box)["a"] = 2
        x = box.a
        """,
    ),
    case(
        "a method changes its object",
        "x",
        """
        class Counter:
            n = 0
            def up(self):
                self.n += 1
                return self.n
        counter = Counter()
        counter.up()
        x = counter.n
        """,
    ),
    case(
        "a method changes its object, and its answer is kept",
        "x",
        """
        class Counter:
            n = 0
            def up(self):
                self.n += 1
                return self.n
        counter = Counter()
        first = counter.up()
        x = counter.up()
        """,
    ),
    case(
        "a generator of random numbers is drawn from",
        "b",
        """
        import numpy as np
        rng = np.random.default_rng(0)
        a = rng.normal(size=2)
        b = rng.normal(size=2)
        """,
    ),
    case(
        "an iterator is drawn from",
        "rest",
        """
        numbers = (i for i in range(4))
        head = next(numbers)
        rest = list(numbers)
        """,
    ),
    case(
        "pop, and its answer is kept",
        "stack",
        """
        stack = [1, 2, 3]
        top = stack.pop()
        """,
    ),
    case(
        "pop inside an assertion",
        "stack",
        """
        stack = [1, 2]
        assert stack.pop() == 2
        """,
    ),
    case(
        "pop inside a print",
        "stack",
        """
        stack = [1, 2, 3]
        print(stack.pop())
        """,
    ),
    case(
        "a list filled inside expressions",
        "log",
        """
        log = []
        True and log.append(1)
        [log.append(i) for i in range(3)]
        _ = [log.append(i) for i in range(3)]
        """,
    ),
    case(
        "a function of the notebook changes its argument",
        "table",
        """
        def fill(target):
            target["k"] = 1
        table = {}
        fill(table)
        """,
    ),
    case(
        "a function changes its argument through another",
        "table",
        """
        def put(target):
            target["k"] = 1
            return target
        def fill(target):
            return put(target)
        table = {}
        x = fill(table)
        """,
    ),
    case(
        "a function changes an argument given by keyword",
        "table",
        """
        def fill(n, target):
            target["k"] = n
            return n
        table = {}
        x = fill(1, target=table)
        """,
    ),
    case(
        "a function changes one of its *arguments",
        "table",
        """
        def fill(*targets):
            for each in targets:
                each["k"] = 1
            return 1
        table = {}
        x = fill(table)
        """,
    ),
    case(
        "a function changes a global",
        "table",
        """
        table = {}
        def fill():
            table["k"] = 1
        fill()
        """,
    ),
    case(
        "a function rebinds a global",
        "count",
        """
        count = 0
        def bump():
            global count
            count += 1
        bump()
        bump()
        """,
    ),
    case(
        "a callback changes a global",
        "seen",
        """
        seen = []
        def note(value):
            seen.append(value)
            return value
        noted = list(map(note, [1, 2]))
        """,
    ),
    case(
        "a lambda changes a global",
        "seen",
        """
        seen = []
        note = lambda value: seen.append(value)
        x = note(1)
        """,
    ),
    case(
        "a function keeps state of its own",
        "x",
        """
        def note(value, seen=[]):
            seen.append(value)
            return list(seen)
        note(1)
        x = note(2)
        """,
    ),
    case(
        "a closure counts",
        "x",
        """
        def make():
            n = [0]
            def step():
                n[0] += 1
                return n[0]
            return step
        step = make()
        step()
        x = step()
        """,
    ),
]

PROCESS = [
    case(
        "seeds",
        "x",
        """
        import random
        import numpy as np
        noise = 1
        random.seed(1)
        np.random.seed(2)
        x = [random.random(), np.random.rand()]
        """,
        "noise = 1",
    ),
    case(
        "random numbers drawn before",
        "b",
        """
        import numpy as np
        np.random.seed(0)
        a = np.random.rand(2)
        b = np.random.rand(2)
        """,
    ),
    case(
        "a list is shuffled",
        "xs",
        """
        import random
        random.seed(0)
        xs = [1, 2, 3, 4]
        random.shuffle(xs)
        """,
    ),
    case(
        "environment variables",
        "x",
        """
        import os
        os.environ["NBD_ONE"] = "3"
        x = int(os.environ["NBD_ONE"])
        """,
    ),
    case(
        "environment variables by two names",
        "x",
        """
        import os
        from os import environ
        environ["NBD_TWO"] = "4"
        x = os.environ["NBD_TWO"]
        """,
    ),
    case(
        "environment variables by update",
        "x",
        """
        import os
        os.environ.update(NBD_THREE="3")
        x = os.environ["NBD_THREE"]
        """,
    ),
    case(
        "scikit-learn's configuration",
        "x",
        """
        import sklearn
        from sklearn.preprocessing import StandardScaler
        sklearn.set_config(transform_output="pandas")
        x = type(StandardScaler().fit_transform([[1.0], [2.0]])).__name__
        sklearn.set_config(transform_output="default")
        """,
    ),
    case(
        "pandas' options",
        "x",
        """
        import pandas as pd
        pd.options.display.max_rows = 7
        x = pd.get_option("display.max_rows")
        """,
    ),
    case(
        "the working directory",
        "x",
        """
        import os
        os.mkdir("inner")
        os.chdir("inner")
        x = os.path.basename(os.getcwd())
        """,
    ),
    case(
        "the search path of imports",
        "x",
        """
        import sys
        sys.path.append("nowhere")
        x = "nowhere" in sys.path
        sys.path.remove("nowhere")
        """,
    ),
    case(
        "a setting of a module's object",
        "x",
        """
        import decimal
        decimal.getcontext().prec = 5
        x = str(decimal.Decimal(1) / 3)
        """,
    ),
    case(
        "a module and a class are patched",
        "x",
        """
        import math
        class Box:
            pass
        math.four = 4
        Box.k = 3
        x = math.four + Box().k
        """,
    ),
    case(
        "a file is written, then read",
        "x",
        """
        with open("k.txt", "w") as file:
            file.write("6")
        x = open("k.txt").read()
        """,
    ),
    case(
        "a frame is written, then read",
        "x",
        """
        import pandas as pd
        df = pd.DataFrame({"a": [1]})
        df.to_csv("k.csv", index=False)
        x = pd.read_csv("k.csv")
        """,
    ),
]

DEFINITIONS = [
    case(
        "a constant is bound anew between a function and its call",
        "x",
        """
        k = 1
        def f():
            return k
        k = 2
        x = f()
        """,
        "k = 1",
    ),
    case(
        "a constant is bound anew after the last call",
        "x",
        """
        k = 1
        def f():
            return k
        x = f()
        k = 2
        """,
        "k = 2",
    ),
    case(
        "a constant is bound anew between a lambda and its call",
        "x",
        """
        k = 1
        f = lambda: k
        k = 2
        x = f()
        """,
        "k = 1",
    ),
    case(
        "a constant is bound anew before a method is called",
        "x",
        """
        k = 1
        class Box:
            def m(self):
                return k
        box = Box()
        k = 2
        x = box.m()
        """,
    ),
    case(
        "a constant is bound anew after a function was put into a table",
        "x",
        """
        k = 1
        def f():
            return k
        table = {"f": f}
        k = 2
        x = table["f"]()
        """,
        "k = 1",
    ),
    case(
        "a default argument is read at the definition",
        "x",
        """
        k = 4
        def f(a=k):
            return a
        k = 5
        x = f()
        """,
        "k = 5",
    ),
    case(
        "a decorator reads a global",
        "x",
        """
        scale = 3
        unused = 1
        def times(function):
            return lambda value: function(value) * scale
        @times
        def g(value):
            return value + 1
        x = g(1)
        """,
        "unused = 1",
    ),
    case(
        "a decorator with arguments",
        "x",
        """
        factor = 3
        def times(n):
            def wrap(function):
                return lambda value: function(value) * n
            return wrap
        @times(factor)
        def g(value):
            return value + 1
        x = g(1)
        """,
    ),
    case(
        "a class body and a method read globals",
        "x",
        """
        base = 2
        other = 3
        unused = 4
        class Box:
            k = base * 10
            def m(self):
                return self.k + other
        x = Box().m()
        """,
        "unused = 4",
    ),
    case(
        "a base class",
        "x",
        """
        class A:
            def m(self):
                return 1
        class B(A):
            pass
        x = B().m()
        """,
    ),
    case(
        "a dataclass",
        "x",
        """
        from dataclasses import dataclass, field
        @dataclass
        class Box:
            items: list = field(default_factory=list)
        box = Box()
        box.items.append(2)
        x = box.items
        """,
    ),
    case(
        "a conditional definition",
        "x",
        """
        fast = True
        if fast:
            def f():
                return 1
        else:
            def f():
                return 2
        x = f()
        """,
    ),
    case(
        "an import that is tried",
        "x",
        """
        try:
            import there_is_no_such_module as m
        except ImportError:
            import math as m
        x = m.sqrt(4)
        """,
    ),
    case(
        "a star import",
        "x",
        """
        from math import *
        x = sqrt(4)
        """,
    ),
    case(
        "functions as callbacks, in tables and as partials",
        "x",
        """
        from functools import partial
        k = 3
        def add(a, b=0):
            return a + b + k
        table = {"add": add}
        plus_one = partial(add, 1)
        x = [*map(add, [1, 2]), table["add"](1), plus_one(2)]
        """,
    ),
    case(
        "an attribute of a function",
        "x",
        """
        def f():
            return f.n
        f.n = 3
        x = f()
        """,
    ),
]

CONTROL = [
    case(
        "a name bound under a condition",
        "x",
        """
        x = 1
        flag = False
        if flag:
            x = 2
        """,
    ),
    case(
        "a name bound by a try that fails",
        "x",
        """
        x = 1
        try:
            int("z")
            x = 2
        except ValueError:
            pass
        """,
    ),
    case(
        "a name bound in a with that swallows an error",
        "x",
        """
        from contextlib import suppress
        x = 1
        with suppress(ZeroDivisionError):
            x = 1 / 0
        """,
    ),
    case(
        "a name bound in a loop over nothing",
        "x",
        """
        x = 0
        for i in []:
            x = i
        """,
    ),
    case(
        "a loop that reads before it binds",
        "x",
        """
        previous = 10
        x = 0
        for i in range(3):
            x += previous
            previous = i
        """,
    ),
    case(
        "a loop that binds before it reads",
        "x",
        """
        k = 5
        for i in range(2):
            k = i
            x = k
        """,
        "k = 5",
    ),
    case("a loop variable after its loop", "i", "for i in range(3):\n    pass"),
    case(
        "a while loop",
        "n",
        """
        n = 0
        limit = 3
        while n < limit:
            n += 1
        """,
    ),
    case(
        "an accumulator",
        "total",
        """
        total = 0
        for i in range(3):
            total += i
        """,
    ),
    case(
        "unpacking, with a star and in a swap",
        "rest",
        """
        a, b = 1, 2
        a, b = b, a
        c = 3
        first, *rest = [a, b]
        """,
        "c = 3",
    ),
    case(
        "a walrus, a match and a with",
        "x",
        """
        import io
        if (n := len([1, 2, 3])) > 2:
            big = True
        match {"k": n}:
            case {"k": found}:
                x = found
        with io.StringIO("abc") as file:
            x = file.read() * x
        """,
    ),
    case(
        "names of comprehensions stay inside",
        "x",
        """
        a = 7
        row = 8
        k = 3
        x = [a * k for row in [[1], [2]] for a in row if a < k]
        """,
        "a = 7",
        "row = 8",
    ),
    case(
        "a deleted name, bound again",
        "x",
        """
        x = 1
        y = x
        del x
        x = 5
        """,
        "x = 1",
        "y = x",
        "del x",
    ),
    case(
        "several statements on a line",
        "b",
        "a = 1; b = a + 1; c = 3",
        "c = 3",
    ),
    case(
        "a name inside an f-string",
        "x",
        """
        k = 2
        x = f"{k:>{k}}"
        """,
    ),
    case(
        "what is only shown",
        "x",
        """
        x = 1
        print(x)
        x
        y = 2
        """,
        "print(x)",
        "x",
        "y = 2",
    ),
]

HIDDEN = [
    case(
        "globals() is assigned to",
        "k",
        """
        k = 1
        globals()["k"] = 2
        """,
    ),
    case(
        "eval reads a name",
        "x",
        """
        k = 1
        x = eval("k + 1")
        """,
    ),
    case(
        "exec binds a name",
        "k",
        """
        k = 1
        exec("k = 2")
        """,
    ),
    case(
        "a query reads a name",
        "x",
        """
        import pandas as pd
        limit = 2
        df = pd.DataFrame({"a": [1, 2, 3]})
        x = len(df.query("a > @limit"))
        """,
    ),
]


def sliced(program: Program, name: str) -> Slice:
    return slice_for(program, [Target(name, len(program.statements))])


def texts(found: Slice) -> list[str]:
    return [each.source for each in found.statements]


def run(source: str, name: str) -> str:
    """Run a program and return what a name holds then."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(source, namespace)
        except Exception as problem:
            return f"{type(problem).__name__}: {problem}"
    return repr(namespace.get(name, "nothing"))


@pytest.fixture
def clean_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a test an empty working directory, and take its environment variables away afterwards."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("clean_process")
@pytest.mark.parametrize(
    ("name", "source", "left_behind"), [*SHARING, *IN_PLACE, *PROCESS, *DEFINITIONS, *CONTROL, *HIDDEN]
)
def test_a_slice_makes_what_the_notebook_makes(
    name: str, source: str, left_behind: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = program_of(source)
    found = sliced(program, name)
    made = run("\n".join(texts(found)), name)  # before the whole, which leaves files and settings behind
    (tmp_path / "whole").mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    assert made == run(source, name)
    kept = {each.place for each in found.statements}
    assert tuple(each.source for each in program.statements if each.place not in kept) == left_behind


def test_a_slice_crosses_cells_and_takes_the_name_as_it_stood() -> None:
    program = program_of("a = 1\nb = 2", "c = a + 1", "a = 5", "c = a + b")
    at_cell_1 = slice_for(program, [Target("c", statement_with(program, "c = a + 1").index + 1)])
    assert texts(at_cell_1) == ["a = 1", "c = a + 1"]
    assert texts(sliced(program, "c")) == ["b = 2", "a = 5", "c = a + b"]


def test_several_targets_each_stand_where_they_were_read() -> None:
    program = program_of("a = 1", "scaler = a", "a = 2", "model = a", "scaler = 'later'")
    targets = [
        Target("scaler", statement_with(program, "a = 2").index),
        Target("model", statement_with(program, "'later'").index),
    ]
    assert texts(slice_for(program, targets)) == ["a = 1", "scaler = a", "a = 2", "model = a"]


def test_a_slice_says_which_names_it_lacks() -> None:
    program = program_of("import numpy as np", "x = np.ones(size)")
    assert "size" in sliced(program, "x").missing
    assert not sliced(program_of("size = 2", "x = [0] * size"), "x").missing


def test_cells_tagged_skip_are_not_in_a_slice() -> None:
    assert texts(sliced(program_of("x = 1", ("skip", "x = 2")), "x")) == ["x = 1"]


def test_displays_inside_a_loop_are_left_behind_and_the_rest_stays_as_written() -> None:
    program = program_of(
        """
        total = 0
        for i in range(3):
            print(i)  # noisy
            total += i  # kept
            if i:
                display(i)
        """
    )
    assert texts(sliced(program, "total"))[-1].splitlines() == [
        "for i in range(3):",
        "    total += i  # kept",
    ]


# constants or learnt? ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "k = 0.5",
        "k = {'a': [1, 2]}",
        "base = 2\nk = base * 10",
        "k = sorted({'b', 'a'})",
        "import re\nk = re.compile('a')",
    ],
)
def test_what_is_written_in_the_notebook_is_not_learnt(source: str) -> None:
    program = program_of(source, "k")
    assert not is_learnt(program, "k", program.statements[-1])


@pytest.mark.parametrize(
    "source",
    [
        "import pandas as pd\nk = pd.read_csv('x.csv').age.median()",
        "rows = open('x').readlines()\nk = len(rows)",
        "import json\nsettings = json.load(open('x'))\nk = settings['threshold']",
        "def fetch():\n    return open('x').read()\nk = fetch()",
        "import numpy as np\nk = np.random.rand()",
    ],
)
def test_what_comes_from_data_is_learnt(source: str) -> None:
    program = program_of(source, "k")
    assert is_learnt(program, "k", program.statements[-1])
