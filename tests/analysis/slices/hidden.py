"""Names that only a text holds."""

from __future__ import annotations

from tests.analysis.slices.cases import case

__all__ = ["HIDDEN"]

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
