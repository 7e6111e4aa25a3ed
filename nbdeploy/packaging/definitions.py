"""`constants.py`, `definitions.py` and `functions.py`: what the notebook wrote down and defined."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.serving import Frozen, ServingPath, Storage
from nbdeploy.packaging.symbols import Symbols
from nbdeploy.packaging.text import banner, module_text

__all__ = ["constants_module", "definitions_module"]


def constants_module(program: Program, path: ServingPath, symbols: Symbols) -> str:
    """Return the text of `constants.py`, or an empty text where there is none."""
    constants = [each for each in path.values() if each.storage is Storage.CONSTANT]
    if not constants:
        return ""
    imports = [line for each in constants for line in each.observation.imports]
    lines = [_constant(program, symbols.home(each)[1], each) for each in constants]
    text = banner(
        _notebook(program), "What the notebook wrote down: numbers, names and lists that the served code reads."
    )
    return module_text(text, imports, "\n".join(lines))


def _constant(program: Program, symbol: str, value: Frozen) -> str:
    """Return the assignment, in the notebook's own words where these say the same, below the notebook's comment on it."""
    made = program.definition_of(value.name, value.reader)
    if made is None:
        return f"{symbol} = {value.observation.literal}"
    text = _own_words(made, value) or value.observation.literal or ""
    where = f"  # cell {made.cell}" if "\n" not in text else ""
    above = [f"# cell {made.cell}"] if not where else []
    return "\n".join([*_comment(made), *above, f"{symbol} = {text}{where}"])


def _own_words(made: Statement, value: Frozen) -> str | None:
    """Return the expression that the notebook assigns if it is the literal but for its spelling: `r"\\d"`, `1_000`."""
    node = made.node
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None or value.observation.literal is None:
        return None
    own = ast.parse(made.source).body[0]
    assert isinstance(own, ast.Assign | ast.AnnAssign)
    assert own.value is not None
    same = ast.dump(own.value) == ast.dump(ast.parse(value.observation.literal, mode="eval").body)
    text = ast.get_source_segment(made.source, own.value)
    return text if same and text is not None and "\n" not in text else None


def _comment(statement: Statement) -> list[str]:
    return [line for line in statement.comment.splitlines() if line.lstrip("# ").strip()]


def definitions_module(program: Program, path: ServingPath, symbols: Symbols, module: str) -> str:
    """Return the text of `definitions.py` or `functions.py`, or an empty text where nothing belongs into it."""
    everything = [each for each in path.values() if each.storage is Storage.DEFINITION and each.definition]
    found = [each for each in everything if symbols.home(each)[0] == module]
    statements = {each.definition.place: each.definition for each in found if each.definition}
    if not statements:
        return ""
    ordered = [statements[place] for place in sorted(statements)]
    defined = {name for each in ordered for name in each.effects.defs}
    imports = _imports(path, symbols, ordered, defined, module)
    blocks = [_definition(each) for each in ordered]
    text = banner(_notebook(program), "Functions and classes of the notebook that the served code uses.")
    return module_text(text, imports, *blocks)


def _imports(
    path: ServingPath, symbols: Symbols, ordered: Sequence[Statement], defined: Iterable[str], module: str
) -> list[str]:
    needed = {name for each in ordered for name in each.effects.refs | each.effects.late} - set(defined)
    lines = [symbols.imported(each, inside=module) for each in path.values() if each.name in needed]
    return [line for line in dict.fromkeys(lines) if line]


def _definition(statement: Statement) -> str:
    return "\n".join([f"# cell {statement.cell}", *_comment(statement), statement.source])


def _notebook(program: Program) -> str:
    return program.notebook.path.rsplit("/", 1)[-1]
