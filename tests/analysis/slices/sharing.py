"""Two names hold one object, and one of them changes it."""

from __future__ import annotations

from tests.analysis.slices.cases import case

__all__ = ["SHARING"]

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
