"""The package's own tests: the notebook's answers on the recorded rows, and the notebook's test cells."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from nbdeploy.analysis.observations import Observation, Origin
from nbdeploy.analysis.program import Statement
from nbdeploy.analysis.serving import ServingPath
from nbdeploy.analysis.values import ROW_KINDS
from nbdeploy.notebook.cells import Role
from nbdeploy.packaging.metric_file import METRIC_FILE, metric_module
from nbdeploy.packaging.schema import parse_name, request_field
from nbdeploy.packaging.symbols import Symbols
from nbdeploy.packaging.text import WIDTH, banner, flat, import_line, indented, module_text, written
from nbdeploy.packaging.tolerance import Tolerance
from nbdeploy.recording.formats import Stored, loader_source
from nbdeploy.recording.recording import Recording

__all__ = ["carried_tests", "recorded_values", "test_files"]

OWN = frozenset({"compare", "recorded"})
"""Modules beside the tests."""
TAKEN = frozenset({"assert_same", "predict", "recorded"})
"""Names of the test files that stand for something else than what the notebook calls so."""


def recorded_values(recording: Recording) -> dict[str, Stored]:
    """Return the stored values that the tests read, by the name under which they ask for them."""
    values = {"example_input": recording.example.input, "example_output": recording.example.output}
    values |= {"labels": recording.measure.labels} if recording.measure else {}
    for cell, fixtures in recording.fixtures.items():
        values |= {f"cell_{cell}_{name}": stored for name, stored in fixtures.items()}
    return values


def test_files(recording: Recording, module: str, symbols: Symbols, tolerance: Tolerance) -> dict[str, str]:
    """Return the files of `tests/`, by path."""
    from nbdeploy.packaging import compare

    files = {
        "tests/compare.py": tolerance.in_source(Path(compare.__file__).read_text(encoding="utf-8")),
        "tests/recorded.py": _recorded_module(recorded_values(recording)),
        "tests/test_contract.py": _contract_tests(recording, module),
    }
    if recording.measure is not None:
        files[METRIC_FILE] = metric_module(recording)
    notebook_tests = list(_notebook_tests(recording, module, symbols))
    if notebook_tests:
        files["tests/test_notebook.py"] = _notebook_module(recording, module, notebook_tests)
    return files


def _recorded_module(values: Mapping[str, Stored]) -> str:
    rows = "".join(_entry(name, each) for name, each in sorted(values.items()))
    table = f"VALUES: dict[str, tuple[Any, str, dict[str, Any]]] = {{\n{rows}}}"
    load = '''def recorded(name: str) -> Any:
    """Return a value as it was when the notebook ran."""
    loader, file, arguments = VALUES[name]
    return loader(DATA / file, **arguments)'''
    row = '''def row(value: Any, number: int) -> Any:
    """Return one row, in a value of the same kind."""
    return value.iloc[[number]] if hasattr(value, "iloc") else value[number : number + 1]'''
    return module_text(
        '"""Values that the notebook had when it was recorded, from the files in `data/`."""',
        ["from pathlib import Path", "from typing import Any"],
        'DATA = Path(__file__).parent / "data"',
        loader_source({each.format for each in values.values()}),
        table,
        load,
        row,
    )


def _entry(name: str, stored: Stored) -> str:
    arguments = dict(stored.arguments)
    line = f'    "{name}": (load_{stored.format}, "{stored.file}", {flat(arguments)}),\n'
    if len(line) <= WIDTH + 1:
        return line
    parts = (f"load_{stored.format}", f'"{stored.file}"', written(arguments, 8, used=1))
    return f'    "{name}": (\n' + "".join(f"        {each},\n" for each in parts) + "    ),\n"


def _contract_tests(recording: Recording, module: str) -> str:
    name = recording.program.notebook.path.rsplit("/", 1)[-1]
    schema = recording.path.input.observation.schema
    blocks = [
        CONTRACT_TESTS.format(parse=parse_name(schema), field=request_field(schema)),
        f'''def test_all_rows_at_once_are_answered_as_in_the_notebook() -> None:
    """{recording.example.rows} recorded rows."""
    assert_same(predict(recorded("example_input")), recorded("example_output"))''',
    ]
    imports = [
        "import json",
        "from pathlib import Path",
        "from typing import Any",
        "import pytest",
        f"from {module} import predict",
        f"from {module}.schema import BadRequest, answer, {parse_name(schema)}",
        "from compare import assert_same",
        "from recorded import recorded",
    ]
    if schema.kind in ROW_KINDS and recording.example.rows > 1:
        rows = sorted({0, recording.example.rows // 3, recording.example.rows // 2, recording.example.rows - 1})
        blocks.append(
            f"""@pytest.mark.parametrize("number", {rows})
