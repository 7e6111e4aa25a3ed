"""The code of an exported package, run in this process on the values that the notebook had: no files, no kernel."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from nbdeploy.analysis.serving import ServingPath, serving_path
from nbdeploy.packaging.definitions import constants_module, definitions_module
from nbdeploy.packaging.stages import handed_over, predict_module, preprocess_module
from nbdeploy.packaging.symbols import name_symbols
from nbdeploy.packaging.training import train_module
from tests.analysis.notebooks import program_of, recorded_run

__all__ = ["Emitted", "emitted"]

_numbers = itertools.count()


@dataclass
class Emitted:
    """The emitted files by name, the notebook's own input, output and artifacts, and the functions of the package.

    `saved` holds what `train(out)` wrote, by name.
    """

    path: ServingPath
    texts: dict[str, str]
    input: Any
    output: Any
    artifacts: dict[str, Any]
    modules: dict[str, ModuleType] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)

    def predict(self, value: Any) -> Any:
        return self.modules["predict"].predict(value)

    def train(self, out: Any = None, **parameters: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.modules["train"].train(out, **parameters)
        return made

    def body(self, file: str) -> list[str]:
        """The lines of a file below its imports."""
        return self.texts[file].split("\n\n\n", 1)[1].splitlines()


@contextmanager
def emitted(*cells: str | tuple[str | None, str], optional: tuple[str, ...] = (), **asked: Any) -> Iterator[Emitted]:
    """Run a notebook, emit the code of its package and import it."""
    program = program_of(*cells)
    with recorded_run(program) as (observed, recorder):
        path = serving_path(program, observed, **asked)
        symbols = name_symbols(path.values())
        texts = {
            "constants": constants_module(program, path, symbols),
            **{name: definitions_module(program, path, symbols, name) for name in symbols.modules},
            "preprocess": preprocess_module(program, path, symbols, optional) if handed_over(path) else "",
            "predict": predict_module(program, path, symbols, optional),
            "train": train_module(program, path, symbols, {}),
        }
        artifacts = {symbols.home(each)[1]: recorder.value_of(each.observation.digest or "") for each in path.artifacts}
        given = recorder.value_of(path.input.observation.digest or "")
        answer = recorder.value_of(path.output.observation.digest or "")
        found = Emitted(path, {name: text for name, text in texts.items() if text}, given, answer, artifacts)
        package = f"emitted_{next(_numbers)}"
        try:
            _import(package, found)
            yield found
        finally:
            for name in [each for each in sys.modules if each.partition(".")[0] == package]:
                del sys.modules[name]


def _import(package: str, found: Emitted) -> None:
    top = _module(package)
    top.__path__ = []  # a package, whose modules are there already
    kept = _module(f"{package}.artifacts")
    vars(kept).update(found.artifacts)
    kept.save = lambda name, value, folder: found.saved.update({name: (value, Path(folder))})  # type: ignore[attr-defined]
    top.artifacts = kept  # type: ignore[attr-defined]
    for name, text in found.texts.items():
        module = _module(f"{package}.{name}")
        module.__package__ = package
        exec(compile(text, f"{name}.py", "exec", dont_inherit=True), vars(module))
        setattr(top, name, module)
        found.modules[name] = module


def _module(name: str) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module
    return module
