"""What happens inside the kernel while the notebook is recorded.

The recorder is an AST transformer of the IPython shell: around each planned statement it puts calls that look at names. The
source of the cell, its line numbers and its displayed value stay as they are, and nothing is added to the user's namespace.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import faulthandler
import json
import os
import pickle
import pickletools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbdeploy.analysis.observations import Observation, Origin
from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.recording.live_metrics import called, look_at_calls, usual_metric

__all__ = ["NAME", "Recorder", "start"]

NAME = "__nbdeploy_recorder__"
CRASH = "crash.log"


def start(folder: str, shell: Any = None) -> Recorder:
    """Begin to record in this kernel, as `plan.json` in `folder` says."""
    if shell is None:
        from IPython import get_ipython

        shell = get_ipython()
        os.environ["NBDEPLOY_RECORDING"] = "1"  # a %deploy inside the notebook must not start another deploy
        faulthandler.enable((Path(folder) / CRASH).open("w"))  # where native code crashed
    recorder = Recorder(Path(folder), shell)
    setattr(builtins, NAME, recorder)
    shell.ast_transformers.append(recorder)
    return recorder


class Recorder:
    """Looks at names before and after planned statements, and writes what it saw to `observations.json`."""

    def __init__(self, folder: Path, shell: Any) -> None:
        self.folder = folder
        self.shell = shell
        plan = json.loads((folder / "plan.json").read_text())
        self.cells: dict[int, list[dict[str, Any]]] = {int(k): v for k, v in plan["cells"].items()}
        self.code: dict[str, list[str]] = plan["code"]
        self.definitions: str = plan["definitions"]
        self.live = Path(plan["live"]) if plan.get("live") else None
        self.before: dict[str, dict[str, Any]] = {}
        self.after: dict[str, dict[str, Any]] = {}
        self.values: dict[str, Any] = {}
        self.metrics: dict[str, float] = {}
        self.measured: dict[str, dict[str, Any]] = {}
        self.overhead = 0.0  # seconds spent looking, not to be blamed on the cell
        self._cell: int | None = None
        self._offset = 0
        self._entered = 0.0
        (folder / "values").mkdir(exist_ok=True)

    # the cell that is about to run -------------------------------------------------------------------------------------

    def enter(self, cell: int, blank_lines: int) -> None:
        """Expect cell `cell` next; IPython drops its leading blank lines, so line numbers are off by that many."""
        self._cell = cell if cell in self.cells else None
        self._offset = blank_lines
        self.overhead = 0.0
        self._entered = time.perf_counter()

    def leave(self) -> tuple[float, float]:
        """Return the seconds since `enter` without the recorder's own, and the resident memory in MiB."""
        import psutil  # comes with ipykernel

        self._cell = None
        seconds = time.perf_counter() - self._entered - self.overhead
        return round(seconds, 4), round(psutil.Process().memory_info().rss / 2**20, 1)

    def visit(self, tree: ast.AST) -> ast.AST:
        """Instrument the cell's syntax tree (the shell calls this for every cell)."""
        if self._cell is None or not isinstance(tree, ast.Module):
            return tree
        if _is_cell_magic(tree):  # its body comes through here again, one line further down
            self._offset -= 1
            return tree
        cell, self._cell = self._cell, None
        tree.body = [
            new for node, place in _placed(tree.body, cell, self._offset) for new in self._instrumented(node, place)
        ]
        return ast.fix_missing_locations(tree)

    def _instrumented(self, node: ast.stmt, place: tuple[int, int, int]) -> Iterator[ast.stmt]:
        entry = next((each for each in self.cells[place[0]] if each["place"] == list(place)), None)
        if entry is None:
            yield node
            return
        if "instead" in entry:
            yield from _substituted(node, entry["instead"], place)
            return
        yield _call("look_before", place, node)
        look_at_calls(node, place, entry.get("calls", {}), _reference)
        if isinstance(node, ast.Assert):
            node.test = _with_metrics(node.test)
        if isinstance(node, ast.Expr):
            yield _looked_at(node, place)
        else:
            yield node
            yield _call("look_after", place, node)

    # called from instrumented code -------------------------------------------------------------------------------------

    def look_before(self, *place: int) -> None:
        self._look(place, "before", self.before)

    def look_after(self, *place: int) -> None:
        self._look(place, "after", self.after)

    def look_at_value(self, cell: int, line: int, position: int, value: Any) -> Any:
        self.look_after(cell, line, position)
        with self._off_the_clock():
            self.values[_key((cell, line, position))] = self.observe("", value).as_json()
        return value

    def measure(self, label: str, value: Any) -> Any:
        """Keep a number that a test compares, under the name of what computes it."""
        with contextlib.suppress(Exception):
            self.metrics.setdefault(label, float(value))
        return value

    def look_at_argument(self, cell: int, line: int, position: int, call: str, number: int, value: Any) -> Any:
        """Keep what a metric is given: `number` 0 and 1 are its first two arguments."""
        with self._off_the_clock():
            seen = self.measured.setdefault(f"{_key((cell, line, position))} {call}", {"arguments": [None, None]})
            seen["arguments"][number] = self.observe("", value).as_json()
        return value

    def look_at_metric(self, cell: int, line: int, position: int, call: str, value: Any) -> Any:
        """Keep what a metric gives."""
        with contextlib.suppress(Exception):
            self.measured[f"{_key((cell, line, position))} {call}"]["value"] = float(value)
        return value

    def take(self, name: str) -> Any:
        """Return the live object of that name."""
        assert self.live is not None
        with (self.live / f"{name}.pkl").open("rb") as file:
            return pickle.load(file)  # written by the user's own kernel a moment ago

    def _look(self, place: tuple[int, ...], when: str, into: dict[str, dict[str, Any]]) -> None:
        with self._off_the_clock():
            entry = next(each for each in self.cells[place[0]] if each["place"] == list(place))
            seen: dict[str, Any] = {}
            waiting = list(entry[when])
            while waiting:
                name = waiting.pop()
                if name in self.shell.user_ns and name not in seen:
                    observation = self.observe(name, self.shell.user_ns[name])
                    seen[name] = observation.as_json()
                    waiting += [*observation.needs, *self.code.get(name, ())]
            into[_key(place)] = seen

    @contextlib.contextmanager
    def _off_the_clock(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.overhead += time.perf_counter() - began

    # observing ---------------------------------------------------------------------------------------------------------

    def observe(self, name: str, value: Any) -> Observation:
        """Describe a value, and keep a copy of it where it may have to be stored.

        A value that resists (a property that raises, a broken `__reduce__`) is an observation with a problem: looking must
        never break the notebook.
        """
        try:
            return self._observed(name, value)
        except OSError:
            raise  # a full disk is no property of the value
        except Exception as problem:
            told = f"{type(problem).__name__}: {problem}"
            return Observation(
                name=name,
                schema=Schema(kind=Kind.OBJECT, type=type(value).__qualname__),
                origin=Origin.VALUE,
                problem=told,
            )

    def _observed(self, name: str, value: Any) -> Observation:
        from nbdeploy.recording.describe import describe
        from nbdeploy.recording.literals import literal

        schema = describe(value)
        origin, module, qualname = _origin(value)
        if origin is not Origin.VALUE:
            return Observation(name=name, schema=schema, origin=origin, origin_module=module, origin_name=qualname)
        spelled = literal(value)
        digest, problem = self._keep(value)
        return Observation(
            name=name,
            schema=schema,
            origin=origin,
            digest=digest,
            literal=spelled.source if spelled else None,
            imports=tuple(spelled.imports) if spelled else (),
            problem=problem,
            needs=self._needs(digest) if digest and not problem and not spelled else (),
        )

    def _needs(self, digest: str) -> tuple[str, ...]:
        """Return the notebook's own classes and functions that a kept value refers to: pickle names them."""
        texts = _texts_in((self.folder / "values" / f"{digest}.pkl").read_bytes())
        return tuple(sorted(self.code.keys() & texts)) if "__main__" in texts else ()

    def _keep(self, value: Any) -> tuple[str | None, str]:
        from nbdeploy.recording.digest import digest

        identity = digest(value)
        if identity is None:
            return None, f"a {type(value).__qualname__} can't be written down"
        target = self.folder / "values" / f"{identity}.pkl"
        if target.exists():
            return identity, ""
        try:
            target.write_bytes(_pickled(value))
        except OSError:
            raise
        except Exception as problem:
            return identity, f"{type(problem).__name__}: {problem}"
        return identity, ""

    def value_of(self, digest: str) -> Any:
        """Return the kept copy of an observed value."""
        with (self.folder / "values" / f"{digest}.pkl").open("rb") as file:
            return pickle.load(file)  # written by this process

    # at the end of the run ---------------------------------------------------------------------------------------------

    def rows_of(self, part: str, whole: str) -> list[int] | None:
        """Return where the rows of one observed value stand in another, or None where they are not its rows."""
        from nbdeploy.recording.rows import positions_of

        return positions_of(self.value_of(part), self.value_of(whole))

    def look_at_name(self, name: str) -> dict[str, Any] | None:
        """Observe a name as it is now, None where there is none."""
        return self.observe(name, self.shell.user_ns[name]).as_json() if name in self.shell.user_ns else None

    def measured_again(self, source: str, labels: str, answers: str) -> float | str:
        """Return what the `metric` that `source` defines gives for two observed values, or in words why it gives nothing."""
        return called(source, self.value_of(labels), self.value_of(answers))

    def usual_metric(self, labels: str, answers: str) -> str:
        """Return the metric that is usual for two observed values, an empty text for none."""
        return usual_metric(self.value_of(labels), self.value_of(answers))

    def store(self, digest: str, folder: str, stem: str, **options: Any) -> dict[str, Any]:
        """Store an observed value in its best format; what the notebook defines is stored as the package's own.

        `rows` (positions) stores only these rows of it. A value that no format carries comes back as `{"problem": ...}`.
        """
        from dataclasses import asdict

        from nbdeploy.errors import ArtifactError
        from nbdeploy.recording import formats
        from nbdeploy.recording.formats.relocation import relocated
        from nbdeploy.recording.rows import take_rows

        rows = options.pop("rows", None)
        try:
            with relocated(self.shell.user_ns, self.definitions):
                value = self.value_of(digest)
                value = value if rows is None else take_rows(value, rows)
                stored = formats.store(value, Path(folder), stem, **options)
        except ArtifactError as problem:
            return {"problem": problem.diagnostics[0].as_json()}
        return asdict(stored)

    def write(self) -> None:
        """Write everything seen so far."""
        seen = {"before": self.before, "after": self.after, "values": self.values, "metrics": self.metrics}
        seen["measured"] = self.measured
        (self.folder / "observations.json").write_text(json.dumps(seen))


# syntax trees -----------------------------------------------------------------------------------------------------------


def _is_cell_magic(tree: ast.Module) -> bool:
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return False
    call = tree.body[0].value
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "run_cell_magic"


def _placed(body: list[ast.stmt], cell: int, offset: int) -> Iterator[tuple[ast.stmt, tuple[int, int, int]]]:
    previous, position = -1, 0
    for node in body:
        line = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))]) + offset
        position = position + 1 if line == previous else 0
        previous = line
        yield node, (cell, line, position)


