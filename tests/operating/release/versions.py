"""Versions of a small real service, sound ones and faulty ones, as `nbdeploy release` finds them."""

from __future__ import annotations

import json
from pathlib import Path

from nbdeploy.analysis.values import Kind, Schema
from nbdeploy.home import save_deployment
from nbdeploy.packaging.artifacts import manifest
from nbdeploy.proving.contract_file import CONTRACT_VERSION, model_digest
from tests.packaging.packages import write_package

__all__ = ["NAME", "REQUEST", "version"]

NAME = "scores"
NUMBERS = Schema(kind=Kind.LIST, type="list", rows=3, dtype="float")
REQUEST = {"input": [1.5]}
EXAMPLES = 10  # requests of the contract; a fault must not show before, or the version would never be seen

PREDICT = """
import random
import time

ASKED = 0

def predict(numbers):
    global ASKED
    ASKED += 1
    answers = [number * 2.0 for number in numbers]
    {fault}
    return answers
"""
FAULTS = {
    "": "",
    "errors": "if ASKED > 60 and random.random() < 0.05: raise RuntimeError('no memory for this one')",
    "slow": "if ASKED > 60: time.sleep(0.1)",
    "differs": "if ASKED > 60: answers = [answer + random.gauss(1.0, 1.0) for answer in answers]",
    "broken": "answers = [answer + 1.0 for answer in answers]",
}


def version(folder: Path, number: str, fault: str = "", default: object = None) -> None:
    """Write a version below `folder` and note it as deployed; NBDEPLOY_HOME says where."""
    package = folder / number
    write_package(package, NAME, PREDICT.format(fault=FAULTS[fault]), NUMBERS, NUMBERS, version=number)
    contract = {
        "contract": CONTRACT_VERSION,
        "name": NAME,
        "module": NAME,
        "version": number,
        "model": {"digest": model_digest(json.loads(manifest(()))["artifacts"])},
        "request": {"method": "POST", "path": "/predict", "field": "input", "by_row": True},
        "input": NUMBERS.as_json(),
        "output": NUMBERS.as_json(),
        "tolerance": {"relative": 1e-9, "absolute": 1e-12},
        "budgets": {},
        "examples": [{"request": {"input": [n / 4]}, "predictions": [n / 2]} for n in range(EXAMPLES)],
        "refusals": [],
        "gates": [],
        **({} if default is None else {"fallback": default}),
    }
    (package / "contract.json").write_text(json.dumps(contract), encoding="utf-8")
    gates = [{"name": "faithful", "verdict": "pass"}]
    save_deployment(
        NAME,
        number,
        {"name": NAME, "version": number, "package": str(package), "bento_path": str(package), "gates": gates},
    )
