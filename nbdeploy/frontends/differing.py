"""The command `diff`: what changed between two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.command import Answer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import TextIO

    from nbdeploy.operating.changes import Change
    from nbdeploy.operating.diff import Asked, Difference

__all__ = ["diff", "diff_options"]

SHORT = 60  # characters of a value in a table; --json has all of it


def diff_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a deployed service")
    parser.add_argument("before", nargs="?", metavar="A", help="a version (default: the one before B)")
    parser.add_argument("after", nargs="?", metavar="B", help="the version to compare with it (default: the newest)")
    parser.add_argument("--patch", action="store_true", help="show the changed lines of code, too")
    parser.add_argument("--no-answers", action="store_true", help="ask nothing: compare what lies on disk")


def diff(options: argparse.Namespace, stdout: TextIO) -> Answer:
    from nbdeploy.frontends.progress_views import quiet_view, terminal_view
    from nbdeploy.operating.diff import diff

    with quiet_view() if options.quiet else terminal_view() as progress:
        found = diff(options.name, options.before, options.after, ask=not options.no_answers, progress=progress)
    return Answer(found.as_json(), lambda console: show(found, console, patch=options.patch))


def show(found: Difference, console: Any, *, patch: bool) -> None:
    from rich.text import Text

    from nbdeploy.frontends.rendering import print_table

    console.print(Text(f"{found.name}: version {found.before} -> {found.after}", "bold"))
    parts = ("constants", "artifacts", "environment", "form", "data", "metrics", "figures")
    rows: list[tuple[str, str, str, str]] = [
        ("code", each.path, f"-{each.removed} lines", f"+{each.added} lines") for each in found.code
    ]
    for part in parts:
        rows += [(part, *told(each)) for each in getattr(found, part)]
    if rows:
        print_table(("what", "of", found.before, found.after), rows, console)
    same = [part for part in ("code", *parts) if not getattr(found, part)]
    if same:
        console.print(Text(f"the same: {', '.join(same)}", "dim"))
    for asked in found.answers:
        console.print(Text(answered(asked)), soft_wrap=True)
    for file in found.code if patch else ():
        console.print(Text(f"\n{file.patch}"), soft_wrap=True)


def told(change: Change) -> tuple[str, str, str]:
    return change.name, *shortened((change.before, change.after))


def shortened(values: Sequence[Any]) -> tuple[str, str]:
    before, after = (in_words(each) for each in values)
    return before, after


def in_words(value: Any) -> str:
    """Return a value as a cell of a table; an artifact is told by its kind, size and digest."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        return (
            f"{str(value['type']).rpartition('.')[2]}, {value['format']}, {value['size']} bytes, {value['sha256'][:8]}"
        )
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."


def answered(asked: Asked) -> str:
    """Say in a sentence what a version answers to the other one's rows."""
    to = f"version {asked.version}, asked the {asked.rows} rows that version {asked.rows_of} was proven on,"
    if asked.refused == asked.rows:
        return f"{to} answers none: {asked.why or 'there are none'}"
    refused = f"; {asked.refused} are refused: {asked.why}" if asked.refused else ""
    if not asked.differ:
        return f"{to} answers the same{refused}"
    distance = f" ({asked.distance})" if asked.distance else ""
    return f"{to} answers {asked.differ} otherwise{distance}; {asked.first}{refused}"
