"""Hand-made exported packages, small enough to read, for tests of the service, the Bento and the gate `served`."""

from __future__ import annotations

import json
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.analysis.values import ColumnSpec, Kind, Schema
from nbdeploy.packaging import together
from nbdeploy.packaging.artifacts import artifacts_module, manifest
from nbdeploy.packaging.service import answering_module, bentofile, schema_module, service_module
from nbdeploy.packaging.tables import tables_module

if TYPE_CHECKING:
    from collections.abc import Mapping

LABELS = Schema(kind=Kind.ARRAY, type="numpy.ndarray", rows=3, shape=(3,), dtype="float64")

MIXED = Schema(
    kind=Kind.TABLE,
    type="pandas.DataFrame",
    rows=4,
    shape=(4, 9),
    columns=(
        ColumnSpec("Pclass", "int64"),
        ColumnSpec("Age in years", "float64", nullable=True),
        ColumnSpec("Name", "str", nullable=True),
        ColumnSpec(7, "float64"),
        ColumnSpec("Embarked", "category", nullable=True, categories=("C", "Q", "S")),
        ColumnSpec("alive", "bool"),
        ColumnSpec("when", "datetime64[us]", nullable=True),
        ColumnSpec("any", "object", nullable=True),
        ColumnSpec("id", "int64", required=False),
    ),
)

MIXED_PREDICT = '''
import numpy as np

class FormulaError(Exception):
    """Stands for a library's own, such as patsy's or LightGBM's."""

def predict(df):
    """Depends on every column, so that a column read wrongly is seen."""
    if (df["Name"] == "boom").any():
        raise ValueError("no such passenger")
    if (df["Name"] == "stranger").any():
        raise FormulaError("no such level")
    if (df["Name"] == "crash").any():
        raise RuntimeError("broken artifact")
    if (df["Name"] == "short").any():
        return np.zeros(len(df) + 1)
    total = df["Pclass"] * 100.0 + df["Age in years"].fillna(0.5) + df["Name"].str.len().fillna(0) + df[7]
    total = total + df["Embarked"].cat.codes * 10 + df["alive"] * 1000 + df["when"].dt.year.fillna(0)
    return total.to_numpy(float)
'''

IRIS = Schema(
    kind=Kind.TABLE,
    type="pandas.DataFrame",
    rows=150,
    shape=(150, 4),
    columns=tuple(
        ColumnSpec(f"{part} {size} (cm)", "float64") for part in ("sepal", "petal") for size in ("length", "width")
    ),
)

IRIS_PREDICT = """
from pathlib import Path
import skops.io

MODEL = skops.io.load(Path(__file__).parents[1] / "artifacts" / "model.skops")

def predict(df):
    return MODEL.predict_proba(df)
"""

TEXTS = Schema(kind=Kind.LIST, type="list", rows=3, dtype="str")

TEXTS_PREDICT = """
def predict(texts):
    return [text.upper() for text in texts]
"""

ROW: dict[str, Any] = {
    "Pclass": 3,
    "Age in years": 22.0,
    "Name": "Braund, Mr. Owen",
    "7": 0.1,
    "Embarked": "S",
    "alive": False,
    "when": "1912-04-15T02:20:00",
    "any": "A5",
    "id": 1,
}


def write_package(
    folder: Path,
    module: str,
    predict: str,
    input: Schema,
    output: Schema,
    *,
    extra: Mapping[str, str] | None = None,
    single: bool = False,
    batch_seconds: float | None = None,
    version: str = "folder-version",
) -> Path:
    """Write what the exporter would write: package, service, contract, lock, tests, notebook."""
    tables = input.kind in {Kind.TABLE, Kind.SERIES}
    files = {
        f"{module}/__init__.py": "from .predict import predict\n",
        f"{module}/predict.py": predict,
        f"{module}/schema.py": schema_module(module, input, output, single=single),
        f"{module}/answering.py": answering_module(
            module, input, single=single, together=batch_seconds is not None, tables=tables
        ),
        **({f"{module}/tables.py": tables_module(module, input, output)} if tables else {}),
        f"{module}/together.py": Path(together.__file__).read_text(encoding="utf-8"),
        "service.py": service_module(module, module, input, single=single, batch_seconds=batch_seconds, tables=tables),
        "bentofile.yaml": bentofile(module),
        "contract.json": json.dumps({"version": version, "module": module, "input": input.as_json()}),
        "requirements.lock": f"bentoml=={version_of('bentoml')} \\\n    --hash=sha256:{'0' * 64}\n",
        "README.md": f"# {module}\n",
        "tests/test_notebook.py": "def test_nothing(): pass\n",
        "notebook/source.ipynb": "{}",
        f"{module}/artifacts.py": artifacts_module((), module=module),
        "artifacts/manifest.json": manifest(()),
        **(extra or {}),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
