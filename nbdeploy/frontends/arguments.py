"""The deploy options, defined once for `%deploy` and `nbdeploy deploy`, and a parser that explains wrong use."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.notebook.settings import LIMITS, unknown_limit
from nbdeploy.proving.verdict import GATES
from nbdeploy.request import DeployRequest
from nbdeploy.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "HelpShown",
    "Parser",
    "add_deploy_options",
    "deploy_request",
    "magic_parser",
    "port",
    "role_parser",
    "whole_number",
    "wrong_use",
]

NUMBER = re.compile(r"^-(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$|^-inf$")
PICKLE = "pickle:"  # `--allow pickle:NAME` accepts one value stored by pickle


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError, with the nearest right word, instead of leaving the process."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        self._negative_number_matcher = NUMBER  # argparse's own takes -1e-3 for an option

    def error(self, message: str) -> NoReturn:
        raise wrong_use(explained(message, words(self)), f"see {self.prog} --help")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; unlike argparse's own, an option that is too much is answered by the command that it was given to."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            getattr(found, "parser", self).error(f"unrecognized arguments: {' '.join(rest)}")
        return found


class MagicParser(Parser):
    """A parser for a magic: asked for help it raises the text, since a kernel must not exit."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpShown

    def print_help(self, file: Any = None) -> None:
        print(self.format_help())


class HelpShown(Exception):
    """Help was asked for and printed: there is nothing left to do."""


def wrong_use(message: str, fix: str = "") -> UsageError:
    return UsageError(Diagnostic(code="NBD700", message=message, fix=fix))


def add_deploy_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a notebook is deployed."""
    add = parser.add_argument_group("what is deployed").add_argument
    add("--input", type=identifier, metavar="NAME", help="the variable that a client sends")
    add("--output", type=identifier, metavar="NAME", help="the variable that a client gets back")
    add(
        "--bind",
        type=binding,
        action="append",
        metavar="A=B",
        help="predict's name A takes preprocess' output B (repeatable)",
    )
    add("--from", dest="source", choices=("run", "kernel"), default="run", help="objects of a fresh run, or live ones")
    add(
        "-p",
        "--parameter",
        dest="parameters",
        nargs=2,
        action="append",
        metavar=("PARAM", "VALUE"),
        help="a papermill parameter (repeatable)",
    )
    add("--metrics", nargs="+", action="extend", type=identifier, metavar="NAME", help="variables to record as metrics")
    add(
        "--onnx",
        choices=("auto", "require", "off"),
        help="serve fitted models as ONNX: where no class changes and it is not slower (default), always, or never",
    )
    add(
        "--onnx-tolerance",
        type=tolerance,
        metavar="NUMBER",
        help="what a number of an ONNX model may differ by, relative to its size (default: 1e-9; 1e-6 for models in float32)",
    )
    add(
        "--quantize",
        action=argparse.BooleanOptionalAction,
        help="besides edge/predict.onnx a smaller graph with weights of 8 bits, and what it costs; the service does not use it",
    )
    add("--out", type=Path, metavar="DIR", help="where the package goes (default: the user's data folder)")
    add(
        "--report",
        type=Path,
        metavar="FILE",
        help="write the report here as well, as an HTML page; also that of a deploy that a gate stops",
    )
    add_conditions(parser)


def add_conditions(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what must hold, what may be done for it, and what the model is compared by."""
    add = parser.add_argument_group("what must hold").add_argument
    add(
        "--allow",
        type=allowed,
        action="append",
        metavar="GATE",
        help=f"accept that this gate fails (repeatable): {', '.join(GATES)}; pickle:NAME lets one value be pickled",
    )
    add(
        "--freeze",
        type=place,
        action="append",
        metavar="CELL:LINE",
        help="keep what is computed there over all rows (a median, dummies, ...) at its training value (repeatable); or `all`",
    )
    add(
        "--audit",
        choices=("warn", "fail", "off"),
        help="known vulnerabilities of the requirements: warn of them (default), fail, or do not look them up",
    )
    add(
        "--budget",
        type=limit,
        nargs="+",
        action="extend",
        metavar="KEY=NUMBER",
        help="limits that the service keeps, such as p99_ms=20 memory_mb=512",
    )
    add("--labels", type=identifier, metavar="NAME", help="the variable with what is true for the predicted rows")
    add(
        "--segment",
        dest="segments",
        action="append",
        metavar="COLUMN",
        help="a column of the input by which the version before is compared with as well (repeatable)",
    )
    add("--margin", type=margin, metavar="NUMBER", help="how much worse than the version before it may be (default: 0)")


