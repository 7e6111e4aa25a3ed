"""Names that mean something else than they seem to: hidden builtins, patched libraries, code in texts."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from nbdeploy.analysis.rules.survey import Survey, dotted
from nbdeploy.analysis.targets import argument_names, root_name
from nbdeploy.analysis.visitor import Visitor
from nbdeploy.errors import Diagnostic, Severity

__all__ = ["code_in_texts", "kept_defaults", "patched_libraries", "rebound_names"]

_LESS_KNOWN = frozenset({"copyright", "credits", "license", "exit", "quit", "help"})
_BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_")) - _LESS_KNOWN


def rebound_names(survey: Survey) -> Iterator[Diagnostic]:
    """NBD104: `list = [1, 2]`, `svm = svm.SVC()`: running a cell twice, or a later one, does something else."""
    bound: dict[str, int] = {}
    imported: dict[str, int] = {}
    for each in survey.program.statements:
        for name in sorted(each.effects.defs):
            if each.imports:
                imported.setdefault(name, each.index)
                continue
            if isinstance(each.node, ast.Delete) or name in bound:
                continue
            if name in _BUILTINS:
                bound[name] = each.index
                called = _called_after(survey, name, each.index)
                yield _rebound(each.cell, each.line, f"hides Python's own {name!r}", name, called)
            elif (
                name in imported and not each.defines_code and name in each.effects.kills and name in each.effects.refs
            ):
                bound[name] = each.index
                yield _rebound(
                    each.cell, each.line, f"puts something else in the place of the import {name!r}", name, None
                )


def _rebound(cell: int, line: int, what: str, name: str, called: int | None) -> Diagnostic:
    after = (
        f", and cell {called} calls it"
        if called is not None
        else ": "
        + (
            f"{name}(...) does something else from here on"
            if name in _BUILTINS
            else "running the cell again does something else"
        )
    )
    return Diagnostic(
        code="NBD104",
        severity=Severity.INFO if called is None else Severity.WARNING,
        cell=cell,
        line=line,
        message=f"the assignment {what}{after}",
        fix=f"choose another name, such as {name}_",
    )


def _called_after(survey: Survey, name: str, index: int) -> int | None:
    """Return the cell that calls the builtin further down, as if it were still there."""
    definition = survey.program.statements[index]
    if definition.defines_code:
        return None
    for site, call in survey.calls_named(name):
        if site.statement.index > index and isinstance(call.func, ast.Name) and site.function is None:
            current = survey.program.definition_of(name, site.statement)
            return site.cell if current is not None and not current.defines_code and not current.imports else None
    return None


def patched_libraries(survey: Survey) -> Iterator[Diagnostic]:
    """NBD115: `np.float = float`, `DataFrame.clean = clean`: the library is another one in this notebook."""
    for site in survey.sites[ast.Assign]:
        assert isinstance(site.node, ast.Assign)
        for target in site.node.targets:
            origin = survey.origin(target) if isinstance(target, ast.Attribute) else ""
            if origin and root_name(target) in survey.program.modules and _is_code(survey, site.node.value):
                yield Diagnostic(
                    code="NBD115",
                    severity=Severity.WARNING,
                    cell=site.cell,
                    line=site.line,
                    message=f"the assignment changes {origin!r} for everybody in the process: the package does not, so the"
                    " same call does something else there",
                    fix="call a function of your own instead of changing the library's",
                )


def _is_code(survey: Survey, value: ast.expr) -> bool:
    """Tell whether a function or class is assigned; a number or a text is a setting."""
    if isinstance(value, ast.Lambda):
        return True
    name = dotted(value)
    if "." not in name:
        return name in survey.code_names or name in _BUILTINS
    return bool(survey.origin(value))


def code_in_texts(survey: Survey) -> Iterator[Diagnostic]:
    """NBD105: names and code that only a text holds: `globals()[name] = ...`, `exec(text)`."""
    for site in survey.sites[ast.Subscript]:
        match site.node:
            case ast.Subscript(
                value=ast.Call(func=ast.Name(id="globals" | "locals" | "vars" as name), args=[]), ctx=ast.Store()
            ):
                yield _in_text(site.cell, site.line, f"{name}()[...] = ", "binds a name")
    own = {name for each in survey.program.statements for name in each.effects.defs}
    for site, call in survey.calls_named("exec", "eval", "update"):
        match call:
            case ast.Call(func=ast.Name(id="exec" | "eval" as function), args=[code, *_]) if (
                not isinstance(code, ast.Constant) and function not in own
            ):
                yield _in_text(site.cell, site.line, f"{function}(...)", "runs code")
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="globals"), args=[]), attr="update")):
                yield _in_text(site.cell, site.line, "globals().update(...)", "binds names")


def _in_text(cell: int, line: int, what: str, does: str) -> Diagnostic:
    return Diagnostic(
        code="NBD105",
        severity=Severity.WARNING,
        cell=cell,
        line=line,
        message=f"`{what}` {does} that only a text holds: what depends on it can't be seen, and the whole notebook is taken to",
        fix="use a dict for values by name, and plain statements for code",
    )


def kept_defaults(survey: Survey) -> Iterator[Diagnostic]:
    """NBD124: `def f(row, seen=[])`, where the function changes `seen`: the list lives from call to call."""
    for site in survey.sites[ast.FunctionDef]:
        node = site.node
        assert isinstance(node, ast.FunctionDef)
        kept = [name for name in _mutable_defaults(node) if _changes(survey, node, name)]
        for name in kept:
            yield Diagnostic(
                code="NBD124",
                severity=Severity.WARNING,
                cell=site.cell,
                line=site.line,
                message=f"the function {node.name!r} changes {name!r}, whose default value is made once: each call sees what the"
                " calls before have left there",
                fix=f"write {name}=None, and make a new object in the body",
            )


def _mutable_defaults(node: ast.FunctionDef) -> list[str]:
    positional = [*node.args.posonlyargs, *node.args.args]
    pairs = [*zip(reversed(positional), reversed(node.args.defaults), strict=False)]
    pairs += [(each, value) for each, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if value]
    made = (ast.List, ast.Dict, ast.Set)
    calls = {"list", "dict", "set", "defaultdict", "Counter", "deque"}
    return [
        each.arg
        for each, value in pairs
        if isinstance(value, made) or (isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in calls)
    ]


def _changes(survey: Survey, node: ast.FunctionDef, name: str) -> bool:
    """Tell whether the body changes the parameter, and never binds it anew."""
    visitor = Visitor(survey.program.imported)
    for each in node.body:
        visitor.visit(each)
    return name in visitor.mutates and name not in visitor.defs and name in argument_names(node.args)
