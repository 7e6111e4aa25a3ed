"""The habits of the house, looked up in the source itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nbdeploy

ROOT = Path(nbdeploy.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py"))
PUBLIC = [path for path in FILES if path.name[0] != "_" or (path.name == "__init__.py" and path.read_text().strip())]
PLUGINS = {
    "recording/engine.py": {"papermill"},  # a papermill engine is a subclass of papermill's
    "frontends/exporter.py": {"nbconvert"},  # an nbconvert exporter is a subclass of nbconvert's
    "frontends/server.py": {"jupyter_server", "tornado"},  # handlers of Jupyter Server are subclasses of its own
    "frontends/server_versions.py": {"jupyter_server", "tornado"},
    "frontends/kernel_python.py": {"tornado"},  # its refusals are answers of the server
    "frontends/panel.py": {"anywidget", "traitlets"},  # a widget is a subclass of anywidget's
    "proving/tracing/frame.py": {
        "numpy"
    },  # what stands for arrays has numpy's own operators; run in a process of its own
    "proving/tracing/tensor.py": {"numpy"},
    # The worker is copied as it is, and reads as if it had been written for the package; nbdeploy itself imports none of it.
    "operating/worker/answering.py": {"pydantic_core"},
    "operating/batch/spark_job.py": {"pyarrow", "pyspark"},  # spark-submit starts it
    "operating/worker/kafka.py": {"faststream"},
    "operating/worker/nats.py": {"faststream", "nats"},
    "operating/worker/rabbit.py": {"faststream"},
    "operating/worker/redis.py": {"faststream", "redis"},
}
PURE = ("notebook", "analysis")
# No `__all__` where each file has the same names by protocol, or is run and not imported.
WITHOUT_ALL = {
    "operating/loadtest/probe.py",
    "proving/load.py",
    "proving/probe.py",
    "tracking/notebook_model.py",
}
MAX_LINES = 600
MAX_FUNCTION_LINES = 60


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(nodes: list[ast.stmt]) -> set[str]:
    """Return the packages that importing these statements loads: not those inside functions or behind TYPE_CHECKING."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.If):
            body = [] if "TYPE_CHECKING" in ast.unparse(node.test) else node.body
            found |= imports(body) | imports(node.orelse)
        elif isinstance(node, ast.ClassDef | ast.With):
            found |= imports(node.body)
        elif isinstance(node, ast.Try):
            found |= imports([*node.body, *node.orelse, *node.finalbody, *(s for h in node.handlers for s in h.body)])
    return found


def foreign(names: set[str]) -> set[str]:
    return names - set(sys.stdlib_module_names) - {"nbdeploy"}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_importing_a_module_loads_no_third_party_package(path: Path) -> None:
    assert foreign(imports(tree(path).body)) <= PLUGINS.get(named(path), set())


@pytest.mark.parametrize("path", [path for path in FILES if named(path).split("/")[0] in PURE], ids=named)
def test_the_pure_folders_use_the_standard_library_alone_also_inside_functions(path: Path) -> None:
    nodes = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert foreign(imports(list(nodes))) == set()


def test_importing_nbdeploy_and_its_whole_story_loads_no_third_party_package() -> None:
    story = "import nbdeploy; nbdeploy.deploy, nbdeploy.export, nbdeploy.check; import nbdeploy.frontends.cli"
    story += "; import nbdeploy.frontends.magics, nbdeploy.recording.runner, nbdeploy.proving.prove, nbdeploy.tracking.mlflow"
    # What an editable install's own hook loads before any of our code is not ours.
    source = f"import sys; before = set(sys.modules); {story}; new = set(sys.modules) - before"
    source += "; print(*sorted({name.split('.')[0] for name in new} - set(sys.stdlib_module_names)))"
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout.split(), ran.stderr) == (["nbdeploy"], "")


@pytest.mark.parametrize("path", FILES, ids=named)
def test_modules_and_functions_stay_short(path: Path) -> None:
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert long == []
    assert len(path.read_text(encoding="utf-8").splitlines()) < MAX_LINES


@pytest.mark.parametrize("path", PUBLIC, ids=named)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path))


def exported(path: Path) -> list[str] | None:
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == ["__all__"]:
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


@pytest.mark.parametrize(
    "path",
    [each for each in PUBLIC if named(each) not in WITHOUT_ALL and not named(each).startswith("recording/formats/")],
    ids=named,
)
def test_a_module_lists_what_it_gives_sorted(path: Path) -> None:
    listed = exported(path)
    if path.name == "__init__.py" and len(tree(path).body) == 1:
        return  # a folder that gives no names of its own
    assert listed is not None
    # As ruff sorts: constants, then classes, then the rest.
    assert listed == sorted(listed, key=lambda name: (not name.isupper(), not name[:1].isupper(), name))
    assert set(listed) <= defined(path)


def defined(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {each.asname or each.name for each in node.names}
    return names


def test_the_arrows_hold() -> None:
    """`lint-imports` reads the contracts from pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists() or not (ROOT.parent / "pyproject.toml").exists():
        pytest.skip("the import linter is a tool of the source tree")
    ran = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT.parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout
