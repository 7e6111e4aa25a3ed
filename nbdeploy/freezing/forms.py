"""How each kind of aggregate is frozen: what is computed once on the training side, and what stands in its place.

A number of a column (`X.Age.median()`) gives way to its name. What answers row by row (dummies, codes, ranks, bins, group
means) is taken apart: what it learns of all rows (columns, categories, edges) is the constant, and the rest still runs for
each request.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass

from nbdeploy.analysis.targets import given_to
from nbdeploy.analysis.walking import walk

__all__ = ["Form", "Seen", "form_of"]


@dataclass(frozen=True, slots=True)
class Form:
    """`node` gives way to `instead(name)`, where `name` is a constant with the value of the expression `constant`."""

    node: ast.expr
    constant: str
    instead: Callable[[str], str]
    wish: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An aggregate in its surroundings: `parents` by the id of a node, `text_of` gives an expression's text in one line."""

    node: ast.expr
    what: str
    parents: Mapping[int, ast.AST]
    text_of: Callable[[ast.expr], str]

    def around(self, node: ast.AST | None = None) -> ast.AST | None:
        return self.parents.get(id(node or self.node))


def form_of(seen: Seen) -> Form | str:
    """Return how an aggregate is frozen, or why it can't be."""
    if seen.what in _SPECIAL:
        return _SPECIAL[seen.what](seen)
    if seen.what.startswith("groupby(...)."):
        return _grouped(seen)
    if seen.what in _NO_NUMBER:
        return _NO_NUMBER[seen.what]
    return _reduction(seen)


_SCALER = (
    "it answers row by row and keeps nothing: fit a scaler of scikit-learn (StandardScaler, ...) on the training rows"
)
_NO_NUMBER = {
    **dict.fromkeys(
        ("scale", "minmax_scale", "maxabs_scale", "robust_scale", "power_transform", "quantile_transform", "zscore"),
        _SCALER,
    ),
    "rankdata": "use Series.rank(), which can be frozen",
    "add_constant": "it needs no freezing",
}


_IN_ORDER = {
    "cumcount", "cummax", "cummin", "cumprod", "cumsum", "diff", "head", "ngroup", "nth", "rank", "shift", "tail",
}  # fmt: skip


# a number, or a few ------------------------------------------------------------------------------------------------------


def _reduction(seen: Seen) -> Form:
    """`df.Age.median()`, `df.City.mode()[0]`, `{c: df[c].mean() for c in columns}`."""
    node = _collected(seen, _continued(seen, seen.node))
    what = seen.what.rpartition(".")[2]
    if what == "value_counts" and re.search(r"index\[0\]$|idxmax\(\)$", ast.unparse(node)):
        what = "mode"
    wish = f"{subject(seen.node)} {what} {_share(seen.node)}"
    return Form(node, seen.text_of(node), lambda name: name, wish)


def _share(node: ast.expr) -> str:
    """Return what tells `X.quantile(0.25)` from `X.quantile(0.75)`."""
    if not re.search(r"(quantile|percentile)$", ast.unparse(node.func) if isinstance(node, ast.Call) else ""):
        return ""
    given = [each for each in given_to(node) if isinstance(each, ast.Constant)] if isinstance(node, ast.Call) else []
    numbers = [each.value for each in given if isinstance(each.value, int | float) and not isinstance(each.value, bool)]
    return " ".join(str(each).replace(".", "_").replace("-", "minus ") for each in numbers)


def _continued(seen: Seen, node: ast.expr) -> ast.expr:
    """Return the chain that goes on with constants only: `.mode()[0]`, `.value_counts().index[0]`."""
    while True:
        match seen.around(node):
            case ast.Attribute(value=value) as outer if value is node:
                called = seen.around(outer)
                if isinstance(called, ast.Call) and called.func is outer:
                    if any(isinstance(each, ast.Name) for part in given_to(called) for each in walk(part)):
                        return node
                    outer = called  # type: ignore[assignment]
                node = outer
            case ast.Subscript(value=value, slice=part) as outer if value is node:
                if any(isinstance(each, ast.Name) for each in walk(part)):
                    return node
                node = outer
            case _:
                return node


def _collected(seen: Seen, node: ast.expr) -> ast.expr:
    """Return the whole comprehension of which the aggregate is each value."""
    match seen.around(node):
        case ast.DictComp(value=value) | ast.ListComp(elt=value) as outer if value is node:
            return outer
        case _:
            return node


