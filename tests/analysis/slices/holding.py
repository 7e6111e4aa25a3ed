"""What an object holds after an expression, a call or a pattern: parts that other names change."""

from __future__ import annotations

from tests.analysis.slices.cases import case

__all__ = ["HOLDING"]

HOLDING = [
    case(
        "a function puts one argument into another",
        "box",
        """
        def put(box, row):
            box.append(row)
        box, row = [], [1]
        put(box, row)
        row.append(2)
        """,
    ),
    case(
        "a function puts an argument into another by a second function",
        "row",
        """
        def put(box, row):
            box.append(row)
        def hand_on(box, row):
            put(box, row)
        box, row = [], [1]
        hand_on(box, row)
        box[0].append(2)
        """,
    ),
    case(
        "an answer is the default of a parameter",
        "first",
        """
        def collect(n, found=[]):
            found.append(n)
            return found
        first = collect(1)
        second = collect(2)
        """,
    ),
    case(
        "what a function answers is changed at once",
        "store",
        """
        store = []
        def get():
            return store
        get().append(1)
        """,
    ),
    case(
        "a function changes a part of a global by a name of its own",
        "store",
        """
        store = {"a": []}
        def add(n):
            for row in store.values():
                row.append(n)
        add(2)
        """,
    ),
    case(
        "a function changes a copy of a global",
        "x",
        """
        settings = {"a": 1}
        def changed():
            mine = settings.copy()
            mine["a"] = 2
            return mine
        other = changed()
        x = settings["a"]
        """,
        'def changed():\n    mine = settings.copy()\n    mine["a"] = 2\n    return mine',
        "other = changed()",
    ),
    case(
        "the default of setdefault is changed",
        "row",
        """
        table, row = {}, []
        table.setdefault("k", row).append(7)
        """,
    ),
    case(
        "sums of lists and unions of dicts",
        "row",
        """
        row = [1]
        rows, table = [row], {"k": row}
        both = rows + []
        both[0].append(2)
        merged = table | {}
        merged["k"].append(3)
        """,
    ),
    case(
        "a walrus in a comprehension binds an item",
        "rows",
        """
        rows = [[1], [2]]
        sizes = [len(last) for row in rows if (last := row)]
        last.append(3)
        """,
    ),
    case(
        "a pattern binds a part of its subject",
        "box",
        """
        box = {"k": [1], "n": 2}
        match box:
            case {"k": found, **rest}:
                found.append(3)
        """,
    ),
    case(
        "a loop puts an object into another and changes it there",
        "rows",
        """
        class Box:
            pass
        box, rows = Box(), []
        for i in range(2):
            box.inner = {"rows": rows}
            box.inner["rows"].append(i)
        """,
    ),
    case(
        "a class body reads a global that it binds afterwards",
        "x",
        """
        k = 3
        class Box:
            size = k
            k = 4
        x = Box.size + Box.k
        """,
    ),
    case(
        "an attribute of a class is an object with a method of its own",
        "x",
        """
        log = []
        class Noted:
            def __get__(self, owner, kind):
                log.append(1)
                return len(log)
        class Box:
            noted = Noted()
        x = Box().noted
        """,
    ),
    case(
        "a default dict bound with others is asked",
        "x",
        """
        from collections import defaultdict
        n, table = 1, defaultdict(list)
        table["a"]
        x = list(table)
        """,
    ),
]