def magic_parser() -> Parser:
    """Return the parser of the `%deploy` line."""
    parser = MagicParser(prog="%deploy", description="Deploy this notebook, or say what stands in the way.")
    parser.add_argument("positional_name", nargs="?", metavar="NAME", help="the service's name")
    parser.add_argument("--name", help="the same")
    parser.add_argument("--notebook", type=Path, metavar="PATH", help="this notebook's file, where it can't be found")
    parser.add_argument("--check", action="store_true", help="diagnostics only: nothing runs")
    add_deploy_options(parser)
    return parser


def role_parser(role: str) -> Parser:
    """Return the parser of the first line of a `%%preprocess`, `%%predict` or `%%test` cell."""
    parser = MagicParser(prog=f"%%{role}", description=f"Tag this cell as `{role}` and run it.")
    option = {"preprocess": "--input", "predict": "--output"}.get(role)
    if option:
        parser.add_argument(
            option, type=identifier, metavar="NAME", help=f"the variable that is the service's {option[2:]}"
        )
    return parser


def deploy_request(options: argparse.Namespace, notebook: Path, *, live: Path | None = None) -> DeployRequest:
    """Return the request that the parsed options make; `live` is the folder of a live kernel's objects."""
    if options.source == "kernel" and live is None:
        raise wrong_use("--from kernel needs a live kernel", "run `%deploy NAME --from kernel` in the notebook")
    names = {getattr(options, "positional_name", None), options.name} - {None}
    if len(names) > 1:
        raise wrong_use(f"two names were given: {' and '.join(sorted(names))}", "give one")
    return DeployRequest(
        notebook=notebook,
        name=next(iter(names), None),
        input=options.input,
        output=options.output,
        bind=dict(options.bind or ()),
        source=options.source,
        live=live,
        allow=frozenset(options.allow or ()),
        budget=dict(options.budget or ()),
        parameters={name: parsed(value) for name, value in options.parameters or ()},
        metrics=tuple(options.metrics or ()),
        out=options.out,
        report=options.report,
        onnx=options.onnx,
        onnx_tolerance=options.onnx_tolerance,
        quantize=options.quantize,
        freeze=frozenset(options.freeze or ()),
        labels=options.labels,
        segments=tuple(options.segments or ()),
        margin=options.margin,
        audit=options.audit,
    )


def whole_number(least: int, most: int | None = None, called: str = "a number") -> Callable[[str], int]:
    """Return the type of an option that takes whole numbers from `least` to `most`, both among them."""
    wanted = f"a whole number from {least} on" if most is None else f"{called} from {least} to {most}"

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return int(text)

    return read


port = whole_number(1, 65535, "a port")


def identifier(text: str) -> str:
    if not text.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not a variable's name")
    return text


def binding(text: str) -> tuple[str, str]:
    read, equals, made = text.partition("=")
    if not (equals and read.isidentifier() and made.isidentifier()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form A=B with two variables' names")
    return read, made


def place(text: str) -> str:
    if text != "all" and re.fullmatch(r"\d+:\d+", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form CELL:LINE, such as 4:2, nor `all`")
    return text


def limit(text: str) -> tuple[str, float]:
    key, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not key or not (0 <= value < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=NUMBER, such as p99_ms=20")
    if key not in LIMITS:
        raise argparse.ArgumentTypeError(unknown_limit(key))
    return key, value


def tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1, such as 1e-6")
    return value


def margin(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on, such as 0.01")
    return value


def allowed(text: str) -> str:
    if text in GATES or (text.startswith(PICKLE) and len(text) > len(PICKLE)):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a gate{did_you_mean(text, GATES)} (the gates: {', '.join(GATES)})"
    )


def parsed(text: str) -> Any:
    """Return the value that papermill's own command line would make of `text`."""
    if text in {"True", "False", "None"}:
        return {"True": True, "False": False, "None": None}[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def explained(message: str, known: Sequence[str]) -> str:
    """Return argparse's message with the nearest right word."""
    unknown = re.match(r"unrecognized arguments: (\S+)", message)
    if unknown:
        word = unknown[1].partition("=")[0]
        return (
            f"unknown option {word}{did_you_mean(word, known)}"
            if word.startswith("-")
            else f"{word!r} is one word too many"
        )
    choice = re.match(r"argument (.*): invalid choice: '([^']*)'", message)
    if choice:
        return f"{choice[1]}: {choice[2]!r} is not known{did_you_mean(choice[2], known)}"
    return message.removeprefix("argument ")


def words(parser: argparse.ArgumentParser) -> list[str]:
    """Return the options, choices and commands that `parser` knows."""
    return [
        word
        for action in parser._actions
        for word in (*action.option_strings, *(action.choices if isinstance(action.choices, (tuple, dict)) else ()))
    ]
