"""What one statement binds, reads, changes and shows."""

from __future__ import annotations

import ast
import gc
import textwrap
import weakref

import pytest

from nbdeploy.analysis.display import is_display
from nbdeploy.analysis.effects import Effects, effects_of
from nbdeploy.analysis.functions import summary_of
from nbdeploy.analysis.imported import imported_by
from nbdeploy.analysis.pseudo_names import AMBIENT_STATE
from nbdeploy.analysis.targets import root_name
from nbdeploy.analysis.visitor import Visitor

IMPORTS = """
import heapq, os, random, torch
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
"""
IMPORTED = imported_by(ast.parse(IMPORTS).body)


def effects(source: str) -> Effects:
    [statement] = ast.parse(textwrap.dedent(source).strip()).body
    return effects_of(statement, IMPORTED)


@pytest.mark.parametrize(
    ("source", "defs"),
    [
        ("x = 1", "x"),
        ("x: int = 1", "x"),
        ("x: int", ""),
        ("a = b = 1", "a b"),
        ("a, (b, *c) = value", "a b c"),
        ("x += 1", "x"),
        ("for i, (a, b) in pairs: c = i", "i a b c"),
        ("with open(p) as f, g() as (a, b): x = 1", "f a b x"),
        ("import os.path", "os"),
        ("import numpy as np, re", "np re"),
        ("from a import b as c, d", "c d"),
        ("def f(a): b = a", "f"),
        ("async def f(): pass", "f"),
        ("class A:\n    k = 1", "A"),
        ("try:\n    a = 1\nexcept E as e:\n    b = 2", "a b e"),
        ("if (n := f()): m = n", "n m"),
        ("x = [y := a for a in b]", "x y"),
        (
            "match v:\n    case {'k': a, **rest}: pass\n    case [b, *c]: pass\n    case A(d=d) as e: pass",
            "a b c d e rest",
        ),
        ("x[0] = 1", ""),
        ("x.a = 1", ""),
        ("x, y[0], z.a = 1, 2, 3", "x"),
        ("del x", "x"),
    ],
)
def test_names_that_a_statement_binds(source: str, defs: str) -> None:
    assert effects(source).defs == set(defs.split())


@pytest.mark.parametrize(
    ("source", "kills"),
    [
        ("a = b = 1", "a b"),
        ("a, (b, *c) = value", "a b c"),
        ("x += 1", ""),
        ("if c: x = 1", ""),
        ("if c:\n    x = y = 1\nelse:\n    x = 2", "x"),
        ("for i in r: x = 1", ""),
        ("while c: x = 1", ""),
        ("try:\n    x = 1\nexcept E:\n    pass", ""),
        ("def f(): pass", "f"),
        ("import a, b", "a b"),
    ],
)
def test_names_that_are_certainly_bound_anew(source: str, kills: str) -> None:
    assert effects(source).kills == set(kills.split())


@pytest.mark.parametrize(
    ("source", "refs"),
    [
        ("x = a + b.c[d]", "a b d"),
        ("x += a", "x a"),
        ("x[i] = v", "x i v"),
        ("x.a.b = v", "x v"),
        ("x = f'{a:>{b}} {c!r}'", "a b c"),
        ("x = [a * k for a in rows if a > low]", "rows k low"),
        ("x = {a: b for a, b in pairs for c in a}", "pairs"),
        ("x = [a for a in a]", "a"),
        ("x = (lambda a, b=k: a + b + late)", "k"),
        ("def f(a, *, b=k, **c) -> Kind: return late", "k Kind"),
        ("def f(a: Kind): pass", "Kind"),
        ("@deco(k)\ndef f(): pass", "deco k"),
        ("class A(Base, metaclass=M):\n    k = outer\n    j = k", "Base M outer"),
        ("for i in i: print(i)", "i print"),
        ("for i in r: x = i", "r"),
        ("for i in r: x = x + i", "r x"),
        ("with f(a) as b: x = b.read(c)", "f a c"),
        ("del x[k]", "x k"),
        ("x = y = z", "z"),
        ("a, b = b, a", "a b"),
        ("assert x, y", "x y"),
        ("raise E(x) from y", "E x y"),
        ("async with a as b: pass", "a"),
        ("match v:\n    case A(k=1) if g: x = h", "v A g h"),
        ("(a := b)", "b"),
        ("x: Kind = v", "Kind v"),
        ("if a:\n    x = b\n    y = x", "a b"),
        ("if a:\n    x = b\nelse:\n    y = x", "a b x"),
        ("if a:\n    y = x\n    x = b", "a b x"),
        ("while a:\n    x = b\n    a = x", "a b"),
        ("try:\n    x = a\n    y = x\nexcept ValueError:\n    y = 0", "ValueError a"),
        ("try:\n    x = a\nexcept ValueError:\n    y = x", "ValueError a x"),
        ("try:\n    x = a\nexcept ValueError:\n    pass\nelse:\n    y = x", "ValueError a"),
        ("for i in a:\n    if i:\n        x = i\n        b(x)", "a b"),
    ],
)
def test_names_that_are_read_while_the_statement_runs(source: str, refs: str) -> None:
    assert effects(source).refs == set(refs.split())


