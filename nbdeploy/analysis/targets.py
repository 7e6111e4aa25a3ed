"""Small questions about names in syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = [
    "argument_names",
    "bound_by_import",
    "given_to",
    "global_by_text",
    "is_setting",
    "plain_targets",
    "root_name",
    "roots",
]


def root_name(node: ast.expr) -> str | None:
    """Return `df` for `df`, `df.a`, `df['a'].b[0]`, `df.loc[m, 'a']`; None where no name is at the root."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


_REACHING = ast.Attribute | ast.Subscript | ast.Starred | ast.Await | ast.NamedExpr


def roots(node: ast.expr | None) -> frozenset[str]:
    """Return the names whose objects a change through this expression may reach.

    As `root_name`, and through calls: `d.get(k)` may hand out a part of `d`, `vars(box)` one of `box`.
    """
    while isinstance(node, _REACHING):
        node = node.value
    match node:
        case ast.Name(id=name):
            return frozenset({name})
        case ast.Call(func=ast.Attribute(value=receiver)):
            return roots(receiver)
        case ast.Call():
            return frozenset(name for each in node.args for name in roots(each))
        case ast.IfExp():
            return roots(node.body) | roots(node.orelse)
        case ast.BoolOp():
            return frozenset(name for each in node.values for name in roots(each))
        case _:
            return frozenset()


def plain_targets(target: ast.expr) -> Iterator[str]:
    """Return the names that an assignment target binds: not those whose objects it changes."""
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for each in elements:
                yield from plain_targets(each)
        case ast.Starred(value=value):
            yield from plain_targets(value)


def bound_by_import(statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Return the names that an import binds; a star import binds unknown ones."""
    for alias in statement.names:
        if alias.name != "*":
            yield alias.asname or alias.name.split(".")[0]


def parts_imported(statement: ast.stmt) -> list[str]:
    """Return the modules that an import loads as parts of the package that it binds: `xml.sax` for `import xml.sax`."""
    aliases = statement.names if isinstance(statement, ast.Import) else []
    return [alias.name for alias in aliases if alias.asname is None and "." in alias.name]


def given_to(call: ast.Call) -> list[ast.expr]:
    """Return the argument expressions of a call, positional ones first."""
    return call.args + [each.value for each in call.keywords]


def argument_names(arguments: ast.arguments) -> set[str]:
    """Return the names of all parameters."""
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    return {each.arg for each in every if each is not None}


def is_setting(node: ast.expr, modules: frozenset[str]) -> bool:
    """`os.environ[...]`, `pd.options.x`, `sys.path.append`, `decimal.getcontext().prec`: part of a module's own state."""
    depth = 0
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript):
            node, depth = node.value, depth + 1
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return False
    return node.id in modules and (depth > 1 or node.id == "environ")


def global_by_text(target: ast.expr) -> str | None:
    """Return `k` for `globals()["k"]`."""
    match target:
        case ast.Subscript(
            value=ast.Call(func=ast.Name(id="globals" | "vars"), args=[]), slice=ast.Constant(value=str() as name)
        ):
            return name
        case _:
            return None
