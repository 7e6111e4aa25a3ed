"""Functions that run somewhere else than they are written: given to calls, kept in generators, called inside displays."""

from __future__ import annotations

from tests.analysis.slices.cases import case

__all__ = ["CALLBACKS"]

CALLBACKS = [
    case(
        "a lambda that sorts notes what it saw",
        "seen",
        """
        seen, rows = [], [3, 1]
        ordered = sorted(rows, key=lambda n: seen.append(n) or n)
        """,
    ),
    case(
        "a lambda changes what it is called with",
        "rows",
        """
        rows = [[1], [2]]
        list(map(lambda row: row.append(0), rows))
        """,
    ),
    case(
        "a method of an object is given to a call",
        "seen",
        """
        seen = []
        list(map(seen.append, [1, 2]))
        """,
    ),
    case(
        "a function that changes an argument is given to reduce",
        "x",
        """
        from functools import reduce
        x = []
        def add(done, n):
            done.append(n)
            return done
        y = reduce(add, [1, 2], x)
        """,
    ),
    case(
        "a function of the notebook called in a comprehension",
        "rows",
        """
        def mark(row):
            row.append(0)
        rows = [[1], [2]]
        marks = [mark(row) for row in rows]
        """,
    ),
    case(
        "a function that counts is called to show its answer",
        "n",
        """
        n = 0
        def count():
            global n
            n += 1
            return n
        other = 1
        print(count())
        print(other)
        """,
        "other = 1",
        "print(other)",
    ),
    case(
        "a method that counts is called to show its answer",
        "x",
        """
        class Counter:
            def __init__(self):
                self.n = 0
            def count(self):
                self.n += 1
                return self.n
        counter = Counter()
        print(counter.count())
        x = counter.n
        """,
    ),
    case(
        "a generator expression reads a name when it is gone through",
        "x",
        """
        k = 1
        numbers = (n + k for n in [1, 2])
        k = 5
        x = list(numbers)
        """,
    ),
    case(
        "a generator expression changes something when it is gone through",
        "seen",
        """
        seen = []
        def see(n):
            seen.append(n)
            return n
        numbers = (see(n) for n in [1, 2])
        total = sum(numbers)
        """,
    ),
    case(
        "a method fetched by its name",
        "x",
        """
        x = [1]
        getattr(x, "append")(2)
        """,
    ),
    case(
        "a method called through its class",
        "x",
        """
        x = {}
        dict.update(x, a=1)
        """,
    ),
    case(
        "a lambda that draws, after a seed",
        "x",
        """
        import numpy as np
        import pandas as pd
        np.random.seed(0)
        column = pd.Series([1, 2]).apply(lambda n: n + np.random.rand())
        x = np.random.rand()
        """,
    ),
    case(
        "a stream that is set in a loop which draws from it",
        "xs",
        """
        import numpy as np
        xs = []
        for i in range(3):
            np.random.seed(i)
            print(i)
            xs.append(np.random.rand())
        """,
    ),
]
