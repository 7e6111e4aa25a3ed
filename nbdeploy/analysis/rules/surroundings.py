"""What ties a notebook to one machine, one person or one moment: paths, other files' code, prompts, the network."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from nbdeploy.analysis.knowledge import Knowledge, names_origin
from nbdeploy.analysis.knowledge.library import library_names
from nbdeploy.analysis.program import Statement
from nbdeploy.analysis.rules import vocabulary as words
from nbdeploy.analysis.rules.secret_texts import redacted
from nbdeploy.analysis.rules.survey import Site, Survey
from nbdeploy.analysis.rules.writing import replaced
from nbdeploy.errors import Diagnostic, Severity
from nbdeploy.notebook.cells import Role

__all__ = ["absolute_paths", "foreign_code", "imports_of_no_package", "outside_calls", "prompts", "star_imports"]

_SERVED = frozenset({Role.PREPROCESS, Role.PREDICT})
_PATH = re.compile(
    r"(?:/(?:home|Users|mnt|media|root|opt|srv|content|kaggle|dbfs|Volumes|workspace|gdrive|scratch|data|var|private)/"
    r"|~[/\\]|~$|[A-Za-z]:(?:\\|/(?!/)))\S"
)
_LOCAL = re.compile(r"^(?:common|functions|lib|my_?\w+|scripts|src|tools)$|(?:^|_)(?:helpers?|utils?|utilities)(?:_|$)")
_INSTALLING = re.compile(
    r"(?:python\S* -m )?(?:pip3?|conda|mamba|uv|apt|apt-get|brew|poetry)\b.*\b(?:install|add|sync)\b"
)


def absolute_paths(survey: Survey) -> Iterator[Diagnostic]:
    """NBD111: a text that is a path on one machine; once for each path."""
    told: set[str] = set()
    for cell, line, text in _written_paths(survey):
        if text not in told:
            told.add(text)
            yield Diagnostic(
                code="NBD111",
                severity=Severity.WARNING,
                cell=cell,
                line=line,
                message=f"the path {redacted(text)[:80]!r} exists on one machine only: the notebook fails, or reads something"
                " else, wherever it is run again",
                fix="write the path relative to the notebook, or take it from a parameters cell",
            )


def _written_paths(survey: Survey) -> Iterator[tuple[int, int, str]]:
    for site, text in survey.texts():
        if _PATH.match(text) and "\n" not in text and " " not in text.split("/")[0]:
            yield site.cell, site.line, text
    for cell, name, argument, line, kind in survey.magics():
        words_of = argument.split() if kind in {"line", "shell"} and name not in {"pip", "conda"} else []
        for each in words_of:
            if _PATH.match(each.strip("'\"")):
                yield cell.index, line, each.strip("'\"")


def star_imports(survey: Survey) -> Iterator[Diagnostic]:
    """NBD112: `from x import *`."""
    for site in survey.sites[ast.ImportFrom]:
        node = site.node
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            used = _names_used(survey, site)
            module = "." * node.level + (node.module or "")
            edit = replaced(survey, site.cell, node, f"from {module} import {', '.join(used)}") if used else None
            wanted = f"from {module} import {', '.join(used)}" if used else "import the names that are used, one by one"
            yield Diagnostic(
                code="NBD112",
                severity=Severity.WARNING,
                cell=site.cell,
                line=site.line,
                message=f"`from {module} import *` binds names that nobody can see here, and may hide others: what depends on it"
                " is not known without running it",
                fix=wanted,
                edits=(edit,) if edit else (),
            )


def _names_used(survey: Survey, site: Site) -> list[str]:
    """Return the names of a star import that the notebook reads, if the module could be asked for its names."""
    given = site.statement.effects.defs
    if not given or not isinstance(site.statement.node, ast.ImportFrom):
        return []
    read: set[str] = set()
    for each in survey.program.statements[site.statement.index :]:
        read |= each.effects.refs | each.effects.late
    return sorted(given & read)


def foreign_code(survey: Survey) -> Iterator[Diagnostic]:
    """Code that is not in the notebook, or is not what it was: `%run` (NBD117), reloading (NBD114), installing (NBD119)."""
    for cell, name, argument, line, kind in survey.magics():
        if name == "run" and kind == "line":
            yield Diagnostic(
                code="NBD117",
                severity=Severity.WARNING,
                cell=cell.index,
                line=line,
                message=f"`%run {redacted(argument)[:60]}` runs another file in the notebook's namespace: what it binds can't be"
                " seen, so it can't be put into the package",
                fix="turn the file into a module and import the names from it, or move the code into a cell",
            )
        elif name == "autoreload" or (name == "load_ext" and argument.strip() == "autoreload"):
            if name == "autoreload":
                yield _reloads(cell.index, line, "%autoreload")
        elif name in {"pip", "conda", "mamba", "uv"} or (kind == "shell" and _INSTALLING.match(argument)):
            yield Diagnostic(
                code="NBD119",
                severity=Severity.INFO,
                cell=cell.index,
                line=line,
                message="the cell installs packages: it changes the environment in the middle of the run, and the versions that"
                " are locked are those found afterwards",
                fix="install the packages before the notebook runs, and list them in requirements.txt",
            )
    for site, _, origin in survey.calls:
        if origin in {"importlib.reload", "imp.reload"}:
            yield _reloads(site.cell, site.line, "reload")


def _reloads(cell: int, line: int, what: str) -> Diagnostic:
    return Diagnostic(
        code="NBD114",
        severity=Severity.INFO,
        cell=cell,
        line=line,
        message=f"`{what}`: a module that changes while the kernel runs is not the one that a fresh run imports",
        fix="restart the kernel and run all cells before you deploy",
    )


def imports_of_no_package(survey: Survey) -> Iterator[Diagnostic]:
    """NBD113: modules that lie beside the notebook, or on a path that the notebook adds."""
    added = _path_added(survey)
    for site in (*survey.sites[ast.Import], *survey.sites[ast.ImportFrom]):
        for module in _modules(site.node):
            root = module.lstrip(".").partition(".")[0]
            near = any(path.index < site.statement.index and _next_to(survey, path, site) for path in added)
            if module.startswith(".") or (not _is_public(root) and (near or _LOCAL.search(root))):
                yield Diagnostic(
                    code="NBD113",
                    severity=Severity.INFO,
                    cell=site.cell,
                    line=site.line,
                    message=f"{module!r} looks like a module of your own beside the notebook: no version of it is pinned",
                    fix="keep it under version control with the notebook, or make a package of it that can be installed",
                )


def _next_to(survey: Survey, path: Statement, site: Site) -> bool:
    """Tell whether an import stands in the cell of that statement, or in the code cell after it."""
    between = {each.cell for each in survey.program.statements[path.index : site.statement.index + 1]}
    return len(between) <= 2


def _is_public(root: str) -> bool:
    return not root or root in sys.stdlib_module_names or root in words.WELL_KNOWN or root in library_names()


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def _path_added(survey: Survey) -> list[Statement]:
    """Statements that put a folder on the import path: what is imported right after lies there."""
    return [
        s.statement
        for s, _, origin in survey.calls
        if origin in {"sys.path.append", "sys.path.insert", "sys.path.extend"}
    ]


def prompts(survey: Survey) -> Iterator[Diagnostic]:
    """NBD118: a question to whoever sits in front of the notebook; nobody does when it is run again."""
    known = survey.known
    for site, call, origin in survey.calls:
        name = origin or (call.func.id if isinstance(call.func, ast.Name) else "")
        own = not origin and survey.program.definition_of(name, site.statement) is not None
        asks = names_origin(known.interactive, origin or f"builtins.{name}")
        if not name or own or not asks:
            continue
        value = "input" in name or "getpass" in name
        yield Diagnostic(
            code="NBD118",
            severity=Severity.ERROR if site.sure and not _may_fail(survey, site) else Severity.WARNING,
            cell=site.cell,
            line=site.line,
            message=f"`{name}` waits for somebody to type: a run without one fails here",
            fix="assign the value in a cell tagged `parameters`" if value else f"take `{name}` away",
        )


def _may_fail(survey: Survey, site: Site) -> bool:
    return "raises-exception" in survey.cell_of(site.statement).tags


def outside_calls(survey: Survey) -> Iterator[Diagnostic]:
    """NBD126: the network, a shell or another program in a cell that is to be served."""
    known = survey.known
    for site, _, origin in survey.calls:
        if origin and site.statement.role in _SERVED and (what := _outside(known, origin)):
            yield _outside_finding(site.cell, site.line, origin, what)
    for site, text in survey.texts():
        if site.statement.role in _SERVED and re.match(r"(?:https?|ftp|s3|gs)://\S", text) and _is_read(survey, site):
            yield _outside_finding(site.cell, site.line, "reading from an address", "the network")
    for cell, name, argument, line, kind in survey.magics():
        if cell.role in _SERVED and not _INSTALLING.match(argument):
            if kind == "shell":
                yield _outside_finding(cell.index, line, f"!{redacted(argument)[:40]}", "a shell")
            elif name in {"bash", "sh", "script", "system", "sx", "cmd"}:
                yield _outside_finding(cell.index, line, f"%{name}", "a shell")


def _outside(known: Knowledge, origin: str) -> str:
    if names_origin(known.shell, origin):
        return "a shell"
    return "the network" if names_origin(known.network, origin) else ""


def _is_read(survey: Survey, site: Site) -> bool:
    """Tell whether an address is the argument of something like `pd.read_csv`."""
    for _, call, origin in ((s, c, o) for s, c, o in survey.calls if s.statement is site.statement):
        if site.node in call.args and (origin.rpartition(".")[2].startswith("read_")):
            return True
    return False


def _outside_finding(cell: int, line: int, what: str, where: str) -> Diagnostic:
    return Diagnostic(
        code="NBD126",
        severity=Severity.WARNING,
        cell=cell,
        line=line,
        message=f"`{what}` uses {where} in a tagged cell: a service would do so for every request, or answer with what the"
        " notebook got that day",
        fix="move it to a cell without a role: its result is then kept with the model",
    )
