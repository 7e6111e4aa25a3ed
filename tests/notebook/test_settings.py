"""The notebook's own settings: read whole, or told what is wrong."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from nbdeploy.notebook.settings import Settings, read_settings


@pytest.mark.parametrize("audit", ["warn", "fail", "off"])
def test_what_known_vulnerabilities_are_can_be_settled(audit: str) -> None:
    assert read_settings({"nbdeploy": {"audit": audit}}) == (Settings(audit=audit), ())


def test_another_word_for_the_audit_is_told() -> None:
    settings, (problem,) = read_settings({"nbdeploy": {"audit": "always"}})
    assert (settings.audit, problem.code, problem.fix) == (None, "NBD009", "it must be warn, fail or off")


def test_how_models_become_onnx_can_be_settled() -> None:
    metadata = {"onnx": "off", "onnx_tolerance": 0, "quantize": True}
    assert read_settings({"nbdeploy": metadata}) == (Settings(onnx="off", onnx_tolerance=0.0, quantize=True), ())
    settings, problems = read_settings({"nbdeploy": {"onnx": True, "onnx_tolerance": 2, "quantize": "yes"}})
    assert settings == Settings()
    assert [each.fix for each in problems] == [
        "it must be auto, require or off",
        "it must be a number from 0 to 1, such as 1e-6",
        "it must be true or false",
    ]


def test_all_settings_are_read() -> None:
    metadata = {
        "nbdeploy": {
            "name": "titanic",
            "input": "df",
            "output": "y",
            "bind": {"X_test": "X"},
            "budget": {"p99_ms": 20},
            "metrics": ["accuracy"],
            "allow": ["portable"],
        }
    }
    expected = Settings("titanic", "df", "y", {"X_test": "X"}, {"p99_ms": 20.0}, ("accuracy",), ("portable",))
    assert read_settings(metadata) == (expected, ())


@pytest.mark.parametrize("metadata", [{}, {"nbdeploy": None}, {"nbdeploy": {}}, {"nbdeploy": {"input": None}}])
def test_nothing_set_is_nothing_wrong(metadata: dict[str, Any]) -> None:
    assert read_settings(metadata) == (Settings(), ())


@pytest.mark.parametrize(
    ("settings", "message", "fix"),
    [
        ([], "metadata.nbdeploy is list, not an object", "make it an object"),
        ({"Input": "x"}, "metadata.nbdeploy has the unknown key 'Input'", "did you mean 'input'?"),
        ({"outputs": "x"}, "metadata.nbdeploy has the unknown key 'outputs'", "did you mean 'output'?"),
        (
            {"zzz": 1},
            "metadata.nbdeploy has the unknown key 'zzz'",
            f"the keys are {', '.join(each.name for each in fields(Settings))}",
        ),
        ({"name": 3}, "metadata.nbdeploy.name is 3", "it must be a text"),
        ({"name": " "}, "metadata.nbdeploy.name is ' '", "it must be a text"),
        (
            {"bind": {"a": 1}},
            "metadata.nbdeploy.bind is dict",
            'it must be an object of names, such as {"X_test": "X"}',
        ),
        (
            {"budget": {"p99_ms": True}},
            "metadata.nbdeploy.budget is dict",
            'it must be an object of numbers from 0 on, such as {"p99_ms": 20}',
        ),
        (
            {"metrics": "rmse"},
            "metadata.nbdeploy.metrics is 'rmse'",
            'it must be a list of texts, such as ["rmse"]',
        ),
    ],
)
def test_wrong_settings_are_told_with_the_way_out(settings: Any, message: str, fix: str) -> None:
    read, problems = read_settings({"nbdeploy": settings})
    assert read == Settings()
    assert [(each.code, each.message, each.fix) for each in problems] == [("NBD009", message, fix)]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1, 10**400, "20"])
def test_a_budget_is_a_number_that_can_be_kept(number: Any) -> None:
    assert [each.code for each in read_settings({"nbdeploy": {"budget": {"p99_ms": number}}})[1]] == ["NBD009"]
