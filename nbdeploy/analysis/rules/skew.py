"""Served code whose answer for a row depends on the rows beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nbdeploy.analysis.knowledge import names_origin
from nbdeploy.analysis.rules.requests import Requests, ServedCode, mentions
from nbdeploy.analysis.rules.survey import Survey
from nbdeploy.analysis.rules.writing import argument_added, replaced, text_of
from nbdeploy.analysis.targets import given_to
from nbdeploy.analysis.walking import walk
from nbdeploy.errors import Diagnostic, Edit, NewCell, Severity

__all__ = ["aggregates", "lost_rows", "request_aggregates", "row_order"]

_ROW_WISE = {"1", "-1", "'columns'"}
_WITH_SHARES = {"nanpercentile", "nanquantile", "percentile", "quantile"}  # the share comes before the axis


def request_aggregates(survey: Survey, requests: Requests) -> Iterator[Diagnostic]:
    """NBD120: a mean, a rank, an encoding of the request's rows, where the notebook had all rows."""
    for code in requests.code:
        fixed = _reindexed(requests, code)
        for node, what in aggregates(survey, code):
            if what == "get_dummies" and fixed and not _keyword(node, "drop_first"):
                continue
            if what == "select_dtypes":
                yield _chosen_by_type(code, node)
                continue
            if what == "add_constant":
                yield _constant_or_not(survey, code, node)
                continue
            edits, name = _hoisted(survey, requests, code, node)
            fix = (
                f"keep the value of the training rows: {name} = ... in a cell without a role"
                if name
                else _fix_for(what)
            )
            yield code.finding(
                "NBD120",
                node,
                message=f"`{what}` is computed anew over the rows of each request{code.when}: a row sent alone gets another"
                " value than in the notebook",
                fix=fix,
                edits=edits,
            )


def _chosen_by_type(code: ServedCode, node: ast.expr) -> Diagnostic:
    return code.finding(
        "NBD120",
        node,
        message=f"`select_dtypes` chooses columns by what a request's values happen to be{code.when}: a column that is empty, or"
        " whole numbers instead of decimals, has another type",
        fix="take the columns by their names",
    )


def _constant_or_not(survey: Survey, code: ServedCode, node: ast.expr) -> Diagnostic:
    """By default statsmodels adds its column of ones only where no column of the rows at hand is constant."""
    edit = (
        argument_added(survey, code.statement.cell, node, 'has_constant="add"') if isinstance(node, ast.Call) else None
    )
    return code.finding(
        "NBD120",
        node,
        message=f"`add_constant` adds no column where one of a request looks constant{code.when}: in a row sent alone, all do",
        fix='give it has_constant="add"',
        edits=(edit,) if edit else (),
    )


def aggregates(survey: Survey, code: ServedCode) -> Iterator[tuple[ast.expr, str]]:
    """Yield what a piece of served code computes over all rows of a request, each with what that is called."""
    nodes = list(code.nodes(survey.program.imported))
    grouped = [each for each in nodes if isinstance(each, ast.Call) and _is_groupby(each)]
    inner = {id(each) for call in grouped for each in walk(call.func)}
    for node in nodes:
        if id(node) in inner:
            continue
        if isinstance(node, ast.Call) and (what := _aggregate(survey, node, code)):
            yield node, what
        elif isinstance(node, ast.Attribute) and node.attr == "codes" and _is_codes(node, code):
            yield node, "cat.codes"


def _aggregate(survey: Survey, call: ast.Call, code: ServedCode) -> str | None:
    origin = survey.origin(call.func)
    if origin:
        return _aggregating_function(survey, call, origin) if _given(call, code) else None
    if isinstance(call.func, ast.Name):
        return _enumerated(call, code)
    if not isinstance(call.func, ast.Attribute) or not _over_rows(call.func.value, code):
        return None
    method = call.func.attr
    if _is_groupby(call):
        return f"groupby(...).{method}"
    aggregates = method in survey.known.whole_column_methods and not _row_wise(call, 1 if method in _WITH_SHARES else 0)
    return method if aggregates or method == "select_dtypes" else None


