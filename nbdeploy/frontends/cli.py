"""The command line: `nbdeploy COMMAND ...`.

Exit status: 0 done, 1 a gate or diagnostic failed, 2 wrong use, 3 a broken environment, 130 interrupted. With `--json`,
stdout is one JSON document, also when the command fails; everything else goes to stderr.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import GateError, NbdeployError, UsageError
from nbdeploy.frontends.arguments import Parser
from nbdeploy.frontends.commands import COMMANDS
from nbdeploy.frontends.stdout import guarded

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import TextIO

    from nbdeploy.frontends.command import Answer

__all__ = ["main"]

INTERRUPTED = 130  # what a shell gives for a program that Ctrl-C has ended
EPILOG = "Exit status: 0 done, 1 a gate or diagnostic failed, 2 wrong use, 3 a broken environment."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    # jsonschema would compile the grammar of internationalised addresses (above 1 s), for formats that nothing here asks for.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        options = cli_parser().parse_args(arguments)
    except UsageError as error:
        with guarded() as stdout:
            return failed(error, stdout, as_json="--json" in arguments)
    except SystemExit as end:  # --help and --version have printed their text
        return int(end.code or 0)
    with guarded() as stdout:
        return answered(options, stdout)


def answered(options: Namespace, stdout: TextIO) -> int:
    """Run the command, write its answer, return the exit status; no error leaves as a traceback."""
    try:
        answer: Answer = options.run(options, stdout)
        write(answer, options, stdout)
        stdout.flush()
        return answer.status
    except NbdeployError as error:
        return failed(error, stdout, as_json=options.json)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return failed(unexpected(error), stdout, as_json=options.json)


def write(answer: Answer, options: Namespace, stdout: TextIO) -> None:
    if options.json:
        stdout.write(document(answer.document))
    elif not options.quiet:
        from rich.console import Console

        answer.show(Console(file=stdout, soft_wrap=False))


def failed(error: NbdeployError, stdout: TextIO, *, as_json: bool) -> int:
    """Say what went wrong, on stderr for people and on stdout for programs; return the exit status."""
    if as_json:
        stdout.write(document({**error.as_json(), "ok": False}))
    from rich.console import Console

    from nbdeploy.frontends.rendering import print_diagnostics, print_gates, print_place

    if isinstance(error, GateError) and error.gates:
        print_gates(error.gates, Console(stderr=True))
        print_place("report", error.report, Console(stderr=True))
    found = [{**each.as_json(), "notebook": each.notebook} for each in error.diagnostics]
    print_diagnostics(found, Console(stderr=True, soft_wrap=True))
    return error.exit_status


def document(value: Any) -> str:
    return json.dumps(strict(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def strict(value: Any) -> Any:
    """Return `value` as JSON knows it: NaN becomes null, a path a text, a numpy number a number."""
    if isinstance(value, Mapping):
        return {str(name): strict(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [strict(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return strict(value.tolist()) if hasattr(value, "tolist") else str(value)


def unexpected(error: Exception) -> NbdeployError:
    """Return a fault of nbdeploy itself, or a missing module, as an error that says where its traceback lies."""
    import traceback
    from tempfile import mkstemp

    from nbdeploy.errors import Diagnostic, EnvironmentProblem

    lines = "".join(traceback.format_exception(error))
    if os.environ.get("NBDEPLOY_DEBUG"):
        sys.stderr.write(lines)
    descriptor, path = mkstemp(prefix="nbdeploy-", suffix="-traceback.txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(lines)
    fix = f"please report it with the traceback in {path}"
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing and missing != "nbdeploy":
        fix = f"install it in this environment: pip install {missing} (traceback: {path})"
    message = f"nbdeploy itself failed: {type(error).__name__}: {error}"
    return EnvironmentProblem(Diagnostic(code="NBD709", message=message, fix=fix))


def cli_parser() -> Parser:
    """Return the parser of the whole command line, one sub-parser a command."""
    import argparse

    class Version(argparse.Action):
        def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
            from nbdeploy import __version__

            print(f"nbdeploy {__version__}")
            parser.exit()

    description = "From a Jupyter notebook to a model service that is proven to answer as the notebook did."
    parser = Parser(prog="nbdeploy", description=description, epilog=EPILOG)
    parser.add_argument("--version", nargs=0, action=Version, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        added = commands.add_parser(
            command.name,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            epilog=f"example:\n  {command.example}\n\n{EPILOG}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.add_argument("--json", action="store_true", help="one JSON document on stdout")
        added.add_argument("--quiet", action="store_true", help="no progress and no text; the exit status tells")
        command.options(added)
        added.set_defaults(run=command.run, parser=added)
    return parser


if __name__ == "__main__":
    sys.exit(main())
