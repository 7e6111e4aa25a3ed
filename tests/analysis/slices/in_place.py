"""Objects change in place: by assignment, by methods, by functions."""

from __future__ import annotations

from tests.analysis.slices.cases import case

__all__ = ["IN_PLACE"]

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
