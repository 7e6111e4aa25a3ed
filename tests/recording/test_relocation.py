"""What a notebook defines is stored under the name that the package will give it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nbdeploy.recording.formats.relocation import relocated

if TYPE_CHECKING:
    from pathlib import Path

DEFINITIONS = """
from sklearn.base import BaseEstimator, TransformerMixin


class Clip(BaseEstimator, TransformerMixin):
    def __init__(self, top=1.0):
        self.top = top

    def fit(self, X, y=None):
        self.highest_ = X.max(axis=0) * self.top
        return self

    def transform(self, X):
        return X.clip(max=self.highest_)


def doubled(X):
    return X * 2
"""

NOTEBOOK = """
import json, sys
from pathlib import Path
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from nbdeploy.recording.formats import store
from nbdeploy.recording.formats.relocation import relocated

X, y = load_iris(return_X_y=True)
model = make_pipeline(Clip(0.9), FunctionTransformer(doubled), LogisticRegression(max_iter=900)).fit(X, y)
folder = Path(sys.argv[1])
with relocated(globals(), "flowers.definitions"):
    stored = store(model, folder, "model", allow_pickle=True)
assert Clip.__module__ == doubled.__module__ == "__main__" and "flowers" not in sys.modules
np.save(folder / "expected.npy", model.predict_proba(X))
print(json.dumps([stored.format, stored.arguments]))
"""

PACKAGE = """
import sys
from pathlib import Path
import numpy as np, skops.io
from sklearn.datasets import load_iris

folder = Path(sys.argv[1])
trusted = ["flowers.definitions.Clip", "flowers.definitions.doubled"]
model = skops.io.load(folder / "model.skops", trusted=trusted)
X, _ = load_iris(return_X_y=True)
np.testing.assert_array_equal(model.predict_proba(X), np.load(folder / "expected.npy"))
assert type(model[0]).__module__ == "flowers.definitions"
assert not any(name.startswith("nbdeploy") for name in sys.modules)
"""


def run(code: str, *arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_notebooks_own_classes_and_functions_are_read_in_the_package(tmp_path: Path) -> None:
    (tmp_path / "flowers").mkdir()
    (tmp_path / "flowers" / "__init__.py").touch()
    (tmp_path / "flowers" / "definitions.py").write_text(DEFINITIONS)
    stored = tmp_path / "stored"

    answer = run(DEFINITIONS + NOTEBOOK, str(stored))
    run(PACKAGE, str(stored), cwd=tmp_path)

    assert answer.strip() == '["skops", {"trusted": ["flowers.definitions.Clip", "flowers.definitions.doubled"]}]'


REDEFINED = """
import sys
from pathlib import Path
from nbdeploy.errors import ArtifactError
from nbdeploy.recording.formats import store
from nbdeploy.recording.formats.relocation import relocated

class Model:
    pass

model = Model()

class Model:
    answer = 42

try:
    with relocated(globals(), "package.definitions"):
        store(model, Path(sys.argv[1]), "model")
except ArtifactError as error:
    print(error)
"""


def test_an_object_of_a_class_that_was_defined_again_is_refused(tmp_path: Path) -> None:
    answer = run(REDEFINED, str(tmp_path))

    assert "NBD401 model (__main__.Model) can't be stored" in answer
    assert "defined again later" in answer
    assert "run the notebook again from the top" in answer


def notebook_namespace() -> dict[str, object]:
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec("class Own:\n    pass\n\ndef own():\n    pass\n\nfrom json import dumps, JSONEncoder\nnumber = 3", namespace)
    return namespace


def test_only_what_the_notebook_defines_moves() -> None:
    namespace = notebook_namespace()

    with relocated(namespace, "some_package.definitions"):
        import some_package.definitions as home

        assert home.Own is namespace["Own"]
        assert home.own.__module__ == "some_package.definitions"
        assert namespace["dumps"].__module__ == "json"
        assert not hasattr(home, "number")


def test_all_is_as_before_at_the_end_also_after_an_error() -> None:
    namespace = notebook_namespace()

    with pytest.raises(RuntimeError, match="on the way"), relocated(namespace, "some_package.definitions"):
        raise RuntimeError("on the way")

    assert namespace["Own"].__module__ == namespace["own"].__module__ == "__main__"
    assert not {"some_package", "some_package.definitions"} & set(sys.modules)


def test_a_real_package_of_that_name_is_put_back() -> None:
    import xml.dom

    before = dict(sys.modules)

    with relocated(notebook_namespace(), "xml.dom"):
        assert sys.modules["xml.dom"] is not before["xml.dom"]

    assert sys.modules["xml.dom"] is before["xml.dom"] is sys.modules["xml"].dom is xml.dom