def _grouped(seen: Seen) -> Form | str:
    """`df.groupby("a").b.transform("mean")`: a map from the group to its mean, looked up for each row."""
    method = seen.what.rpartition(".")[2]
    if method in _IN_ORDER:
        return f"`{method}` in a group depends on which rows come together: no value of training answers a new row"
    if method == "apply":
        return "what a function answers for a group can't be told from its text: write it with an aggregate's name (`.mean()`)"
    if method not in {"transform", "ffill", "bfill", "fillna"}:
        return _reduction(seen)
    call = seen.node
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    match call.args:
        case [ast.Constant(value=str() as how)] if method == "transform":
            pass
        case _:
            return (
                "what a function makes of a group can't be told from its text: write"
                ' `.fillna(df.groupby("group").column.transform("median"))`, with an aggregate\'s name'
            )
    groups = call.func.value
    while isinstance(groups, ast.Attribute | ast.Subscript):
        groups = groups.value
    assert isinstance(groups, ast.Call)
    assert isinstance(groups.func, ast.Attribute)
    frame, keys = groups.func.value, groups.args
    if isinstance(keys[0] if keys else None, ast.List) and len(keys[0].elts) == 1:  # type: ignore[attr-defined]
        keys = keys[0].elts  # type: ignore[attr-defined]
    match keys:
        case [ast.Constant(value=str())]:
            key = f"{seen.text_of(frame)}[{seen.text_of(keys[0])}]"
        case [ast.Attribute() | ast.Subscript()]:
            key = seen.text_of(keys[0])
        case _:
            return "the groups have several keys: join them into one column first"
    constant = f'{seen.text_of(_by_one(groups, call.func.value, keys[0]))}.agg("{how}")'
    wish = f"{subject(call.func.value)} {how} by {subject(keys[0])}"
    return Form(call, constant, lambda name: f"{key}.map({name})", wish)


def _by_one(groups: ast.Call, chosen: ast.expr, key: ast.expr) -> ast.expr:
    """Return `df.groupby("a").b` for `df.groupby(["a"]).b`: the groups' labels are then no tuples."""
    if groups.args[0] is key:
        return chosen
    copied = deepcopy(chosen)
    for each in ast.walk(copied):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == "groupby":
            each.args = [key]
    return ast.parse(ast.unparse(copied), mode="eval").body


# answers for each row ----------------------------------------------------------------------------------------------------


def _dummies(seen: Seen) -> Form | str:
    """`pd.get_dummies(df)`: the columns of the training rows, in their order; a category that is not there is all 0."""
    call = seen.node
    assert isinstance(call, ast.Call)
    kinds = [each.value for each in call.keywords if each.arg == "dtype"]
    fill = "False" if not kinds or ast.unparse(kinds[0]) == "bool" else "0"
    plain = call
    if any(each.arg == "drop_first" for each in call.keywords):  # the first of a request is not the first of training
        plain = ast.Call(call.func, call.args, [each for each in call.keywords if each.arg != "drop_first"])
    text = seen.text_of(plain)
    return Form(
        call,
        f"list({seen.text_of(call)}.columns)",
        lambda name: f"{text}.reindex(columns={name}, fill_value={fill})",
        f"{subject(call)} dummy columns",
    )


def _codes(seen: Seen) -> Form | str:
    """`df.city.cat.codes`: numbers by the categories of the training rows; -1 for one that was not among them."""
    match seen.node:
        case ast.Attribute(value=ast.Attribute(value=column, attr="cat")):
            text = seen.text_of(column)
            made = lambda name: f"{text}.cat.set_categories({name}).cat.codes"  # noqa: E731
            return Form(seen.node, f"list({text}.cat.categories)", made, f"{subject(column)} categories")
        case ast.Attribute(value=ast.Call(func=func, args=[column], keywords=[])):
            function, text = seen.text_of(func), seen.text_of(column)
            made = lambda name: f"{function}({text}, categories={name}).codes"  # noqa: E731
            return Form(seen.node, f"list({function}({text}).categories)", made, f"{subject(column)} categories")
        case _:
            return "its categories can't be told from the text"


def _factorized(seen: Seen) -> Form | str:
    """`pd.factorize(df.city)`: numbers by the order of the training rows; -1 for a value that was not among them."""
    call = seen.node
    assert isinstance(call, ast.Call)
    method = isinstance(call.func, ast.Attribute) and seen.what == "factorize" and not _is_function(call)
    column = call.func.value if method and isinstance(call.func, ast.Attribute) else next(iter(call.args), None)
    if column is None:
        return "its column can't be told from the text"
    text, wish = seen.text_of(column), f"{subject(column)} codes"
    codes = f"{{value: code for code, value in enumerate({seen.text_of(call)}[1])}}"

    def coded(name: str) -> str:
        return f"{text}.map({name}).fillna(-1).astype(int)"

    match seen.around():
        case ast.Subscript(slice=ast.Constant(value=0)) as outer:
            return Form(outer, codes, coded, wish)
        case ast.Assign(targets=[ast.Tuple()]):
            return Form(call, codes, lambda name: f"{coded(name)}, list({name})", wish)
        case _:
            return "take its codes, `factorize(...)[0]`, or assign both: `codes, values = ...`"