def _reference(method: str) -> ast.expr:
    return ast.Attribute(ast.Name(NAME, ast.Load()), method, ast.Load())


def _call(method: str, place: tuple[int, int, int], at: ast.stmt) -> ast.stmt:
    call = ast.Call(_reference(method), [ast.Constant(each) for each in place], [])
    return ast.copy_location(ast.Expr(ast.copy_location(call, at)), at)


def _wrapped(method: str, place: tuple[int, int, int], value: ast.expr) -> ast.expr:
    call = ast.Call(_reference(method), [*(ast.Constant(each) for each in place), value], [])
    return ast.copy_location(call, value)


def _looked_at(node: ast.Expr, place: tuple[int, int, int]) -> ast.Expr:
    """Look at the expression's value; of `print(E)` and `display(E)`, at E."""
    call = node.value
    prints = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in {"print", "display"}
    if prints and isinstance(call, ast.Call) and len(call.args) == 1 and not isinstance(call.args[0], ast.Starred):
        call.args[0] = _wrapped("look_at_value", place, call.args[0])
    else:
        node.value = _wrapped("look_at_value", place, node.value)
    return node


def _with_metrics(test: ast.expr) -> ast.expr:
    """`assert accuracy > 0.8`: measure the left side under the name of what computes it."""
    if isinstance(test, ast.BoolOp):
        test.values = [_with_metrics(each) for each in test.values]
    elif isinstance(test, ast.Compare) and isinstance(test.left, ast.Call | ast.Name):
        named = test.left.func if isinstance(test.left, ast.Call) else test.left
        label = named.attr if isinstance(named, ast.Attribute) else ast.unparse(named)
        call = ast.Call(_reference("measure"), [ast.Constant(label), test.left], [])
        test.left = ast.copy_location(call, test.left)
    return test