def _aggregating_function(survey: Survey, call: ast.Call, origin: str) -> str | None:
    last = origin.rpartition(".")[2]
    if origin == "pandas.cut" and _counted_bins(call):
        return "cut"  # the bins are laid between the smallest and the largest value
    if last not in {"get_dummies", "qcut", "factorize"} and _over_models(survey, call):
        return None
    if last == "add_constant" and _keyword(call, "has_constant"):
        return None
    aggregates = names_origin(survey.known.whole_column_functions, origin)
    return last if aggregates and not _row_wise(call, 2 if last in _WITH_SHARES else 1) else None


def _counted_bins(call: ast.Call) -> bool:
    """`pd.cut(df.fare, 4)`: how many bins there are is said, and not where they lie."""
    bins = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "bins")]
    return any(isinstance(each, ast.Constant) for each in bins)


def _over_models(survey: Survey, call: ast.Call) -> bool:
    """`np.mean(answers, axis=0)` of a list that is filled turn by turn: a mean over models, not over rows."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.List | ast.Tuple | ast.ListComp):
        return True
    if not isinstance(first, ast.Name) or not any(each.arg == "axis" for each in call.keywords):
        return False
    return any(
        isinstance(site.node, ast.Assign)
        and isinstance(site.node.value, ast.List | ast.ListComp)
        and any(isinstance(target, ast.Name) and target.id == first.id for target in site.node.targets)
        for site in survey.sites[ast.Assign]
    )


def _enumerated(call: ast.Call, code: ServedCode) -> str | None:
    """`enumerate(df.city.unique())`: numbers by what happens to be in the request."""
    if isinstance(call.func, ast.Name) and call.func.id in {"enumerate", "zip"}:
        for each in call.args:
            match each:
                case ast.Call(func=ast.Attribute(value=value, attr="unique")) if mentions(value, code.dynamic):
                    return "unique"
    return None


def _over_rows(receiver: ast.expr, code: ServedCode) -> bool:
    """Tell whether the receiver is made of the request's rows: not of its columns' names, not of one text."""
    if isinstance(receiver, ast.Attribute) and receiver.attr == "str":
        return False
    for each in walk(receiver):
        if isinstance(each, ast.Attribute) and each.attr in {"columns", "dtypes", "shape"}:
            return False
    return mentions(receiver, code.dynamic)


def _given(call: ast.Call, code: ServedCode) -> bool:
    return any(mentions(each, code.dynamic) for each in given_to(call))


def _is_groupby(call: ast.Call) -> bool:
    """`df.groupby("a").b.transform("mean")`: an answer of a group."""
    node: ast.expr = call.func
    if not isinstance(node, ast.Attribute):
        return False
    node = node.value
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "groupby"


def _is_codes(node: ast.Attribute, code: ServedCode) -> bool:
    """`df.city.cat.codes`, `pd.Categorical(df.city).codes`: numbers by the categories that are there."""
    if not mentions(node.value, code.dynamic):
        return False
    match node.value:
        case ast.Attribute(attr="cat"):
            return not any("categories" in ast.unparse(each).lower() for each in _settings_inside(node))
        case ast.Call(args=[_], keywords=[]):
            return True
        case _:
            return False


def _settings_inside(node: ast.expr) -> Iterator[ast.AST]:
    """The arguments inside an expression: where the categories are written down, the codes are always the same."""
    for each in walk(node):
        if isinstance(each, ast.Call):
            yield from (*each.args, *each.keywords)


def _row_wise(call: ast.Call, position: int) -> bool:
    """`axis=1`, `dim=-1`: an answer for each row."""
    given = {each.arg: ast.unparse(each.value) for each in call.keywords}
    axis = given.get("axis", given.get("dim"))
    if axis is None and len(call.args) > position:
        axis = ast.unparse(call.args[position])
    return axis in _ROW_WISE


def _keyword(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and any(each.arg == name for each in node.keywords)


def _reindexed(requests: Requests, code: ServedCode) -> bool:
    """Columns that `reindex(columns=...)` or `X[columns]` puts right afterwards."""
    after = [each for each in requests.code if each.statement.index >= code.statement.index]
    calls = (n for each in after for node in each.body for n in walk(node) if isinstance(n, ast.Call))
    return any(isinstance(call.func, ast.Attribute) and call.func.attr in {"reindex", "align"} for call in calls)


def _fix_for(what: str) -> str:
    if what in {"get_dummies", "factorize", "cat.codes", "unique"}:
        return "fit an encoder on the training rows in a cell without a role (OneHotEncoder, OrdinalEncoder), and transform here"
    return "compute it in a cell without a role, from the training rows, and use the value here"


def _hoisted(
    survey: Survey, requests: Requests, code: ServedCode, node: ast.expr
) -> tuple[tuple[Edit | NewCell, ...], str]:
    """Return the edits that compute a column's statistic in a cell of its own, in front; () where that is not the same."""
    statement = code.statement
    expression = _with_first(statement.node, node)
    found = _column_statistic(expression)
    if found is None or code.function or isinstance(statement.node, ast.For | ast.While | ast.If | ast.Try | ast.With):
        return (), ""
    root, column, method = found
    before = [
        each for each in survey.program.statements if each.cell == statement.cell and each.index < statement.index
    ]
    if any(root in each.effects.defs | each.effects.mutates for each in before):
        return (), ""
    if survey.program.definition_of(root, statement) is None:
        return (), ""
    name = _free_name(survey, f"{column}_{method}", f"{root}_{column}_{method}")
    text = text_of(survey, statement.cell, expression)
    edit = replaced(survey, statement.cell, expression, name)
    if text is None or edit is None or "\n" in text or not name:
        return (), ""
    return (NewCell(statement.cell, f"{name} = {text}"), edit), name


