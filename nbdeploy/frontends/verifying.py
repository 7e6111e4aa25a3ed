"""The command `verify`: hold a package, a Bento or a running service to its contract."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.command import Answer

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

__all__ = ["verify", "verify_options"]

API_KEY = "NBDEPLOY_API_KEY"
"""The environment variable that holds the key of a service that requires one: on a command line others could read it."""

WORDS = {
    None: ("kept", "bold green"),
    "system": ("broken: a fault of the system (how it is served)", "bold red"),
    "model": ("the numbers have changed: a fault of the model (what was fitted, or the data)", "bold red"),
}


def verify_options(parser: argparse.ArgumentParser) -> None:
    target = "a package's folder, a Bento's tag or folder, NAME[:VERSION], or the http(s) address of a running service"
    parser.add_argument("target", metavar="TARGET", help=target)
    parser.add_argument("--contract", type=Path, metavar="FILE", help="hold it to this contract instead of its own")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help='rows with known outcomes, as JSON: {"rows": [...], "labels": [...]}',
    )
    parser.add_argument(
        "--margin", type=amount, default=0.0, metavar="NUMBER", help="by how much the metric may be worse (default: 0)"
    )
    parser.epilog = (
        f"{parser.epilog}\nThe environment variable {API_KEY} holds the API key of a service that wants one."
    )


def amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number from 0 on, such as 0.01")
    return value


def verify(options: argparse.Namespace, stdout: TextIO) -> Answer:
    from nbdeploy.frontends.progress_views import quiet_view, terminal_view
    from nbdeploy.proving.verify import verify

    with quiet_view() if options.quiet else terminal_view() as progress:
        found = verify(
            options.target,
            contract=options.contract,
            labels=options.labels,
            margin=options.margin,
            api_key=os.environ.get(API_KEY) or None,
            progress=progress,
        )
    document = found.as_json()
    return Answer(document, lambda console: print_verification(document, console), 0 if document["ok"] else 1)


def print_verification(answer: dict[str, Any], console: Any) -> None:
    """Print what each check found, what to do, and whose fault it is."""
    from rich.text import Text

    from nbdeploy.frontends.rendering import STYLES, print_diagnostics, print_table

    rows = [
        (each["name"], Text(each["verdict"], STYLES.get(each["verdict"], "")), each["reason"])
        for each in answer["checks"]
    ]
    print_table(("check", "verdict", "what was seen"), rows, console)
    for note in answer["notes"]:
        console.print(Text(f"note: {note}", "yellow"))
    print_diagnostics(answer["diagnostics"], console)
    words, style = WORDS[answer["fault"]]
    of = f" of {answer['name']} {answer['version']}" if answer["name"] else ""
    console.print(Text.assemble(f"the contract{of}: ", (words, style)))
