"""One definition of the deploy options for the magic and the command line."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from nbdeploy.errors import UsageError
from nbdeploy.frontends.arguments import deploy_request, magic_parser, parsed
from nbdeploy.request import DeployRequest

NOTEBOOK = Path("titanic.ipynb")


def request(line: str, live: Path | None = None) -> DeployRequest:
    return deploy_request(magic_parser().parse_args(shlex.split(line)), NOTEBOOK, live=live)


def test_a_bare_line_asks_for_the_defaults() -> None:
    assert request("") == DeployRequest(notebook=NOTEBOOK)


def test_every_option_reaches_the_request() -> None:
    line = (
        "titanic --input df --output y --bind X_test=X --bind Z_test=Z --allow rowwise --allow pickle:tree "
        "--budget p99_ms=20 memory_mb=512 -p epochs 3 -p rate -1e-3 -p name 'a b' --metrics acc auc --out made "
        "--onnx require --onnx-tolerance 1e-4 --quantize --freeze 4:2 --freeze all"
        " --labels y_test --segment contract --segment age --margin 0.01"
    )
    assert request(line) == DeployRequest(
        notebook=NOTEBOOK,
        name="titanic",
        input="df",
        output="y",
        bind={"X_test": "X", "Z_test": "Z"},
        freeze=frozenset({"4:2", "all"}),
        allow=frozenset({"rowwise", "pickle:tree"}),
        budget={"p99_ms": 20.0, "memory_mb": 512.0},
        parameters={"epochs": 3, "rate": -0.001, "name": "a b"},
        metrics=("acc", "auc"),
        out=Path("made"),
        onnx="require",
        onnx_tolerance=1e-4,
        quantize=True,
        labels="y_test",
        segments=("contract", "age"),
        margin=0.01,
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "titanic --input df --output y --bind X_test=X --bind Z_test=Z --allow rowwise --allow pickle:tree",
        "--budget p99_ms=20.5 memory_mb=512 -p epochs 3 -p rate -1e-3 -p name 'a b' -p none None --metrics acc auc",
        "--report page.html --out made",
        "--onnx off --onnx-tolerance 0 --quantize --freeze 4:2 --freeze 10:1 --freeze all --from kernel",
        "--labels y_test --segment contract --segment 'a b' --margin 0 --audit fail --no-quantize",
    ],
)
def test_a_request_says_the_options_that_make_it(line: str) -> None:
    made = request(line, live=Path("live"))
    assert request(shlex.join(made.options()), live=Path("live")) == made


def test_what_known_vulnerabilities_are_reaches_the_request() -> None:
    assert (request("--audit fail").audit, request("").audit) == ("fail", None)
    with pytest.raises(UsageError, match=r"--audit: 'fial' is not known \(did you mean 'fail'\?\)"):
        request("--audit fial")


def test_live_objects_go_with_their_folder() -> None:
    made = request("--from kernel", live=Path("live"))
    assert (made.source, made.live) == ("kernel", Path("live"))


@pytest.mark.parametrize("line", ["titanic", "--name titanic", "titanic --name titanic"])
def test_the_name_stands_first_or_after_its_option(line: str) -> None:
    assert request(line).name == "titanic"


@pytest.mark.parametrize(
    "text", ["1", "-3", "1.5", "1e3", "inf", "True", "False", "None", "true", "a b", "", "0x10", "1_0"]
)
def test_parameters_are_read_as_papermill_reads_them(text: str) -> None:
    from papermill.cli import _resolve_type

    expected, actual = _resolve_type(text), parsed(text)
    assert (type(actual), actual) == (type(expected), expected)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--inptu df", r"unknown option --inptu \(did you mean '--input'\?\)"),
        ("--inp df", r"unknown option --inp"),
        ("titanic survivors", r"'survivors' is one word too many"),
        ("--allow rowise", r"'rowise' is not a gate \(did you mean 'rowwise'\?\).*reproduce, faithful"),
        ("--margin -1", r"--margin: '-1' is not a number from 0 on"),
        ("--onnx always", r"--onnx: 'always' is not known"),
        ("--onnx-tolerance 2", r"'2' is not a number from 0 to 1, such as 1e-6"),
        ("--onnx-tolerance small", r"'small' is not a number from 0 to 1"),
        ("--allow pickle:", r"'pickle:' is not a gate"),
        ("--from kernal", r"'kernal' is not known \(did you mean 'kernel'\?\)"),
        ("--freeze 4", r"'4' is not of the form CELL:LINE, such as 4:2, nor `all`"),
        ("--bind X_test", r"'X_test' is not of the form A=B"),
        ("--budget p99_ms=fast", r"'p99_ms=fast' is not of the form KEY=NUMBER"),
        ("--budget p99_ms=-1", r"'p99_ms=-1' is not of the form KEY=NUMBER"),
        ("--budget p99_ms=nan", r"'p99_ms=nan' is not of the form KEY=NUMBER"),
        ("--budget p99=20", r"'p99' is not a limit \(did you mean 'p99_ms'\?\)"),
        ("--input my-frame", r"'my-frame' is not a variable's name"),
        ("-p epochs", r"expected 2 arguments"),
        ("--from kernel", r"needs a live kernel"),
        ("titanic --name boat", r"two names were given: boat and titanic"),
    ],
)
def test_wrong_use_says_what_is_wrong(line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        request(line)
    assert [each.code for each in raised.value.diagnostics] == ["NBD700"]
