"""What each statement of a notebook reads, changes and binds, with all that it may call and all that shares its objects.

Told in *atoms*: names, and the objects behind them, so that a change through one name is seen by the readers of all others
that share the object at that moment. One forward walk over the statements finds them, as a run would take it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nbdeploy.analysis.effects import Effects
from nbdeploy.analysis.heap import NOTHING, Behind, Code, Heap
from nbdeploy.analysis.pseudo_names import AMBIENT_STATE, is_pseudo, is_stream
from nbdeploy.analysis.sharing import CODE, How
from nbdeploy.analysis.statement import Statement
from nbdeploy.analysis.summary import Summary
from nbdeploy.analysis.walking import children

__all__ = ["Atom", "Dataflow", "Flow", "dataflow_of"]

Atom = str | int
"""A name (or pseudo-name), or an object of the heap by its number."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What one statement does.

    `reads` and `writes` are atoms, `kills` the names that certainly hold something else afterwards. `surely` are those of
    `writes` that it is known to write: `writes` has also the objects that a call might change of which nobody knows.
    """

    reads: frozenset[Atom] = frozenset()
    writes: frozenset[Atom] = frozenset()
    kills: frozenset[str] = frozenset()
    surely: frozenset[Atom] = frozenset()

    @property
    def changes(self) -> frozenset[int]:
        """The objects that it is known to change."""
        return frozenset(each for each in self.surely if isinstance(each, int))


class Dataflow:
    """The flows of all statements, by index."""

    def __init__(self) -> None:
        self.heap = Heap()
        self.flows: list[Flow] = []
        self.seeded: dict[str, int] = {}  # streams of random numbers, and the first statement that sets them

    def atoms_of(self, name: str, before: int) -> frozenset[Atom]:
        """Return what has to be made to make `name` as it stands before the statement `before` runs."""
        behind = self.heap.behind([name], before)
        return behind.names | behind.objects

    def names_touched_by(self, statement: Statement) -> frozenset[str]:
        """Return the names, of whatever moment, that may share an object which the statement changes."""
        return self.heap.names_of(self.flows[statement.index].changes)

    def flow_of(self, statement: Statement, within: Statement | None = None) -> Flow:
        """Return the flow of a statement, of a cut form of it, or of one in a block of the statement `within`."""
        return _Moment(self, statement, within or statement, self.behind(statement)).flow()

    def behind(self, statement: Statement) -> Behind | None:
        """Return what the statement may call as it finds it, lambdas in it too; None where no code of the notebook runs."""
        if _runs_nothing(statement):
            return None
        return self.heap.behind(_called_with(statement), statement.index)


def dataflow_of(statements: Iterable[Statement], summaries: Mapping[int, Summary]) -> Dataflow:
    """Return the flows of a program. `summaries` tell by index what the functions that a statement makes do when called."""
    found = Dataflow()
    for each in statements:
        effects = each.effects
        found.heap.know(effects.refs | effects.late | effects.mutates | effects.may_change)
        behind = found.behind(each)
        _Binding(found, each, summaries.get(each.index), behind.code if behind else []).run()
        found.flows.append(_Moment(found, each, each, behind).flow())
    return found


class _Binding:
    """One step of the forward walk: which objects the statement's names hold afterwards."""

    def __init__(self, flow: Dataflow, statement: Statement, summary: Summary | None, code: list[Code]) -> None:
        self.heap = flow.heap
        self.seeded = flow.seeded
        self.statement = statement
        self.effects = statement.effects
        self.summary = summary
        self.code = code
        self.now = statement.index

    def run(self) -> None:
        effects = self.effects
        if self.statement.imports:
            self.heap.know(effects.defs)  # always the same module, however often it is imported
            return
        self._seed()
        self._keep_given()
        rebound = frozenset(name for each in self.code for name in each.summary.rebinds)
        fresh = {name: self.heap.new() for name in effects.defs | rebound}
        consumable = any(each.summary.is_generator for each in self.code)
        for name, made in fresh.items():
            self._describe(name, made, consumable)
        for name, objects in self._shared(fresh).items():
            self.heap.bind(name, objects, self.now)

    def _seed(self) -> None:
        streams = set(self.effects.seeds)
        streams |= {name for each in self.code for name in each.summary.changes if is_stream(name)}
        for each in streams:
            self.seeded.setdefault(each, self.now)

    def _keep_given(self) -> None:
        """A function that changes a global may keep its arguments there.

        And what it keeps of them in one another is not known where it is not called by its own name.
        """
        names = _given(self.effects, self.heap, self.now) if self.code else frozenset[str]()
        if not names:
            return
        given = {each for name in names for each in self._objects(name)}
        changed = {name for each in self.code for name in each.summary.changes}
        for name in changed:
            for holder in self.heap.reached([name], self.now):
                self.heap.hold(holder, given, self.now)
        called = self.heap.functions_of(self.effects.calls, self.now)
        others = (each for each in self.code if each.summary.parameters and not each.summary.methods)
        if len(names) > 1 and any(each not in called for each in others):
            for holder in given - self.heap.code.keys():
                self.heap.hold(holder, given, self.now)

    def _objects(self, name: str) -> frozenset[int]:
        return self.heap.points_to(name, self.now)

    def _describe(self, name: str, made: int, consumable: bool) -> None:
        effects = self.effects
        if self.summary is not None and _defines_plainly(self.statement.node):
            self.heap.code[made] = Code(
                effects.late, self.summary
            )  # nothing but a function: calling it leaves it as it is
        if consumable or name in effects.consumable:
            self.heap.used_up.add(made)
        flat = effects.flat.get(name)
        if flat is not None and all(self._objects(each) <= self.heap.flat for each in flat):
            self.heap.flat.add(made)
        if name in effects.settled:
            self.heap.settled.add(made)
        if effects.drawing and not self.statement.defines_code:
            self.heap.draws[made] = effects.drawing

    def _shared(self, fresh: Mapping[str, int]) -> dict[str, set[int]]:
        """Return the objects of each name that is bound, and note what objects hold from now on."""
        effects = self.effects
        found = {name: {made} for name, made in fresh.items()}
        for name in found.keys() - effects.kills:
            found[name] |= self._objects(name)
        if not effects.aliases:
            return found
        before = {each.other: self._objects(each.other) for each in effects.aliases}
        before[CODE] = self._made_code()
        again = any(each.other in found for each in effects.aliases) or self.statement.is_compound
        shows = _only_shows(effects, self.heap, self.now)
        growing = True
        while growing:
            growing = False
            for each in effects.aliases:
                others = before[each.other] | found.get(each.other, NOTHING)
                if each.how is How.COPY and others and others <= self.heap.flat:
                    continue
                if each.how is How.PART:
                    others = self.heap.reach(others, self.now + 1)
                if each.name in found and each.how in {How.IS, How.PART}:
                    growing |= not others <= found[each.name]
                    found[each.name] |= others
                    continue
                kept_by = NOTHING if shows else self._objects(each.name)  # a plot keeps what it shows for itself
                for holder in self._holders(each.name, fresh, found, kept_by):
                    growing |= self.heap.hold(holder, others, self.now)
            growing = growing and again
        return found

    def _holders(
        self, name: str, fresh: Mapping[str, int], found: Mapping[str, set[int]], kept_by: frozenset[int]
    ) -> tuple[int, ...]:
        """Return what holds something under a name: the value that is made anew.

        A block may bind a name and change what it then is, or was before (`s = t; s[0] = a` in a loop).
        """
        if name not in fresh:
            return tuple(kept_by)
        effects = self.effects
        changed = self.statement.is_compound and name in effects.mutates | effects.may_change
        return (*found[name], *self._objects(name)) if changed else (fresh[name],)

    def _made_code(self) -> frozenset[int]:
        if self.summary is None:
            return NOTHING
        made = self.heap.new()
        self.heap.code[made] = Code(self.effects.late, self.summary)
        return frozenset({made})


