"""The user's own modules are found where the notebook finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbdeploy.analysis.program import Program, read_program
from nbdeploy.errors import ArtifactError
from nbdeploy.packaging.local_modules import local_modules
from tests.analysis.notebooks import notebook_of


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a package in `src`, whose notebooks lie two folders deep."""
    for file in (
        "src/features/__init__.py",
        "src/features/ages/__init__.py",
        "src/features/ages/bands.py",
        "src/tools.py",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    (tmp_path / "notebooks" / "first").mkdir(parents=True)
    return tmp_path


def program_in(project: Path, source: str) -> Program:
    return read_program(notebook_of([(None, source)], str(project / "notebooks" / "first" / "it.ipynb")))


@pytest.mark.parametrize(
    "added",
    [
        "sys.path.append('../../src')",
        "sys.path.insert(0, '../../src')",
        "sys.path.append(os.path.abspath(os.path.join('..', '..', 'src')))",
        "if True:\n    sys.path.append(os.path.join(os.getcwd(), '../../src'))",
    ],
)
def test_modules_in_a_folder_that_the_notebook_adds_travel_with_the_package(project: Path, added: str) -> None:
    found = local_modules(program_in(project, f"import os, sys\n{added}"), ["features", "tools"])
    source = project / "src"
    wanted = ["features/__init__.py", "features/ages/__init__.py", "features/ages/bands.py", "tools.py"]
    assert found == {each: source / each for each in wanted}


def test_a_module_beside_the_notebook_comes_first(project: Path) -> None:
    own = project / "notebooks" / "first" / "tools.py"
    own.write_text("")
    program = program_in(project, "import sys\nsys.path.append('../../src')")
    assert local_modules(program, ["tools"]) == {"tools.py": own}


def test_a_module_in_a_folder_that_nobody_spelt_out_is_refused(project: Path) -> None:
    program = program_in(project, "import sys\nsys.path.append(settings.lib)\nsys.path.append('../data')")
    with pytest.raises(ArtifactError, match=r"NBD404[^\n]*'tools'[^\n]*beside the notebook nor in [^\n]*data"):
        local_modules(program, ["tools"])
