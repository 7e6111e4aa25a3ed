"""Small packages written by hand, put into the data folder as versions of a service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nbdeploy.home import packages_folder, save_deployment
from tests.proving.contracts import DIGEST, changed

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AGES", "BUDGET_FIGURES", "deployed"]

AGES = [20.0, 31.5, 48.0, 61.0]
BUDGET_FIGURES = {
    "p50_ms": 4.0,
    "p99_ms": 12.0,
    "p99_ms_16": 60.0,
    "rps": 180.0,
    "memory_mb": 300.0,
    "cold_start_s": 9.0,
}
FILES = {
    "risk/__init__.py": "from risk.predict import predict\n",
    "risk/constants.py": '"""What the notebook wrote down."""\n\nCALL_FROM = {call_from}  # cell {cell}\n',
    "risk/predict.py": (
        '"""Predict, as cell {cell} of the notebook does."""\n\n'
        "from risk.constants import CALL_FROM\n\n\n"
        "def predict(rows):\n"
        "    # cell {cell}\n"
        "    risks = [{formula} for row in rows]\n"
        '    return [{{"risk": each, "call": "yes" if each >= CALL_FROM else "no"}} for each in risks]\n'
    ),
    "risk/schema.py": (
        'def parse_rows(rows):\n    return [{{"age": row["age"]}} for row in rows]\n\n\n'
        "def answer(value):\n    return value\n"
    ),
    "tests/recorded.py": (
        "from risk import predict\n\nROWS = [{{'age': age}} for age in {ages}]\n\n\n"
        "def recorded(name):\n"
        '    return {{"example_input": ROWS, "example_output": predict(ROWS)}}[name]\n'
    ),
    "service.py": "# {module}\n",
    "requirements.lock": "lightgbm=={lightgbm} \\\n    --hash=sha256:00\nnumpy==2.4.6\n",
}


def deployed(
    version: str,
    *,
    call_from: float = 0.4,
    formula: str = 'row["age"] / 100',
    cell: int = 7,
    lightgbm: str = "4.6.0",
    notebook: Path | None = None,
    budgets: dict[str, float] | None = None,
) -> Path:
    """Write version `version` of the service `risk`, and save what a deploy would have told of it."""
    folder = packages_folder("risk") / version
    words = {"call_from": call_from, "formula": formula, "cell": cell, "lightgbm": lightgbm}
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.format(**words, ages=AGES, module="risk"), encoding="utf-8")
    write(folder / "contract.json", contract(version, budgets or {}))
    write(folder / "notebook" / "report.json", report(version))
    told = {
        "name": "risk",
        "version": version,
        "package": str(folder),
        "module": "risk",
        "bento_tag": f"risk:{version}",
    }
    save_deployment("risk", version, {**told, "notebook": str(notebook) if notebook else None})
    return folder


def contract(version: str, budgets: dict[str, float]) -> dict[str, Any]:
    model = {"file": "model.skops", "format": "skops", "type": "sklearn.Ridge", "sha256": DIGEST, "size": 2048}
    return changed(
        version=version,
        notebook="risk.ipynb",
        model={"digest": DIGEST, "artifacts": {"model": model}},
        budgets=budgets,
        metric={"name": "roc_auc_score", "greater_is_better": True, "value": 0.81, "cell": 9, "line": 1},
        gates=[
            {"name": "rowwise", "verdict": "pass", "reason": "every row gets its own answer", "figures": {}},
            {"name": "budget", "verdict": "pass", "reason": "measured", "figures": BUDGET_FIGURES},
        ],
    )


def report(version: str) -> dict[str, Any]:
    data = {"name": "people", "rows": 400, "columns": 3, "sha256": "c" * 64}
    return {
        "report": 1,
        "name": "risk",
        "version": version,
        "notebook": "risk.ipynb",
        "made": "2026-11-20T10:00:00+00:00",
        "python": "3.11.7",
        "hashed": True,
        "locked": 2,
        "data": [data],
        "metrics": {"auc": 0.81},
        "places": {"mlflow run": "0a1b in risk"},
    }


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
