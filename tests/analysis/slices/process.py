"""What no name holds: seeds, options, environment variables, files."""

from __future__ import annotations

from tests.analysis.slices.cases import case

__all__ = ["PROCESS"]

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
