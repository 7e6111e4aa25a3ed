"""Functions, classes, decorators, imports, and when they read their globals."""

from __future__ import annotations

from tests.analysis.slices.cases import case

__all__ = ["DEFINITIONS"]

DEFINITIONS = [
    case(
        "two parts of one package are imported",
        "x",
        """
        import xml.sax.saxutils
        import xml.dom.minidom
        import json
        x = xml.sax.saxutils.escape("a<b")
        """,
        "import json",
    ),
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