def _substituted(node: ast.stmt, instead: dict[str, Any], place: tuple[int, int, int]) -> Iterator[ast.stmt]:
    yield _call("look_before", place, node)
    for name in instead["takes"]:
        take = ast.Call(_reference("take"), [ast.Constant(name)], [])
        yield ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], ast.copy_location(take, node)), node)
    if instead["source"]:
        for each in ast.parse(instead["source"]).body:
            yield ast.increment_lineno(each, node.lineno - 1)
    yield _call("look_after", place, node)


# values -----------------------------------------------------------------------------------------------------------------


def _key(place: tuple[int, ...]) -> str:
    return ":".join(map(str, place))


def _origin(value: Any) -> tuple[Origin, str | None, str | None]:
    """Tell where the definition of a module, function or class lives."""
    import types

    if isinstance(value, types.ModuleType):
        return Origin.MODULE, value.__name__, None
    is_code = isinstance(value, type | types.FunctionType | types.BuiltinFunctionType) or _is_ufunc(value)
    if not is_code:
        return Origin.VALUE, None, None
    module, qualname = (
        getattr(value, "__module__", None),
        getattr(value, "__qualname__", getattr(value, "__name__", "")),
    )
    if module == "__main__":
        return Origin.NOTEBOOK, None, qualname
    home = sys.modules.get(module or "numpy")
    found = getattr(home, qualname, None) if home is not None else None
    return (Origin.LIBRARY, home.__name__, qualname) if found is value and home else (Origin.VALUE, None, None)


def _is_ufunc(value: Any) -> bool:
    return type(value).__name__ == "ufunc" and type(value).__module__ == "numpy"


def _texts_in(pickled: bytes) -> set[str]:
    """Return the texts in a pickle, if it names `__main__` at all."""
    if b"__main__" not in pickled:
        return set()
    return {argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}


def _pickled(value: Any) -> bytes:
    try:
        return pickle.dumps(value, protocol=5)
    except Exception:
        import cloudpickle

        dumped: bytes = cloudpickle.dumps(value, protocol=5)
        return dumped