def _with_first(statement: ast.stmt, node: ast.expr) -> ast.expr:
    """Return `df.a.mode()[0]` for `df.a.mode()` in it."""
    for each in walk(statement):
        if isinstance(each, ast.Subscript) and each.value is node and isinstance(each.slice, ast.Constant):
            return each
    return node


def _column_statistic(node: ast.expr) -> tuple[str, str, str] | None:
    """Return `("df", "Age", "median")` for `df["Age"].median()`; None for what is no plain number of one column."""
    match node:
        case ast.Subscript(value=ast.Call(func=ast.Attribute(attr="mode")) as call):
            pass
        case (
            ast.Call(
                func=ast.Attribute(attr="mean" | "median" | "std" | "min" | "max" | "sum" | "var" | "quantile")
            ) as call
        ):
            pass
        case _:
            return None
    assert isinstance(call.func, ast.Attribute)
    if any(not isinstance(each, ast.Constant) for each in (*call.args, *(k.value for k in call.keywords))):
        return None
    match call.func.value:
        case ast.Attribute(value=ast.Name(id=root), attr=column):
            return root, column, call.func.attr
        case ast.Subscript(value=ast.Name(id=root), slice=ast.Constant(value=str() as column)):
            return root, column, call.func.attr
        case _:
            return None


def _free_name(survey: Survey, *wishes: str) -> str:
    taken = {
        name for each in survey.program.statements for name in each.effects.defs | each.effects.refs | each.effects.late
    }
    for wish in wishes:
        name = re.sub(r"\W+", "_", wish, flags=re.ASCII).strip("_").upper()
        if name.isidentifier() and name not in taken:
            return name
    return ""


# order --------------------------------------------------------------------------------------------------------------


def row_order(survey: Survey, requests: Requests) -> Iterator[Diagnostic]:
    """NBD121: a difference to the row above, a running sum, the first row."""
    for code in requests.code:
        for node in code.nodes(survey.program.imported):
            what = _ordered(survey, node, code)
            if what is not None:
                yield code.finding(
                    "NBD121",
                    node,
                    message=f"`{what}` depends on the order of the rows and on the rows before{code.when}: a service gets rows"
                    " in any order, alone or in batches",
                    fix="let the request carry the value (the row before as a column of its own), or compute it from stored data",
                )


