"""Which part each cell plays in the service that a notebook would become, in words, without running it.

A part belongs to a statement; a cell is summed up by the weightiest part among its statements. All of it stands on a
presumed input and output (`presumption.py`) unless the user has named them: `assumed` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from nbdeploy.analysis.cell_flow import Edge, cell_flow
from nbdeploy.analysis.imported import BUILTINS
from nbdeploy.analysis.likely_answer import likely_answer
from nbdeploy.analysis.presumption import Presumed, Presumption, Said
from nbdeploy.analysis.program import Place, Program, Statement
from nbdeploy.analysis.proposals import Proposal, proposals_for
from nbdeploy.analysis.slicing import Target, slice_for
from nbdeploy.notebook.cells import Cell, Role

__all__ = ["CellPart", "Explanation", "Part", "StatementPart", "explain"]

MAX_NAMES = 4  # a reason is read at a glance


class Part(StrEnum):
    """What a statement is for, the weightiest first."""

    SERVED = "served"  # runs for every request
    FROZEN = "frozen"  # makes a value that the serving path reads
    TRAINING = "training"  # needed to make a frozen value
    CARRIED = "carried"  # an import, function or class that the service uses
    TEST = "test"
    INPUT = "input"  # makes the rows that the recorded run answers; a request brings its own
    UNUSED = "unused"  # nothing that is deployed needs it


WEIGHT = {part: weight for weight, part in enumerate(Part)}


@dataclass(frozen=True, slots=True)
class StatementPart:
    """The part of one statement; lines are 1-based inside the cell. `makes` are the frozen names that it makes."""

    line: int
    end_line: int
    part: Part | None
    makes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellPart:
    """One code cell: its part (None where the notebook makes no service), why, and its names."""

    index: int
    role: Role | None
    part: Part | None
    why: str
    defs: tuple[str, ...]
    refs: tuple[str, ...]
    statements: tuple[StatementPart, ...]
    first_line: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All code cells, the flow of names between them, and what the parts stand on.

    `input` and `output` are as said or presumed; `input_cell` is the cell that makes the input, where one does. `frozen` maps
    each frozen value to the cell that made it last. `assumed` are sentences.
    """

    cells: tuple[CellPart, ...]
    flow: tuple[Edge, ...]
    input: str | None = None
    output: str | None = None
    frozen: Mapping[str, int] = field(default_factory=dict)
    bindings: Mapping[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()

    def of(self, *parts: Part) -> tuple[CellPart, ...]:
        return tuple(each for each in self.cells if each.part in parts)


def explain(program: Program, said: Said | None = None, presumption: Presumption | None = None) -> Explanation:
    """Return the parts of all code cells; `said` are the options that name input, output and bindings.

    `presumption` is what is presumed of the program with them, where somebody else asks, too.
    """
    presumption = presumption or Presumption(program, said or Said())
    settled = presumption.said
    presumed = presumption.presumed if program.with_role(Role.PREDICT) else None
    flow = cell_flow(program)
    own = _by_cell(program)
    code = program.notebook.code_cells
    if presumed is None:
        cells = tuple(_without_service(each, own[each.index]) for each in code)
        return Explanation(cells, flow, assumed=_no_service(program, settled), proposals=proposals_for(program))
    parts = _parts(program, presumed)
    parts.leads_to = _leads_to(flow, parts.made_in)
    cells = tuple(_cell_part(each, own[each.index], parts) for each in code)
    return Explanation(
        cells,
        flow,
        presumed.input,
        presumed.answer.label,
        parts.made_in,
        presumed.bindings,
        tuple(_assumptions(settled, presumed)),
    )


# parts of statements -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """Frozen names that a served statement reads, and the moment (an index, exclusive) at which they are read."""

    reader: Statement
    names: frozenset[str]
    before: int


@dataclass(slots=True)
class _Parts:
    """The part of every statement of a presumed service, by place; the first part that is found for one stays."""

    by_place: dict[Place, Part] = field(default_factory=dict)
    makes: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    made_in: dict[str, int] = field(default_factory=dict)
    readers: dict[str, int] = field(default_factory=dict)
    leads_to: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def add(self, statements: Iterable[Statement], part: Part) -> None:
        for each in statements:
            self.by_place.setdefault(each.place, part)


def _parts(program: Program, presumed: Presumed) -> _Parts:
    parts = _Parts()
    parts.add((each.original for each in presumed.cut.served), Part.SERVED)
    if presumed.answer.expression:
        parts.add([presumed.answer.statement], Part.SERVED)
    targets: list[Target] = []
    for read in _reads(presumed):
        code, values = _carried(program, read)
        parts.add(code, Part.CARRIED)
        targets += [Target(name, read.before) for name in values]
        for name in values:
            parts.readers.setdefault(name, read.reader.cell)
    training = slice_for(program, targets).statements if targets else ()
    for target in dict.fromkeys(targets):
        _freeze(parts, target, training)
    parts.add((each for each in training if each.role is not Role.TEST), Part.TRAINING)
    parts.add(program.with_role(Role.TEST), Part.TEST)
    parts.add(_makers_of_input(program, presumed), Part.INPUT)
    return parts


def _reads(presumed: Presumed) -> Iterable[_Read]:
    for each in presumed.cut.served:
        yield _Read(each.original, each.frozen - each.fitted, each.original.index)
        yield _Read(each.original, each.fitted, each.original.index + 1)
    answer = presumed.answer
    if answer.expression:
        names = (answer.statement.effects.refs | answer.statement.effects.late) - presumed.cut.dynamic
        yield _Read(answer.statement, names, answer.statement.index)


def _carried(program: Program, read: _Read) -> tuple[list[Statement], list[str]]:
    """Return the imports and definitions that are read, with what these read in turn, and the names of values."""
    code: list[Statement] = []
    values: list[str] = []
    seen: set[str] = set()
    waiting = sorted(read.names)
    while waiting:
        name = waiting.pop(0)
        definition = program.definition_of(name, read.reader)
        if name in seen or not name.isidentifier() or (definition is None and name in BUILTINS):
            continue
        seen.add(name)
        if definition is not None and (definition.imports or definition.defines_code):
            code.append(definition)
            waiting += sorted(definition.effects.late | definition.effects.refs)
        else:
            values.append(name)
    return code, values


def _freeze(parts: _Parts, target: Target, training: Sequence[Statement]) -> None:
    """Mark the statements that bind or change a frozen value, back to the one that bound it."""
    for each in reversed([each for each in training if each.index < target.before]):
        if target.name not in each.effects.defs | each.effects.mutates:
            continue
        parts.add([each], Part.FROZEN)
        parts.makes[each.place] = tuple(dict.fromkeys((*parts.makes.get(each.place, ()), target.name)))
        parts.made_in.setdefault(target.name, each.cell)
        if target.name in each.effects.kills - each.effects.refs:
            return


def _makers_of_input(program: Program, presumed: Presumed) -> tuple[Statement, ...]:
    source = presumed.cut.source
    if source.after is not None:
        return (source.after,)
    first = next((each.original for each in presumed.cut.served), presumed.answer.statement)
    predict = next(iter(program.with_role(Role.PREDICT)), first)
    targets = [Target(source.name, first.index), *(Target(name, predict.index) for name in presumed.bindings)]
    return slice_for(program, [each for each in targets if each.before], process=False).statements


# cells ---------------------------------------------------------------------------------------------------------------


def _cell_part(cell: Cell, own: Sequence[Statement], parts: _Parts) -> CellPart:
    found = [parts.by_place.get(each.place, Part.UNUSED) for each in own]
    part = _summed(own, found, cell.role)
    statements = tuple(
        StatementPart(each.line, each.end_line, kind, parts.makes.get(each.place, ()))
        for each, kind in zip(own, found, strict=True)
    )
    why = _why(cell, own, part, statements, parts)
    return CellPart(cell.index, cell.role, part, why, *_names(own), statements, _first_line(cell))


def _summed(own: Sequence[Statement], found: Sequence[Part], role: Role | None) -> Part:
    if role is Role.TEST and Part.TEST in found:
        return Part.TEST
    used = [(each, part) for each, part in zip(own, found, strict=True) if part is not Part.UNUSED]
    if used and all(each.imports or each.defines_code for each, _ in used):
        return Part.CARRIED if any(part is Part.CARRIED for _, part in used) else used[0][1]
    return min((part for _, part in used), key=WEIGHT.__getitem__, default=Part.UNUSED)


def _why(
    cell: Cell,
    own: Sequence[Statement],
    part: Part,
    statements: Sequence[StatementPart],
    parts: _Parts,
) -> str:
    makes = tuple(dict.fromkeys(name for each in statements for name in each.makes))
    match part:
        case Part.SERVED:
            also = f"; also makes {_quoted(makes)}, frozen" if makes else ""
            return f"runs for every request{also}{_left_out(own, statements)}"
        case Part.FROZEN:
            readers = sorted({parts.readers[name] for name in makes if name in parts.readers})
            return f"makes {_quoted(makes)}, read by cell{_s(readers)} {', '.join(map(str, readers))}"
        case Part.TRAINING if all(each.imports or each.defines_code for each in own):
            used = [s for s in own if parts.by_place.get(s.place) is Part.TRAINING]
            return f"training uses {_quoted(sorted({name for s in used for name in s.effects.defs}))}"
        case Part.TRAINING:
            wanted = parts.leads_to.get(cell.index, ())
            return f"needed to make {_quoted(wanted)}" if wanted else "needed to make what is frozen"
        case Part.CARRIED:
            used = [s for s in own if parts.by_place.get(s.place) is Part.CARRIED]
            return f"the service uses {_quoted(sorted({name for s in used for name in s.effects.defs}))}"
        case Part.TEST:
            return "becomes a test of the package"
        case Part.INPUT:
            return "makes the recorded rows; a request brings its own"
        case _:
            return _why_unused(cell, own)


def _why_unused(cell: Cell, own: Sequence[Statement]) -> str:
    if cell.role is Role.SKIP:
        return "tagged `skip`: it is not run"
    if cell.role in {Role.PREPROCESS, Role.PREDICT}:
        return f"tagged `{cell.role}`, but the answer does not need it"
    if not own:
        return "no Python that anything needs"
    if all(each.effects.display for each in own):
        return "only shows something"
    return "not needed by what is deployed"


def _left_out(own: Sequence[Statement], statements: Sequence[StatementPart]) -> str:
    """Say which lines of a served cell a request does not run; that a last line only shows something goes without saying."""
    rest = [each for each in statements if each.part is Part.UNUSED]
    if not rest or (len(rest) == 1 and rest[0] is statements[-1] and own[-1].effects.display):
        return ""
    first, last = rest[0].line, max(each.end_line for each in rest)
    whole = all(each.part is Part.UNUSED for each in statements if first <= each.line <= last)
    if len(rest) > 1 and not whole:
        return f"; {len(rest)} statements are left out"
    return f"; line{'' if first == last else 's'} {first if first == last else f'{first} to {last}'} left out"


def _leads_to(flow: Sequence[Edge], made_in: Mapping[str, int]) -> dict[int, tuple[str, ...]]:
    """Return for each cell the frozen names whose cells can be reached from it along the flow."""
    before: dict[int, list[int]] = {}
    for edge in flow:
        before.setdefault(edge.target, []).append(edge.source)
    found: dict[int, list[str]] = {}
    reached: dict[int, set[int]] = {}
    for name, cell in made_in.items():
        if cell not in reached:
            seen, waiting = {cell}, [cell]
            while waiting:
                new = [each for each in before.get(waiting.pop(), ()) if each not in seen]
                seen.update(new)
                waiting += new
            reached[cell] = seen - {cell}
        for each in reached[cell]:
            found.setdefault(each, []).append(name)
    return {cell: tuple(names) for cell, names in found.items()}


def _without_service(cell: Cell, own: Sequence[Statement]) -> CellPart:
    shows = cell.role is Role.SKIP or (cell.role is None and all(each.effects.display for each in own))
    part = Part.UNUSED if shows else None
    why = _why_unused(cell, own) if shows else ""
    statements = tuple(StatementPart(each.line, each.end_line, part) for each in own)
    return CellPart(cell.index, cell.role, part, why, *_names(own), statements, _first_line(cell))


def _by_cell(program: Program) -> dict[int, list[Statement]]:
    found: dict[int, list[Statement]] = {cell.index: [] for cell in program.notebook.cells}
    for each in program.statements:
        found[each.cell].append(each)
    return found


def _names(own: Sequence[Statement]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a cell binds, and what it reads from other cells."""
    defs: set[str] = set()
    refs: set[str] = set()
    for each in own:
        refs |= (each.effects.refs | each.effects.late) - defs
        defs |= each.effects.defs
    return tuple(sorted(defs)), tuple(sorted(refs))


def _first_line(cell: Cell) -> str:
    """Return the line of a cell that tells most: the first that is neither blank nor a comment nor a magic."""
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("#", "%"))]
    return next(iter(telling or lines), "")


# what it stands on ---------------------------------------------------------------------------------------------------


def _assumptions(said: Said, presumed: Presumed) -> Iterable[str]:
    if said.input is None:
        others = f" (it could be {_quoted(presumed.others)}: say --input)" if presumed.others else ""
        yield f"the input is `{presumed.input}`{others}"
    if said.output is None:
        yield f"the output is `{presumed.answer.label}`"
    for name, maker in presumed.bindings.items():
        if name not in said.bind:
            yield f"`{name}` is rows of `{maker}`"


def _no_service(program: Program, said: Said) -> tuple[str, ...]:
    if not program.with_role(Role.PREDICT):
        return ("no cell is tagged `predict`: nothing is served yet",)
    answer = likely_answer(program, said.output)
    if answer is None:
        missing = f"no tagged cell makes `{said.output}`" if said.output else "the predict cells make no answer"
        return (f"{missing}: say --output",)
    if said.input is not None:
        return (f"the answer `{answer.label}` does not depend on `{said.input}`",)
    return (f"the answer `{answer.label}` depends on no data with a name: assign the request to a name first",)


def _quoted(names: Iterable[str]) -> str:
    every = [f"`{each}`" for each in names]
    shown = every if len(every) <= MAX_NAMES else [*every[: MAX_NAMES - 1], f"{len(every) - MAX_NAMES + 1} more"]
    return ", ".join(shown)


def _s(things: Sequence[object]) -> str:
    return "" if len(things) == 1 else "s"
