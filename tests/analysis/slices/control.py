"""Branches, loops, bindings of every form."""

from __future__ import annotations

from tests.analysis.slices.cases import case

__all__ = ["CONTROL"]

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
    case(
        "the else of a loop over nothing",
        "x",
        """
        k = 5
        for i in []:
            k = i
        else:
            x = k
        """,
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
        "a name that is deleted where another is needed",
        "x",
        """
        a = [1]
        x = 0
        if not x:
            del a
            a = [x]
            x = len(a)
        """,
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
    case(
        "a class that is imported by the name of its instance",
        "x",
        """
        from sklearn.linear_model import LinearRegression as model
        X = [[1.0], [2.0], [3.0]]
        model = model()
        model.fit(X, [1.0, 2.0, 4.0])
        x = model.coef_.tolist()
        """,
    ),
    case(
        "a plot by pandas of what the model has learnt",
        "model",
        """
        import pandas as pd
        model = {"weights": [1.0, 2.0]}
        weights = pd.Series(model["weights"])
        weights.sort_values().plot.barh(title="weights")
        """,
        "import pandas as pd",
        'weights = pd.Series(model["weights"])',
        'weights.sort_values().plot.barh(title="weights")',
    ),
    case(
        "a comprehension that is shown",
        "model",
        """
        import pandas as pd
        model = {"weights": [1.0, 2.0]}
        words = pd.DataFrame({"a": model["weights"]})
        {name: words[name].nlargest(1).index.tolist() for name in words}
        """,
        "import pandas as pd",
        'words = pd.DataFrame({"a": model["weights"]})',
        "{name: words[name].nlargest(1).index.tolist() for name in words}",
    ),
]
