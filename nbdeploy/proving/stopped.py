"""A deploy that a gate stopped leaves one page: what was seen until then, and the way out. It is no package's part."""

from __future__ import annotations

import errno
import html
import os
import secrets
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nbdeploy.analysis.rules.secret_texts import hint, secrets_in
from nbdeploy.errors import Diagnostic, EnvironmentProblem, UsageError
from nbdeploy.home import data_folder, write_atomically
from nbdeploy.proving.report_page import report_html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbdeploy.errors import GateError
    from nbdeploy.proving.report import Report

__all__ = ["check_report_place", "hand_out", "leave_report"]

KEPT = 20  # pages of one name; the oldest ones go


def leave_report(report: Report, error: GateError, asked: Path | None) -> Path:
    """Write the report of a stopped deploy to `asked`, or to the data folder; return its place.

    `report` is of the package as far as it came; verdicts and findings are the error's. Nobody has looked for secrets yet
    where an early gate fails, and a page is passed on easily: secrets are made unreadable in it.
    """
    found = tuple(each.as_json() for each in error.diagnostics)
    stopped = replace(
        report, gates=tuple(error.gates), stopped_by=error.gate, diagnostics=(*found, *report.diagnostics)
    )
    target = asked.absolute() if asked else _next_place(stopped)
    _write(target, _without_secrets(stopped))
    return target


def hand_out(report: Report, asked: Path | None) -> None:
    """Write the report of what is deployed to `asked`, if anywhere; raises UsageError NBD569 where that can't be done."""
    if asked is not None:
        _write(asked.absolute(), report_html(report))


def _write(target: Path, page: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, page)
    except (OSError, EnvironmentProblem) as problem:
        raise _unwritable(target, problem.__cause__ or problem) from None


def check_report_place(target: Path | None) -> None:
    """Refuse a file that can't be written; raises UsageError NBD569."""
    if target is None:
        return
    nearest = next(each for each in target.absolute().parents if each.exists())
    if target.is_dir() or not nearest.is_dir():
        raise _unwritable(target, NotADirectoryError(errno.ENOTDIR, "a file is needed, in a folder"))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _unwritable(target, PermissionError(errno.EACCES, f"{nearest} is not writable"))


def _unwritable(target: Path, problem: BaseException) -> UsageError:
    message = f"the report can't be written to {target}: {getattr(problem, 'strerror', None) or problem}"
    return UsageError(Diagnostic(code="NBD569", message=message, fix="give --report another file, such as report.html"))


def _next_place(report: Report) -> Path:
    """Return a new file in the data folder, and remove the oldest ones there."""
    folder = data_folder() / "failed" / report.name
    pages = sorted(folder.glob("*.html"))
    for old in pages[: max(0, len(pages) - KEPT + 1)]:
        with suppress(OSError):
            old.unlink()
    moment = report.made[:19].replace(":", "").replace("-", "")
    return folder / f"{moment}-{report.stopped_by}-{secrets.token_hex(2)}.html"


def _without_secrets(report: Report) -> str:
    page = report_html(report)
    for secret in {*_secrets(report), *_known_secrets(page)}:
        page = page.replace(html.escape(secret, quote=False), hint(secret))
    return page


def _secrets(report: Report) -> Iterator[str]:
    lines = [line for each in report.path for line in each.code.splitlines()]
    for line in (*lines, *(f"{each.name} = {each.literal}" for each in report.frozen)):
        yield from (secret for _, secret in secrets_in(line))


def _known_secrets(page: str) -> Iterator[str]:
    for line in page.splitlines():
        yield from (secret for _, secret in secrets_in(html.unescape(line), named=False))