def test_one_row_alone_is_answered_as_among_the_others(number: int) -> None:
    alone = predict(row(recorded("example_input"), number))
    assert_same(alone, row(recorded("example_output"), number))"""
        )
        imports.append("from recorded import row")
    text = banner(
        name, "The service's contract, without HTTP: it answers as the notebook did, and refuses what it can't read."
    )
    return module_text(text, imports, *blocks, own={module, *OWN})


CONTRACT_TESTS = """\
CONTRACT = json.loads((Path(__file__).parents[1] / "contract.json").read_text(encoding="utf-8"))


def asked(request: dict[str, Any]) -> Any:
    return answer(predict({parse}(request["{field}"])))


def test_each_example_of_the_contract_is_answered_as_it_says() -> None:
    for example in CONTRACT["examples"]:
        assert_same(asked(example["request"]), example["predictions"])


def test_each_wrong_request_of_the_contract_is_refused_by_row_and_field() -> None:
    for wrong in CONTRACT["refusals"]:
        with pytest.raises(BadRequest) as refused:
            asked(wrong["request"])
        told = [(problem["row"], problem["field"]) for problem in refused.value.problems]
        assert (wrong["row"], wrong["field"]) in told, wrong["why"]"""


# the notebook's test cells ----------------------------------------------------------------------------------------------


def carried_tests(recording: Recording) -> dict[int, str]:
    """Return for each test cell why it can't be carried over, or an empty text where it can."""
    return {cell: _obstacle(recording, cell) for cell in _test_cells(recording)}


def _test_cells(recording: Recording) -> list[int]:
    return sorted({each.cell for each in recording.program.with_role(Role.TEST)})


def _obstacle(recording: Recording, cell: int) -> str:
    for name, seen in recording.readings.get(cell, {}).items():
        known = (
            seen.origin is not Origin.VALUE
            or seen.literal is not None
            or name in recording.fixtures.get(cell, {})
            or _artifact(recording.path, seen)
            or _is_output(recording.path, seen)
        )
        if not known:
            return f"it reads {name!r} ({seen.schema}), which can't be stored"
    return ""


def _artifact(path: ServingPath, seen: Observation) -> bool:
    return any(each.key == (seen.name, seen.digest or "") for each in path.artifacts)


def _is_output(path: ServingPath, seen: Observation) -> bool:
    return seen.name == path.output.name and seen.digest == path.output.observation.digest


def _notebook_tests(recording: Recording, module: str, symbols: Symbols) -> Iterator[tuple[list[str], str]]:
    """Give each test cell that can be carried over as the imports of the file that it needs, and its function."""
    meanings = _meanings(recording)
    for cell, obstacle in carried_tests(recording).items():
        if obstacle:
            continue
        imports: list[str] = []
        lines = [f'    """Cell {cell} of the notebook."""']
        readings = recording.readings.get(cell, {})
        for name, seen in sorted(readings.items()):
            line, needed = _bound(recording, module, symbols, cell, name, seen)
            if line.startswith(("import ", "from ")) and name not in meanings:
                imports += line.splitlines()
            else:
                lines.append(indented(line))
            imports += needed
        lines += list(_body(recording, cell))
        answers = [
            recording.answers.get(each.index) for each in recording.program.with_role(Role.TEST) if each.cell == cell
        ]
        imports += [line for each in answers if each is not None for line in each.imports]
        yield imports, f"def test_cell_{cell}() -> None:\n" + "\n".join(lines)


