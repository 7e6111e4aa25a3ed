"""The commands that run no notebook: `check` and `slice`."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nbdeploy.frontends.arguments import binding, identifier, wrong_use
from nbdeploy.frontends.command import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

    from nbdeploy.checking import CheckResult
    from nbdeploy.errors import Diagnostic

__all__ = ["check", "check_options", "check_result", "notebooks_in", "slice_notebook", "slice_options"]

Made = TypeVar("Made")
CODE = re.compile(r"NBD\d{0,3}")
LEFT_OUT = frozenset({"node_modules", "site-packages"})  # folders of other people's notebooks, as are hidden ones


# check ---------------------------------------------------------------------------------------------------------------


def check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NB", help="a notebook's file, or a folder of them")
    parser.add_argument(
        "--select", type=codes, action="extend", metavar="CODE,...", help="only these codes (NBD1: all NBD1xx)"
    )
    parser.add_argument("--ignore", type=codes, action="extend", metavar="CODE,...", help="all codes but these")
    parser.add_argument("--graph", type=Path, metavar="OUT.svg", help="draw the flow of names between the cells")
    parser.add_argument("--fixed", type=Path, metavar="OUT.ipynb", help="write a copy with the fixes that are certain")
    add = parser.add_argument_group("what a deploy would be told").add_argument
    add("--input", type=identifier, metavar="NAME", help="the variable that a client sends")
    add("--output", type=identifier, metavar="NAME", help="the variable that a client gets back")
    add("--bind", type=binding, action="append", metavar="A=B", help="predict's name A takes preprocess' output B")


def codes(text: str) -> list[str]:
    found = [each.strip().upper() for each in text.split(",") if each.strip()]
    wrong = next((each for each in found if not CODE.fullmatch(each)), None)
    if wrong is not None or not found:
        raise argparse.ArgumentTypeError(f"{wrong or text!r} is not a code, such as NBD206, or the beginning of one")
    return found


def check(options: argparse.Namespace, stdout: TextIO) -> Answer:
    """Check all notebooks; draw one, or write its mended copy, if that is asked for."""
    paths = list(notebooks_in(options.notebooks))
    for option in ("graph", "fixed"):
        if getattr(options, option) is not None and len(paths) != 1:
            raise wrong_use(f"--{option} takes one notebook, not {len(paths)}", "name one notebook's file")
    results = [check_result(path, options) for path in paths]
    entries = [each.as_json() for each in results]
    drawn = draw(results[0], options.graph, entries[0]) if options.graph else None
    mended = mend(results[0], options.fixed, entries[0]) if options.fixed else None

    def show(console: Any) -> None:
        from nbdeploy.frontends.check_view import print_checks

        print_checks(results, console, drawn=drawn, mended=mended)

    return Answer({"notebooks": entries}, show, int(not all(each.ok for each in results)))


def check_result(path: Path, options: argparse.Namespace) -> CheckResult:
    """Return the result of one check with the options of `check` or `deploy`."""
    from nbdeploy.checking import check

    return check(
        path,
        input=options.input,
        output=options.output,
        bind=dict(options.bind or ()),
        select=getattr(options, "select", None) or (),
        ignore=getattr(options, "ignore", None) or (),
    )


def notebooks_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files, and the notebooks of the folders, each once; a folder's hidden folders are left out."""
    seen: set[Path] = set()
    for path in paths:
        found = sorted(below(path)) if path.is_dir() else [path]
        if not found:
            raise wrong_use(f"{path} holds no notebook (*.ipynb)", "name a notebook's file, or a folder of them")
        for each in found:
            if each not in seen:
                seen.add(each)
                yield each


def below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".") and each not in LEFT_OUT]
        yield from (Path(root, each) for each in files if each.endswith(".ipynb") and not each.startswith("."))


def draw(result: CheckResult, target: Path, entry: dict[str, Any]) -> Path | None:
    """Draw the graph; a notebook that can't be read has none."""
    if result.explanation is None:
        return None
    from nbdeploy.frontends.graph import graph_svg

    svg = graph_svg(result.explanation, Path(result.path).name)
    written(target, lambda: replace_text(target, svg))
    entry["graph"] = str(target)
    return target


def mend(result: CheckResult, target: Path, entry: dict[str, Any]) -> tuple[Path, tuple[Diagnostic, ...]] | None:
    """Write the copy with the fixes; a notebook that can't be read has none."""
    if result.explanation is None:
        return None
    if target.resolve() == Path(result.path).resolve():
        raise wrong_use(
            "--fixed writes a copy, and this is the notebook itself", "give another file, such as fixed.ipynb"
        )
    from nbdeploy.checking import fixed_copy

    done = written(target, lambda: fixed_copy(result, target))
    entry["fixed"] = {"path": str(target), "diagnostics": [each.as_json() for each in done]}
    return target, done


def written(target: Path, write: Callable[[], Made]) -> Made:
    try:
        return write()
    except OSError as problem:
        raise wrong_use(f"{target} can't be written: {problem.strerror}", "give another file") from None


def replace_text(target: Path, text: str) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


# slice ---------------------------------------------------------------------------------------------------------------


def slice_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", type=Path, metavar="NB", help="the notebook's file")
    parser.add_argument("--for", dest="variable", required=True, metavar="NAME", help="the variable to make")
    parser.add_argument("--cell", type=int, metavar="K", help="as it stands after cell K, from 0 (default: the end)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the program to a file")


def slice_notebook(options: argparse.Namespace, stdout: TextIO) -> Answer:
    from nbdeploy.checking import slice_for

    found = slice_for(options.notebook, options.variable, options.cell)
    if options.out is not None:
        if options.out.resolve() == options.notebook.resolve():
            raise wrong_use("--out is the notebook itself", "give another file, such as slice.py")
        written(options.out, lambda: replace_text(options.out, found.code))

    def show(console: Any) -> None:
        from nbdeploy.frontends.check_view import print_slice

        print_slice(found, console, options.out)

    document = {**found.as_json(), **({"path": str(options.out)} if options.out else {})}
    return Answer(document, show)