class _Moment:
    """What a statement does at its place in the run."""

    def __init__(self, flow: Dataflow, statement: Statement, within: Statement, behind: Behind | None) -> None:
        self.heap = flow.heap
        self.seeded = flow.seeded
        self.statement = statement
        self.effects = statement.effects
        self.behind = behind
        self.now = statement.index
        # Names that a block binds may be read in it as well: then they are what they were before, or what they are after.
        self.in_blocks = within.is_compound
        self.inner = within.effects.defs if within.is_compound else frozenset()

    def flow(self) -> Flow:
        effects = self.effects
        read, reached, code = self.behind or Behind(effects.refs, NOTHING, [])
        if self.behind is not None and self.in_blocks:
            again = self.inner & (_called_with(self.statement) | effects.calls)
            after = self.heap.behind(again, self.now + 1).code
            code = code + after
            read = read.union(*(each.late for each in after))
            reached = self._objects(read)
        sure, maybe = self._changes(code)
        drawn = self._drawn()
        used_up = reached & self.heap.used_up
        # it draws and writes files if its calls do, and changes nothing else
        if _only_shows(effects, self.heap, self.now):
            sure, maybe = {each for each in sure if isinstance(each, str) and each != AMBIENT_STATE}, set()
        rebound = frozenset(name for each in code for name in each.summary.rebinds)
        surely = effects.defs | rebound | self._seeded(sure) | used_up | drawn
        return Flow(
            reads=self._seeded(read) | reached | drawn,
            writes=surely | self._seeded(maybe),
            kills=effects.kills | _streams_set(self.statement),
            surely=surely,
        )

    def _objects(self, names: Iterable[str]) -> frozenset[int]:
        """Return what names reach while the statement runs: as it found them, and as a block of it binds them."""
        names = frozenset(names)
        if not names:
            return NOTHING
        found = self.heap.reached(names, self.now)
        return found | self.heap.reached(names, self.now + 1) if self.in_blocks else found

    def _points_to(self, name: str) -> frozenset[int]:
        """Return the objects that a name itself may be while the statement runs."""
        found = self.heap.points_to(name, self.now)
        return found | self.heap.points_to(name, self.now + 1) if name in self.inner else found

    def _changes(self, code: list[Code]) -> tuple[set[Atom], set[Atom]]:
        """Return the objects (and pseudo-names) that the statement is known to change, and those that it may change."""
        effects = self.effects
        if not (effects.mutates or effects.may_change or effects.bound_methods or code):
            return set(), set()
        sure: set[Atom] = {name for name in effects.mutates if is_pseudo(name)}
        sure |= self._objects(effects.mutates - effects.shallow)
        sure |= {each for name in effects.mutates & effects.shallow for each in self._top_of(name)}
        maybe: set[Atom] = {each for name in effects.may_change & effects.shallow for each in self._top_of(name)}
        called = {name for each in code for name in each.summary.changes}
        if any(each.summary.parameters for each in code if not self._is_called_by_name(each)):
            called |= _given(effects, self.heap, self.now)
        called |= {name for name, method in effects.bound_methods if self._has_changing(name, method)}
        called |= {name for name in effects.may_change - effects.shallow if not self._is_plain_function(name)}
        return sure, maybe | {name for name in called if is_pseudo(name)} | self._objects(called)

    def _has_changing(self, name: str, method: str) -> bool:
        """Tell whether a class behind the name has a method of this name, and one that changes its object."""
        code = self.heap.behind([name], self.now).code
        return any(method in each.summary.methods and each.summary.parameters for each in code)

    def _top_of(self, name: str) -> frozenset[int]:
        """The object itself; all that it reaches where it is of a class of the notebook, whose methods may do anything."""
        reached = self._objects([name])
        if reached & self.heap.code.keys():
            return reached
        return self._points_to(name)

    def _is_called_by_name(self, code: Code) -> bool:
        """What a call by its own name changes of its arguments is among the statement's effects already."""
        called = (each for name in self.effects.calls for each in self.heap.points_to(name, self.now))
        return any(self.heap.code.get(each) is code for each in called)

    def _is_plain_function(self, name: str) -> bool:
        objects = self.heap.points_to(name, self.now)
        return bool(objects) and all(each in self.heap.code for each in objects)

    def _drawn(self) -> frozenset[str]:
        """Return the seeded streams of random numbers that objects draw from which the statement puts to work."""
        effects = self.effects
        drawn = {name for each in self._objects(effects.works) for name in self.heap.draws.get(each, ())}
        trained = {each.receiver for each in effects.trains if each.receiver}
        if not all(self._is_settled(name) for name in trained):
            drawn |= effects.training_draws
        return self._streams(drawn)

    def _is_settled(self, name: str) -> bool:
        objects = self._points_to(name)
        return bool(objects) and objects <= self.heap.settled

    def _streams(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(name for name in names if self.seeded.get(name, self.now + 1) <= self.now)

    def _seeded(self, atoms: Iterable[Atom]) -> frozenset[Atom]:
        """Leave out streams of random numbers that nothing has seeded: the next draw depends on no earlier one."""
        return frozenset(
            each for each in atoms if isinstance(each, int) or not is_stream(each) or self._streams([each])
        )


def _defines_plainly(node: ast.stmt) -> bool:
    """A function without decorators, or a lambda with a name."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return not node.decorator_list
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)


def _only_shows(effects: Effects, heap: Heap, now: int) -> bool:
    """Tell a display that calls no function of the notebook which changes something: `print(count())` may do more than show."""
    if not effects.display:
        return False
    called = {*effects.calls, *effects.asked, *(name for name, _ in effects.bound_methods)}
    code = heap.behind(called, now).code + heap.functions_of(effects.offered, now)
    return not any(each.summary.changes or each.summary.rebinds or each.summary.parameters for each in code)


def _given(effects: Effects, heap: Heap, now: int) -> frozenset[str]:
    """Return the names that functions of the notebook may be called with: by a library as well, if it is given one."""
    return effects.handed | effects.offered if heap.functions_of(effects.offered, now) else effects.handed


def _called_with(statement: Statement) -> frozenset[str]:
    """Names whose functions may run in the statement, and what lambdas in it read: one may be called at once."""
    effects = statement.effects
    return effects.refs if statement.defines_code else effects.refs | effects.late


def _streams_set(statement: Statement) -> frozenset[str]:
    """`np.random.seed(0)` on a line of its own: the stream is certainly set anew."""
    if not isinstance(statement.node, ast.Expr):
        return frozenset()
    effects = statement.effects
    return effects.seeds - effects.refs


_PLAIN = (ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Lambda)


def _runs_nothing(statement: Statement) -> bool:
    """Imports, definitions, `a = b`, `table = {"f": f}`: no code of the notebook runs."""
    node = statement.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return not node.decorator_list
    if isinstance(node, ast.ClassDef):
        return not (node.decorator_list or node.bases or node.keywords)
    return statement.imports or (
        isinstance(node, ast.Assign) and all(isinstance(each, _PLAIN) for each in _parts(node))
    )


def _parts(node: ast.Assign) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [node.value, *node.targets]
    while waiting:
        each = waiting.pop()
        yield each
        if not isinstance(each, ast.Lambda):
            waiting += children(each)