def _meanings(recording: Recording) -> frozenset[str]:
    """Names that can't be imported at the top of the file: the tests bind them, or they are the file's own."""
    bound = {name for each in recording.program.with_role(Role.TEST) for name in each.effects.defs}
    read: dict[str, set[object]] = {}
    for readings in recording.readings.values():
        for name, seen in readings.items():
            read.setdefault(name, set()).add(seen.digest or (seen.origin_module, seen.origin_name))
    return frozenset(bound | TAKEN | {name for name, values in read.items() if len(values) > 1})


def _bound(
    recording: Recording, module: str, symbols: Symbols, cell: int, name: str, seen: Observation
) -> tuple[str, list[str]]:
    """Return the lines that bind a name inside a test, and the imports of the file that this needs."""
    path, program = recording.path, recording.program
    reader = next(each for each in program.with_role(Role.TEST) if each.cell == cell)
    definition = program.definition_of(name, reader)
    if _is_output(path, seen):
        by_name = "predict" not in recording.readings.get(cell, {})  # the notebook may have a `predict` of its own
        ask, needed = (
            ("predict", f"from {module} import predict") if by_name else (f"{module}.predict", f"import {module}")
        )
        return f'{name} = {ask}(recorded("example_input"))', [needed, "from recorded import recorded"]
    for each in path.values():
        same = each.key == (name, seen.digest or "") or (each.definition is not None and each.definition is definition)
        if same and (each.definition is None or not each.definition.imports):
            home, symbol = symbols.home(each)
            bound = name if symbol == name else f"{symbol} as {name}"
            return f"from {module}.{home} import {bound}", []
    if seen.origin is not Origin.VALUE:
        return _code(definition and program.with_submodules(name, definition), seen), []
    if name in recording.fixtures.get(cell, {}):
        return f'{name} = recorded("cell_{cell}_{name}")', ["from recorded import recorded"]
    return f"{name} = {seen.literal}", list(seen.imports)


def _code(definition: Statement | None, seen: Observation) -> str:
    if definition is not None and isinstance(definition.node, ast.Import | ast.ImportFrom):
        return import_line(definition.node, seen.name)
    if seen.origin in {Origin.MODULE, Origin.LIBRARY}:
        if seen.origin_name is None:
            return f"import {seen.origin_module} as {seen.name}"
        return f"from {seen.origin_module} import {seen.origin_name} as {seen.name}"
    return definition.source if definition is not None else ""


def _body(recording: Recording, cell: int) -> Iterator[str]:
    """The statements of a test cell; numbers that it computes must be what they were in the notebook."""
    for each in recording.program.with_role(Role.TEST):
        if each.cell != cell:
            continue
        value = recording.answers.get(each.index)
        known = value is not None and value.literal not in {None, "None"}
        shows = isinstance(each.node, ast.Expr) and each.effects.display
        if shows and (not known or _is_text(value)):
            continue
        if known and value is not None and isinstance(each.node, ast.Expr):
            yield indented(f"assert_same(\n    {_shown(each)},\n    {value.literal},\n)")
        else:
            yield indented(each.source)


def _is_text(value: Observation | None) -> bool:
    """A text that is shown is for people: `print(f"accuracy {accuracy:.2f}")`."""
    return value is not None and value.schema.type == "str"


def _shown(statement: Statement) -> str:
    """Return the expression whose value was recorded: the statement, or E of `print(E)` and `display(E)`."""
    source = statement.source.rstrip(";")
    tree = ast.parse(source).body[0]
    call = tree.value if isinstance(tree, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in {"print", "display"}:
        return ast.get_source_segment(source, call.args[0]) or source
    return source


def _notebook_module(recording: Recording, module: str, tests: list[tuple[list[str], str]]) -> str:
    name = recording.program.notebook.path.rsplit("/", 1)[-1]
    imports = [line for needed, _ in tests for line in needed]
    if any("assert_same(" in text for _, text in tests):
        imports.append("from compare import assert_same")
    text = banner(name, "The test cells of the notebook, on the package's own answers and the recorded values.")
    return module_text(text, imports, *(block for _, block in tests), own={module, *OWN})
