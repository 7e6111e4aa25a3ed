"""What `import nbdeploy` gives, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

import nbdeploy

HEAVY = ("numpy", "pandas", "mlflow", "bentoml", "IPython", "nbformat", "rich", "argparse", "papermill", "sklearn")


def python(source: str) -> str:
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_importing_nbdeploy_loads_nothing_heavy() -> None:
    assert python(f"import sys, nbdeploy; print(sorted({set(HEAVY)} & set(sys.modules)))") == "[]"


def test_the_public_names_are_sorted_listed_and_there() -> None:
    assert sorted(nbdeploy.__all__) == nbdeploy.__all__
    assert set(nbdeploy.__all__) <= set(dir(nbdeploy))
    missing = [module for module in nbdeploy._HOMES if find_spec(module) is None]
    waiting = {name for module in missing for name in nbdeploy._HOMES[module]}
    for name in set(nbdeploy.__all__) - waiting:
        assert getattr(nbdeploy, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'nbdeploy' has no attribute 'deplyo'"):
        nbdeploy.deplyo  # noqa: B018


@pytest.mark.parametrize("first", ["import nbdeploy.deploying", "from nbdeploy.checking import check", "pass"])
def test_deploy_is_the_function_whatever_was_imported_first(first: str) -> None:
    assert python(f"{first}\nfrom nbdeploy import deploy\nprint(type(deploy).__name__)") == "function"