@pytest.mark.parametrize(
    ("source", "late"),
    [
        ("def f(a):\n    b = a + k\n    return b", "k"),
        ("def f():\n    def g():\n        return x + y\n    x = 1\n    return g", "y"),
        ("f = lambda a: a + k", "k"),
        ("class A:\n    def m(self):\n        return k + self.k", "k"),
        ("class A:\n    k = 1\n    def m(self):\n        return k", "k"),
        ("def f():\n    global n\n    n += 1", "n"),
        ("def f(xs):\n    return [x * k for x in xs]", "k"),
        ("def f():\n    import re\n    return re.sub", ""),
        ("def f():\n    try:\n        pass\n    except E as e:\n        return e", "E"),
    ],
)
def test_names_that_are_read_when_a_function_is_called(source: str, late: str) -> None:
    assert effects(source).late == set(late.split())


@pytest.mark.parametrize(
    ("source", "mutates"),
    [
        ("x[0] = 1", "x"),
        ("x.a.b[0] = 1", "x"),
        ("del x[0]", "x"),
        ("x += 1", "x"),
        ("df['a'] += 1", "df"),
        ("df.loc[mask, 'a'] = 0", "df"),
        ("x.append(1)", "x"),
        ("x = y.pop()", "y"),
        ("x.unknown(1)", "x"),
        ("x.y.unknown(1)", "x"),
        ("x = y.fit(a)", "y"),
        ("x.sort_values('a')", ""),
        ("df.drop(columns='a', inplace=True)", "df"),
        ("df.drop(columns='a', inplace=False)", ""),
        ("df.drop(columns='a', inplace=flag)", "df"),
        ("t.zero_()", "t"),
        ("y = t.add_(1)", "t"),
        ("change(a, key=b)", "a|b"),
        ("np.copyto(a, b)", "a|b"),
        ("x = heapq.heappop(heap)", "heap"),
        ("random.shuffle(xs)", "xs|<random python>"),
        ("setattr(x, 'a', 1)", "x"),
        ("delattr(x, 'a')", "x"),
        ("np.random.seed(1)", "<random numpy>"),
        ("torch.manual_seed(1)", "<random torch>"),
        ("os.environ['K'] = '1'", f"os|{AMBIENT_STATE}"),
        ("pd.options.display.max_rows = 3", f"pd|{AMBIENT_STATE}"),
        ("pd.set_option('a', 1)", AMBIENT_STATE),
        ("x = sorted(y)", ""),
        ("x = y.predict(z)", ""),
        ("def f(): x.append(1)", ""),
        ("[a.append(1) for a in rows]", ""),
        ("print(x)", ""),
    ],
)
def test_names_whose_object_may_change(source: str, mutates: str) -> None:
    assert effects(source).mutates == set(mutates.split("|")) - {""}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("[a.append(1) for a in rows]", "rows"),
        ("n = model.unknown(X)", "model"),
        ("n = unknown(X)", "unknown"),
        ("n = a.copy()", ""),
        ("n = len(a)", ""),
    ],
)
def test_names_whose_object_might_be_changed_for_all_that_is_known(source: str, names: str) -> None:
    assert effects(source).may_change == set(names.split())


