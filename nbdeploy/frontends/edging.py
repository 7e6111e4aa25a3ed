"""The command `edge`, and what `export --edge` adds to a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.command import Answer
from nbdeploy.frontends.package_folder import package_folder

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

    from nbdeploy.operating.edge import EdgePage

__all__ = ["edge", "edge_options", "runtime_option", "show_page"]


def edge_options(parser: argparse.ArgumentParser) -> None:
    target = "a deployed service (default version: the newest), or an exported package's folder"
    parser.add_argument("target", metavar="NAME[:VERSION]", help=target)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the static folder goes")
    runtime_option(parser)


def runtime_option(parser: argparse.ArgumentParser) -> None:
    what = "the folder dist of an installed onnxruntime-web (default: npm fetches it once)"
    parser.add_argument("--runtime", type=Path, metavar="DIR", help=what)


def edge(options: argparse.Namespace, stdout: TextIO) -> Answer:
    from nbdeploy.operating.edge import export_page

    page = export_page(package_folder(options.target), options.out, options.runtime)
    return Answer(page.as_json(), lambda console: show_page(page, console))


def show_page(page: EdgePage, console: Any) -> None:
    from rich.text import Text

    console.print(
        Text(f"{page.folder}: {page.name} {page.version} in the browser, {page.size / 1e6:.1f} MB"), soft_wrap=True
    )
    console.print(Text(f"  python -m http.server --bind 127.0.0.1 --directory {page.folder}"), soft_wrap=True)
