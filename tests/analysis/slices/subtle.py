"""Random numbers, iterators, functions that are kept and called later: effects that no assignment shows."""

from __future__ import annotations

from tests.analysis.slices.cases import case

__all__ = ["SUBTLE"]

SUBTLE = [
    case(
        "rows sampled to look at them, after a seed",
        "x",
        """
        import numpy as np
        import pandas as pd
        np.random.seed(0)
        df = pd.DataFrame({"a": range(20)})
        df.sample(3)
        x = df.sample(3).a.tolist()
        """,
    ),
    case(
        "rows split twice, after a seed",
        "x",
        """
        import numpy as np
        from sklearn.model_selection import train_test_split
        np.random.seed(0)
        rows = list(range(20))
        other, rest = train_test_split(rows)
        x, y = train_test_split(rows)
        """,
    ),
    case(
        "an estimator without a random state, after a seed",
        "x",
        """
        import numpy as np
        from sklearn.ensemble import RandomForestClassifier
        np.random.seed(0)
        forest = RandomForestClassifier(3).fit([[float(i)] for i in range(20)], [0, 1] * 10)
        x = np.random.rand()
        """,
    ),
    case(
        "a network that is made first, after a seed",
        "x",
        """
        import torch
        torch.manual_seed(0)
        first = torch.nn.Linear(2, 2)
        second = torch.nn.Linear(2, 2)
        x = second.weight.tolist()
        """,
    ),
    case(
        "random numbers by a name of their own",
        "x",
        """
        from random import random, seed
        seed(0)
        first = random()
        x = random()
        """,
    ),
    case(
        "a generator of random numbers handed to a function",
        "x",
        """
        import numpy as np
        rng = np.random.default_rng(1)
        def draw(source):
            return source.normal()
        first = draw(rng)
        x = draw(rng)
        """,
    ),
    case(
        "weights set by Module.apply",
        "x",
        """
        import torch
        net = torch.nn.Linear(1, 1)
        def init(module):
            module.weight.data.fill_(3)
        net.apply(init)
        x = net.weight.tolist()
        """,
    ),
    case(
        "parts of a split array",
        "x",
        """
        import numpy as np
        a = np.arange(6)
        left, right = np.split(a, 2)
        left[:] = 9
        x = a.tolist()
        """,
    ),
    case(
        "an iterator that a loop leaves",
        "x",
        """
        numbers = iter(range(5))
        for number in numbers:
            if number == 1:
                break
        x = list(numbers)
        """,
    ),
    case(
        "an iterator that a print uses up",
        "x",
        """
        shown = map(str, range(3))
        print(list(shown))
        x = list(shown)
        """,
    ),
    case(
        "a constant bound anew after a lambda was put into a list",
        "x",
        """
        k = 1
        table = [lambda: k]
        k = 2
        x = table[0]()
        """,
        "k = 1",
    ),
    case(
        "a constant bound anew after a partial was made",
        "x",
        """
        from functools import partial
        k = 1
        def f(a):
            return a + k
        g = partial(f, 1)
        k = 5
        x = g()
        """,
    ),
    case(
        "an answer that a function has cached",
        "x",
        """
        from functools import lru_cache
        k = 1
        @lru_cache
        def f():
            return k
        first = f()
        k = 2
        x = f()
        """,
    ),
    case(
        "a function inside a function changes a global",
        "x",
        """
        state = {"n": 0}
        def outer():
            def inner():
                state["n"] += 1
            inner()
        outer()
        x = state["n"]
        """,
    ),
    case(
        "a decorator that registers",
        "x",
        """
        registry = {}
        def register(function):
            registry[function.__name__] = function
            return function
        @register
        def one():
            return 1
        x = registry["one"]()
        """,
    ),
    case(
        "a class that registers those that inherit it",
        "x",
        """
        registry = []
        class Base:
            def __init_subclass__(cls):
                registry.append(cls.__name__)
        class One(Base):
            pass
        x = list(registry)
        """,
    ),
    case(
        "a default dict that is read",
        "x",
        """
        from collections import defaultdict
        table = defaultdict(list)
        found = table["a"]
        x = list(table)
        """,
    ),
    case(
        "an expression of pandas reads names",
        "x",
        """
        import pandas as pd
        k = 2
        df = pd.DataFrame({"a": [1, 2]})
        x = pd.eval("df.a * k").tolist()
        """,
    ),
    case(
        "a folder is made, then looked for",
        "x",
        """
        import os
        os.makedirs("made/inner", exist_ok=True)
        x = os.path.isdir("made/inner")
        """,
    ),
    case(
        "a draw beside the value that is wanted, after a seed",
        "x",
        """
        import numpy as np
        np.random.seed(0)
        other, x = np.random.rand(), np.random.rand()
        """,
    ),
    case(
        "a value that the other one of a parallel assignment has changed",
        "x",
        """
        rows = [1, 2, 3]
        other, x = rows.pop(), len(rows)
        """,
    ),
    case(
        "names that change places",
        "x",
        """
        x, y = 1, 2
        x, y = y, x
        """,
    ),
    case(
        "one of two values that are made of different things",
        "x",
        """
        train, test = [1, 2], [3]
        low, x = min(train), min(test)
        """,
    ),
]