def _ordered(survey: Survey, node: ast.AST, code: ServedCode) -> str | None:
    if isinstance(node, ast.Call):
        origin = survey.origin(node.func)
        if names_origin(survey.known.row_order_functions, origin) and _given(node, code) and not _row_wise(node, 99):
            return origin.rpartition(".")[2]
        if not isinstance(node.func, ast.Attribute) or origin or not _over_rows(node.func.value, code):
            return None
        method = node.func.attr
        if method in survey.known.row_order_methods and not _row_wise(node, 99) and not _is_groupby(node):
            return method
        if method == "fillna" and any(each.arg == "method" for each in node.keywords):
            return "fillna(method=...)"
    return None


# rows ---------------------------------------------------------------------------------------------------------------


def lost_rows(survey: Survey, requests: Requests) -> Iterator[Diagnostic]:
    """NBD127: rows that get no answer."""
    for code in requests.code:
        for node in code.nodes(survey.program.imported):
            if _first_answer(node, code):
                yield _first_only(code, node)
            what = _losing(survey, node, code)
            if what is not None:
                yield code.finding(
                    "NBD127",
                    node,
                    message=f"`{what}` leaves rows out{code.when}: a service must answer every row that it is sent",
                    fix="filter the training rows in a cell without a role, and answer every row here",
                )


def _first_answer(node: ast.AST, code: ServedCode) -> bool:
    """`model.predict_proba(X)[0, 1]`: what is said of the first row."""
    match node:
        case ast.Subscript(
            value=ast.Call(
                func=ast.Attribute(attr="predict" | "predict_proba" | "decision_function"), args=[given, *_]
            ),
            slice=ast.Constant(value=0) | ast.Tuple(elts=[ast.Constant(value=0), *_]),
        ):
            return mentions(given, code.dynamic)
        case _:
            return False


def _first_only(code: ServedCode, node: ast.AST) -> Diagnostic:
    return code.finding(
        "NBD127",
        node,
        message=f"`[0]` answers for the first row only{code.when}: right as long as a request is one record",
        fix="leave the [0] out to answer a whole table",
        severity=Severity.INFO,
    )


def _losing(survey: Survey, node: ast.AST, code: ServedCode) -> str | None:
    match node:
        case ast.Call(func=ast.Attribute(value=receiver, attr=method)) if method in survey.known.row_losing_methods:
            columns = method == "dropna" and (_row_wise(node, 0) or not _rows_of(receiver))
            # a part that is taken to look something up (`df.a.dropna().unique()`) is judged where it is used
            return method if _over_rows(receiver, code) and not survey.origin(node.func) and not columns else None
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript(value=ast.Name(id=root), slice=condition)) if (
            name == root and root in code.dynamic and _is_condition(condition)
        ):
            return f"{name} = {root}[{ast.unparse(condition)[:40]}]"
        case ast.Subscript(value=ast.Name(id=root), slice=ast.Slice() as part) if isinstance(node.ctx, ast.Load):
            return ast.unparse(node)[:60] if root in code.dynamic and _cuts(part) else None
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id=root), attr="iloc"), slice=part) if isinstance(
            node.ctx, ast.Load
        ):
            rows = part.elts[0] if isinstance(part, ast.Tuple) and part.elts else part
            single = isinstance(rows, ast.Constant) or (isinstance(rows, ast.Slice) and _cuts(rows))
            return ast.unparse(node)[:60] if root in code.dynamic and single else None
        case _:
            return None


def _rows_of(receiver: ast.expr) -> bool:
    return isinstance(receiver, ast.Name | ast.Call)


def _is_condition(node: ast.expr) -> bool:
    """A comparison of columns, not a list of columns."""
    match node:
        case ast.Compare():
            return True
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr(), left=left, right=right):
            return _is_condition(left) or _is_condition(right)
        case ast.UnaryOp(op=ast.Invert()):
            return True
        case ast.Call(func=ast.Attribute(attr="notnull" | "notna" | "isin" | "between" | "isnull" | "isna")):
            return True
        case _:
            return False


def _cuts(part: ast.Slice) -> bool:
    given = [each for each in (part.lower, part.upper) if each is not None]
    return bool(given) and all(isinstance(each, ast.Constant | ast.UnaryOp) for each in given) and part.step is None
