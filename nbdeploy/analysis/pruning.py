"""A compound statement without the nested statements that nothing needed depends on.

A loop that trains and logs goes into a slice without its log. Only blocks are cut where leaving out a statement can't change
the way that control takes: not those of a `try`, nor of a `with` whose context manager might swallow an exception.
`a, b = f(x), g(y)` is two assignments in one, and is cut likewise.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from nbdeploy.analysis.calls import LibraryCalls
from nbdeploy.analysis.dataflow import Atom, Dataflow, Flow
from nbdeploy.analysis.effects import effects_of
from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.pseudo_names import AMBIENT_STATE, EVERYTHING, is_stream
from nbdeploy.analysis.served_form import rebuilt, without
from nbdeploy.analysis.statement import Statement
from nbdeploy.analysis.walking import outside_code

__all__ = ["pairs", "pruned"]


def pruned(
    statement: Statement, needed: set[Atom], flows: Dataflow, imported: Imported, *, surely: bool = False
) -> Statement:
    """Return the statement without what has no part in the needed atoms; itself where nothing can be left out.

    `surely` leaves out, too, what could have a part only if a call of which nobody knows changed something or drew a number.
    """
    if EVERYTHING in needed:
        return statement
    if isinstance(statement.node, ast.Assign):
        return _narrowed(statement, needed, _Planting(statement, flows, imported, surely))
    if not statement.is_compound:
        return statement
    tree = ast.parse(statement.source).body[0]
    root = _Planting(statement, flows, imported, surely).part(tree, loop=None)
    if not root.children:
        return statement
    _keep(root, set(needed))
    gone = {each.node for each in _parts(root) if not each.kept}
    return without(statement, tree, gone.__contains__, imported) if gone else statement


def _narrowed(statement: Statement, needed: set[Atom], planted: _Planting) -> Statement:
    """Return a parallel assignment without the pairs that have no part in the needed atoms."""
    tree = ast.parse(statement.source).body[0]
    parallel = pairs(tree)
    root = _Part(tree, Flow(), None, [planted.part(each, loop=None) for each in parallel])
    _keep(root, set(needed))
    kept = [pair for pair, part in zip(parallel, root.children, strict=True) if part.kept]
    if len(kept) in {0, len(parallel)}:
        return statement
    sides = ([_text(statement, each.targets[0]) for each in kept], [_text(statement, each.value) for each in kept])
    return rebuilt(statement, " = ".join(", ".join(each) for each in sides), planted.imported)


def pairs(node: ast.stmt) -> list[ast.Assign]:
    """Return the assignments that `a, b = f(x), g(y)` is, in order; none where it is not of this form."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            starred = any(isinstance(each, ast.Starred) for each in (*targets, *values))
            if len(targets) == len(values) and not starred:
                both = zip(targets, values, strict=True)
                return [ast.copy_location(ast.Assign(targets=[name], value=value), node) for name, value in both]
    return []


def _text(statement: Statement, node: ast.expr) -> str:
    """Return the text of a part, in parentheses where it goes over several lines."""
    text = ast.get_source_segment(statement.source, node) or ast.unparse(node)
    return f"({text})" if "\n" in text else text


@dataclass(eq=False)
class _Part:
    """A statement in a block. Of one whose own blocks can be cut, `flow` is that of its head: the test, the iterable."""

    node: ast.stmt
    flow: Flow
    loop: _Part | None  # that a `break` or `continue` leaves
    children: list[_Part] = field(default_factory=list)
    kept: bool = False

    @property
    def leaves(self) -> bool:
        """Tell whether it may send control somewhere else."""
        return not self.children and any(isinstance(each, _LEAVING) for each in outside_code(self.node))


_LEAVING = ast.Break | ast.Continue | ast.Return | ast.Raise | ast.Assert | ast.Await | ast.Yield | ast.YieldFrom


@dataclass(frozen=True)
class _Planting:
    statement: Statement
    flows: Dataflow
    imported: Imported
    surely: bool

    def part(self, node: ast.stmt, loop: _Part | None) -> _Part:
        if not self._can_be_cut(node):
            return _Part(node, self._flow(node), loop)
        found = _Part(node, self._flow(_head(node)), loop)
        inside = found if isinstance(node, ast.For | ast.While) else loop
        found.children = [self.part(each, inside) for block in _blocks(node) for each in block]
        return found

    def _can_be_cut(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.With):
            return all(LibraryCalls(self.imported).swallows_nothing(item.context_expr) for item in node.items)
        return isinstance(node, ast.For | ast.While | ast.If)

    def _flow(self, node: ast.stmt) -> Flow:
        effects = effects_of(node, self.imported, self.statement.functions)
        flow = self.flows.flow_of(replace(self.statement, node=node, effects=effects), self.statement)
        return _without_streams(replace(flow, writes=flow.surely)) if self.surely else flow


def _without_streams(flow: Flow) -> Flow:
    kept = (frozenset(each for each in atoms if not _is_stream(each)) for atoms in (flow.reads, flow.writes))
    reads, writes = kept
    return replace(flow, reads=reads, writes=writes)


def _is_stream(atom: Atom) -> bool:
    return isinstance(atom, str) and is_stream(atom)


def _head(node: ast.stmt) -> ast.stmt:
    """Return the statement with nothing in its blocks."""
    bare = type(node)(**{name: value for name, value in ast.iter_fields(node) if name not in {"body", "orelse"}})
    bare.body = [ast.Pass()]  # type: ignore[attr-defined]
    if not isinstance(node, ast.With):
        bare.orelse = []  # type: ignore[attr-defined]
    return ast.copy_location(bare, node)


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    yield node.body  # type: ignore[attr-defined]
    yield getattr(node, "orelse", [])


def _keep(root: _Part, relevant: set[Atom]) -> None:
    """Mark what has a part in the relevant atoms, and in what these parts read in turn: a loop may go round again."""
    parts = list(_parts(root))
    parents = {child: each for each in parts for child in each.children}
    waiting = [root]
    while waiting:
        while waiting:
            each = waiting.pop()
            if not each.kept:
                each.kept = True
                relevant |= each.flow.reads
                waiting += [parents[each]] if each in parents else []
        waiting = [each for each in parts if not each.kept and _has_part(each, relevant)]


def _has_part(part: _Part, relevant: set[Atom]) -> bool:
    if part.leaves:
        return part.loop is None or part.loop.kept
    return AMBIENT_STATE in part.flow.writes or not part.flow.writes.isdisjoint(relevant)


def _parts(part: _Part) -> Iterator[_Part]:
    yield part
    for each in part.children:
        yield from _parts(each)
