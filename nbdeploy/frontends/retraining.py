"""The command `retrain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.arguments import wrong_use
from nbdeploy.frontends.command import Answer

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

    from nbdeploy.operating.retrain import Retrained

__all__ = ["retrain", "retrain_options"]


def retrain_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", metavar="NAME[:VERSION]", help="a deployed service (default version: the newest)"
    )
    parser.add_argument(
        "--check", action="store_true", help="train on the data of the deploy and compare; nothing is replaced"
    )
    parser.add_argument("--package", type=Path, metavar="DIR", help="an exported package, instead of a deployed one")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="where the notebook's relative paths hold (default: its folder)"
    )
    parser.add_argument(
        "--venv", type=Path, metavar="DIR", help="train in an environment of the package's lock, made in DIR if need be"
    )


def retrain(options: argparse.Namespace, stdout: TextIO) -> Answer:
    if not options.check:
        raise wrong_use(
            "retrain needs --check: so far it compares, and replaces nothing", "nbdeploy retrain NAME --check"
        )
    from nbdeploy.frontends.progress_views import quiet_view, terminal_view
    from nbdeploy.operating.retrain import check_training

    package, data = places(options)
    with quiet_view() if options.quiet else terminal_view() as progress:
        found = check_training(package, data, venv=options.venv, progress=progress)
    document = {"name": options.target, **found.as_json()}
    return Answer(document, lambda console: show(found, console), 0 if document["ok"] else 1)


def places(options: argparse.Namespace) -> tuple[Path, Path]:
    """Return the package to train, and the folder of its data."""
    if options.package is not None and options.target is None:
        return options.package, options.data or Path.cwd()
    if options.package is not None or options.target is None:
        raise wrong_use("retrain takes either NAME or --package DIR", "nbdeploy retrain NAME --check")
    from nbdeploy.home import load_deployment

    name, _, version = options.target.partition(":")
    found = load_deployment(name, version or None)
    notebook = found.get("notebook")
    if options.data is not None:
        return Path(found["package"]), options.data
    if notebook is None:
        raise wrong_use(f"it was not noted where the notebook of {name} lies", "name its folder: --data DIR")
    return Path(found["package"]), Path(notebook).parent


def show(found: Retrained, console: Any) -> None:
    from rich.text import Text

    from nbdeploy.frontends.rendering import STYLES, print_diagnostics

    verdict = str(found.outcome)
    console.print(Text.assemble((f"{verdict}  ", STYLES[verdict]), found.reason), soft_wrap=True)
    print_diagnostics([{**each.as_json(), "notebook": None} for each in (*found.unseeded, *found.diagnostics)], console)
