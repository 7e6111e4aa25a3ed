"""What the imports of a notebook bind, and what is known of the libraries that they name."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from nbdeploy.analysis.knowledge import Callee, Knowledge, callee_of, knowledge_of
from nbdeploy.analysis.targets import bound_by_import
from nbdeploy.analysis.walking import walk
from nbdeploy.notebook.cells import Notebook

__all__ = ["BUILTINS", "Imported", "imported_by", "module_of", "star_modules"]

BUILTINS = frozenset({*dir(builtins), "display", "get_ipython"})
"""Names that are there without being bound: Python's and IPython's."""


@dataclass(frozen=True, slots=True)
class Imported:
    """`modules` are names that imports bind and nothing else does, `displays` those of libraries that only show things.

    `origins` tell where each comes from (`np`: numpy, `seed`: numpy.random.seed), `bound` are names that the notebook binds
    otherwise: they are no builtins. `stars` are the names that a star import of a module binds, where they are known.
    """

    modules: frozenset[str] = frozenset()
    displays: frozenset[str] = frozenset()
    origins: Mapping[str, str] = field(default_factory=dict)
    bound: frozenset[str] = frozenset()
    known: Knowledge = field(default_factory=lambda: knowledge_of(frozenset()))
    stars: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def bound_by(self, statement: ast.Import | ast.ImportFrom) -> frozenset[str]:
        """Return the names that an import binds; of a star import those that are known."""
        names = set(bound_by_import(statement))
        if isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names):
            names |= set(self.stars.get(module_of(statement), ()))
        return frozenset(names)

    def origin(self, function: ast.expr) -> str | None:
        """Return the path of a library's function: `numpy.random.seed` for `np.random.seed`, `builtins.len` for `len`."""
        path: list[str] = []
        while function.__class__ is ast.Attribute:
            path.append(function.attr)
            function = function.value
        if function.__class__ is not ast.Name:
            return None
        root = function.id
        if root in self.modules:
            return ".".join([self.origins[root], *reversed(path)])
        return f"builtins.{root}" if not path and root in BUILTINS and root not in self.bound else None

    def callee(self, call: ast.Call) -> Callee:
        """Return what is known of what a call calls."""
        function = call.func
        return callee_of(
            self.known, self.origin(function), function.attr if isinstance(function, ast.Attribute) else None
        )


def imported_by(nodes: Iterable[ast.stmt], stars: Mapping[str, tuple[str, ...]] | None = None) -> Imported:
    """Return what all imports of a program bind, wherever they stand in it."""
    stars = stars or {}
    origins: dict[str, str] = {}
    bound: set[str] = set()
    methods: set[str] = set()
    for node in walk(*nodes):
        kind = type(node)
        if kind is ast.Name:
            if type(node.ctx) is ast.Store:  # type: ignore[attr-defined]
                bound.add(node.id)  # type: ignore[attr-defined]
        elif kind in _IMPORTS:
            origins |= _origins(node, stars)  # type: ignore[arg-type]
        elif kind in _DEFINITIONS:
            bound.add(node.name)  # type: ignore[attr-defined]
            if kind is ast.ClassDef:
                methods |= {each.name for each in node.body if isinstance(each, _FUNCTIONS)}  # type: ignore[attr-defined]
    roots = {name: origin.partition(".")[0] for name, origin in origins.items()}
    known = _without_methods(knowledge_of(frozenset(roots.values())), methods)
    modules = frozenset(origins.keys() - bound)  # a name that is also bound otherwise is no module everywhere
    displays = frozenset(name for name in modules if roots[name] in known.show_modules)
    return Imported(modules, displays, origins, frozenset(bound), known, stars)


_HARMLESS = ("fresh_methods", "fresh_answer_methods", "shallow_methods", "view_methods", "show_methods")


def _without_methods(known: Knowledge, names: set[str]) -> Knowledge:
    """Return what is known where classes of the notebook define methods of these names: those may do anything."""
    told = {field: getattr(known, field) for field in _HARMLESS}
    changed = {field: methods - names for field, methods in told.items() if methods & names}
    return replace(known, **changed) if changed else known


def _origins(node: ast.Import | ast.ImportFrom, stars: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield alias.asname or alias.name.split(".")[0], alias.name if alias.asname else alias.name.split(".")[0]
            continue
        module = module_of(node)
        for name in stars.get(module, ()) if alias.name == "*" else (alias.name,):
            yield alias.asname or name, f"{module}.{name}"


def module_of(statement: ast.ImportFrom) -> str:
    """Return `.helpers` for `from .helpers import *`."""
    return "." * statement.level + (statement.module or "")


_STAR = re.compile(r"^\s*from\s+([\w.]+)\s+import\s*\*", re.MULTILINE)


def star_modules(notebook: Notebook) -> tuple[str, ...]:
    """Return the modules of which a cell imports everything."""
    texts = [cell.code.python for cell in notebook.cells if cell.code is not None and "*" in cell.code.python]
    return tuple(dict.fromkeys(module for text in texts for module in _STAR.findall(text)))


_IMPORTS = {ast.Import, ast.ImportFrom}
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITIONS = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef}