@pytest.mark.parametrize(
    ("source", "shared"),
    [
        ("a = b", "b"),
        ("a = b[1:]", "b"),
        ("a = b.T", "b"),
        ("a = b.view()", "b"),
        ("a = b.copy()", "b"),
        ("a = [b, {'k': c}]", "b c"),
        ("a = b if k else c", "b c"),
        ("a = b or c", "b c"),
        ("a = [x for x in b]", "b"),
        ("a = list(b)", "b"),
        ("a = Box(b)", "b Box"),
        ("a = np.asarray(b)", "b"),
        ("a = np.array(b)", ""),
        ("a = b + c", "b c"),  # of torch, which is imported: backward() goes through the sum
        ("for a in zip(b, c): pass", "b c"),
        ("with b as a: pass", "b"),
        ("a, d = b, c", "b"),
        ("a = (d := b)", "b"),
    ],
)
def test_names_that_may_share_an_object_afterwards(source: str, shared: str) -> None:
    pairs = effects(source).aliases
    assert {each.other for each in pairs if each.name == "a"} == set(shared.split())


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("model.fit(X, y)", [("model", "fit", 1)]),
        ("x = a.fit_transform(b).c", [("a", "fit_transform", 1)]),
        ("Model().fit(X)", [(None, "fit", 1)]),
        ("for e in r:\n    loss.backward()\n    opt.step()", [("loss", "backward", 2), ("opt", "step", 3)]),
        ("def f(m): m.fit(X)", []),
        ("x = model.predict(X)", []),
        ("np.fit(X)", []),
    ],
)
def test_calls_that_train(source: str, calls: list[tuple[str | None, str, int]]) -> None:
    assert [(each.receiver, each.method, each.line) for each in effects(source).trains] == calls


@pytest.mark.parametrize(
    "source",
    [
        "x",
        "x.shape",
        "x[0]",
        "x == y",
        "print(x)",
        "display(x)",
        "plt.plot(x)",
        "plt.figure().gca().plot(x)",
        "_ = plt.title('a')",
        "ax = plt.gca()",
        "df.head()",
        "df.a.value_counts()",
        "df.describe(), df.shape",
        "'a docstring'",
        "f'{x}'",
        "pass",
    ],
)
def test_what_only_shows(source: str) -> None:
    assert is_display(ast.parse(source).body[0], IMPORTED)


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "x.append(1)",
        "model.fit(X)",
        "f(x)",
        "model.predict(X)",
        "x = df.head()",
        "for i in x: print(i)",
        "del x",
    ],
)
def test_what_does_more_than_show(source: str) -> None:
    assert not is_display(ast.parse(source).body[0], IMPORTED)


@pytest.mark.parametrize(
    ("source", "positions"),
    [
        ("def f(a, b): b['k'] = 1", {1}),
        ("def f(a, b): b['k'] = a", {1}),
        ("def f(a, /, b): a.append(b)", {0}),
        ("def f(df):\n    df = df.copy()\n    df['a'] = 1\n    return df", set()),
        ('def f(df):\n    "Doc."\n    df = df.copy()\n    df["a"] = 1', set()),
        ("def f(df):\n    other = df\n    other['a'] = 1", {0}),
        ("def f(df):\n    df['a'] = 1\n    df = df.copy()", {0}),
        ("def f(a): return a + 1", set()),
        ("def f(rows):\n    for row in rows:\n        row['k'] = 1", {0}),
    ],
)
def test_parameters_that_a_function_changes(source: str, positions: set[int]) -> None:
    [function] = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    summary = summary_of(function, IMPORTED)
    assert {summary.order.index(name) for name in summary.parameters} == positions


@pytest.mark.parametrize(
    ("source", "root"),
    [
        ("df", "df"),
        ("df.a", "df"),
        ("df['a'].b[0]", "df"),
        ("df.loc[m, 'a']", "df"),
        ("f(x).a", None),
        ("(a + b).c", None),
    ],
)
def test_the_name_at_the_root_of_an_expression(source: str, root: str | None) -> None:
    assert root_name(ast.parse(source, mode="eval").body) == root


def test_a_visitor_goes_when_it_is_done_and_leaves_nothing_to_the_garbage_collector() -> None:
    gc.disable()
    try:
        visitor = Visitor(IMPORTED)
        visitor.visit(ast.parse("model.fit([row for row in rows], key=lambda row: row.age)"))
        gone = weakref.ref(visitor)
        del visitor
        assert gone() is None
    finally:
        gc.enable()