def _is_function(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and bool(call.args)


def _binned(seen: Seen) -> Form | str:
    """`pd.qcut(df.fare, 4)`, `pd.cut(df.fare, 4)`: the edges of the training rows; what lies outside goes to the outer bins."""
    call = seen.node
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    if not call.args or not {each.arg for each in call.keywords} <= {"q", "bins", "labels", "duplicates", "precision"}:
        return "its options are not among those that fixed edges can be given"
    module, column = seen.text_of(call.func.value), seen.text_of(call.args[0])
    kept = [f"{each.arg}={seen.text_of(each.value)}" for each in call.keywords if each.arg in {"labels", "precision"}]
    given = ", ".join(
        [column, *map(seen.text_of, call.args[1:]), *(f"{k.arg}={seen.text_of(k.value)}" for k in call.keywords)]
    )

    def made(name: str) -> str:
        inside = f"{column}.clip({name}[0], {name}[-1])"
        return f"{module}.cut({', '.join([inside, name, *kept, 'include_lowest=True'])})"

    return Form(call, f"{module}.{call.func.attr}({given}, retbins=True)[1]", made, f"{subject(call.args[0])} edges")


def _ranked(seen: Seen) -> Form | str:
    """`df.fare.rank()`: the rank among the training rows; a new value stands between its neighbours there."""
    call = seen.node
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    options = {each.arg: ast.unparse(each.value) for each in call.keywords}
    if call.args or not options.items() <= {("pct", "True"), ("pct", "False"), ("method", "'average'")}:
        return "only average ranks, with or without `pct`, have a value for a new row"
    if isinstance(seen.around(), ast.Attribute | ast.Subscript):
        return "assign the ranks first, and go on with them in a statement of their own"
    column = seen.text_of(call.func.value)
    share = " / len({0})" if options.get("pct") == "True" else ""

    def made(name: str) -> str:
        ranks = f'({name}.searchsorted({column}) + {name}.searchsorted({column}, side="right") + 1) / 2'
        made = f"{ranks}{share.format(name)}"
        return made if isinstance(seen.around(), ast.Assign) else f"({made})"

    return Form(call, f"{column}.dropna().sort_values().to_numpy()", made, f"{subject(call.func.value)} sorted")


def _numbered(seen: Seen) -> Form | str:
    """`enumerate(df.city.unique())`: the values in the order of the training rows."""
    call = seen.node
    assert isinstance(call, ast.Call)
    for each in call.args:
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == "unique":
            return Form(each, f"{seen.text_of(each)}.tolist()", lambda name: name, f"{subject(each.func.value)} values")
    return "its values can't be told from the text"


def _of_types(seen: Seen) -> Form | str:
    """`df.select_dtypes("number")`: the columns that have the type in the training rows."""
    call = seen.node
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    frame = seen.text_of(call.func.value)
    made = lambda name: f"{frame}[{name}]"  # noqa: E731
    return Form(call, f"list({seen.text_of(call)}.columns)", made, f"{subject(call.func.value)} columns")


def _fitted(seen: Seen) -> Form | str:
    """`StandardScaler().fit_transform(X)`: fitted on the training rows, and only `transform` for a request."""
    call = seen.node
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    maker = call.func.value
    if not call.args or not isinstance(maker, ast.Call):
        return "keep the fitted object under a name"
    given = ", ".join([*map(seen.text_of, call.args), *(f"{k.arg}={seen.text_of(k.value)}" for k in call.keywords)])
    rows = seen.text_of(call.args[0])
    kind = ast.unparse(maker.func).rpartition(".")[2]
    short = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", kind) or [kind]
    wish = f"{subject(call.args[0])} {short[-1]}"
    return Form(call, f"{seen.text_of(maker)}.fit({given})", lambda name: f"{name}.transform({rows})", wish)


_SPECIAL: dict[str, Callable[[Seen], Form | str]] = {
    "cat.codes": _codes,
    "cut": _binned,
    "factorize": _factorized,
    "fit_transform": _fitted,
    "get_dummies": _dummies,
    "qcut": _binned,
    "rank": _ranked,
    "select_dtypes": _of_types,
    "unique": _numbered,
}


# names -------------------------------------------------------------------------------------------------------------------


def subject(node: ast.expr) -> str:
    """Return what an expression is about: `Age` for `df["Age"].fillna(0)`, `X` for `X.mean()`."""
    while True:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name()), args=[first, *_]) if _of_function(node):
                node = first
            case ast.Call(func=ast.Attribute(value=value)):
                node = value
            case ast.Call(args=[first, *_]):
                node = first
            case ast.Subscript(slice=ast.Constant(value=str() as column)) | ast.Constant(value=str() as column):
                return column
            case ast.Attribute(value=ast.Name() | ast.Call(func=ast.Attribute(attr="groupby")), attr=column) if (
                column not in {"T", "columns", "iloc", "loc", "values"}
            ):
                return column
            case ast.Attribute(value=value) | ast.Subscript(value=value):
                node = value
            case ast.Name(id=name):
                return name
            case ast.BinOp(left=left):
                node = left
            case _:
                return "value"


_MODULES = {"np", "numpy", "pd", "pandas", "stats", "torch"}


def _of_function(node: ast.expr) -> bool:
    """`np.median(df.Fare)`, `pd.get_dummies(df)`: called of a module, by the names that everybody gives those."""
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Attribute)
    return isinstance(node.func.value, ast.Name) and node.func.value.id in _MODULES
