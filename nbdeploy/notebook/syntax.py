"""IPython syntax in, plain Python out: what a cell means to Python, with every line where it was.

The rules are those of IPython's own input transformer, so that the analysis reads what the kernel runs: a cell's
common indentation goes, blank lines lose their blanks (also in strings), pasted prompts go, and special syntax is
looked for at the starts of logical lines, after their first `=` and at their ends. Unlike IPython's, the result keeps
its line numbers and shows the Python inside timing magics.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Literal, Protocol

from nbdeploy.notebook.magics import (
    AUTOMAGICS,
    DEPLOYING,
    ROLE_MAGICS,
    TIMING,
    WRAPPING,
    captured_name,
    timed_statement,
)
from nbdeploy.notebook.scanner import LogicalLine, logical_line

__all__ = ["Magic", "PlainCode", "plain_python", "runnable"]

MagicKind = Literal["line", "cell", "shell", "help"]

_HELP_END = re.compile(r"(?P<target>%{0,2}(?!\d)[\w*]+(?:\.(?!\d)[\w*]+|\[-?[0-9]+\])*)\?\??$")
_CELL_MAGIC = re.compile(r"%%(?!\w+\?)(?P<name>\S+)\s*(?P<argument>.*)")
_ASSIGNED = re.compile(r"(?:[ \t\f]|\\\n)*(?=%[^\W\d]|!)")
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.(?!:)|In \[\d+\]:|\.{3,}:)(?:[ \t]|$)", re.MULTILINE)
_FIRST_PROMPT = re.compile(r"^[ \t]*(?:>>>|In \[\d+\]:)(?:[ \t]|$)", re.MULTILINE)
_MAX_DEPTH = 8  # magics inside magics: `%time %time x` works in IPython; deeper than this is no notebook's
_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_AUTOMAGIC = re.compile(r"\s*(?P<name>\w+)(?:[ \t]+[^\s=].*)?\s*")


# What IPython takes away from valid Python, too: the indentation of a whole cell, blanks on blank lines (also in strings).
# All else that it knows is no Python, so that what the parser takes is already plain.
_LOOSE_BLANKS = re.compile(r"\A\n*[^\S\n]|^[ \t]+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Magic:
    """One piece of IPython syntax; `line` is 1-based. A shell line is named `!` or `!!`, a question `?`."""

    name: str
    argument: str
    line: int
    kind: MagicKind


def _nothing() -> ast.Module:
    return ast.Module(body=[], type_ignores=[])


@dataclass(frozen=True, slots=True)
class PlainCode:
    """A code cell as plain Python with as many lines as its source.

    `opaque` says that the cell runs no Python in the notebook's namespace (`%%bash`, `%%html`, `%%timeit`, an unknown
    cell magic): `python` then holds blank and comment lines only. `tree` is what `python` parses to: read it, never change it.
    """

    python: str
    magics: tuple[Magic, ...] = ()
    opaque: bool = False
    tree: ast.Module = field(default_factory=_nothing, compare=False, repr=False)


def plain_python(source: str) -> PlainCode:
    """Translate a cell's source; raises SyntaxError, placed in the source, for what IPython can't read either."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return _as_it_stands(source) or _translate_cell(source)
    except SyntaxError as error:
        for reading in _other_readings(source):
            try:
                return _translate_cell(reading)
            except SyntaxError:
                continue
        raise _placed(error, source) from None


def _as_it_stands(source: str) -> PlainCode | None:
    """Most cells are plain Python already, and need no scanner; for the others, None."""
    if _LOOSE_BLANKS.search(source):
        return None
    try:
        return PlainCode(source, tree=_parse(source))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _translate_cell(source: str) -> PlainCode:
    draft = _Draft()
    try:
        opaque = draft.read_cell(source.split("\n"))
        python = "\n".join(draft.lines)
        tree = _checked(python)
    except RecursionError:
        raise SyntaxError("the code is nested too deeply", ("<cell>", 1, 1, None)) from None
    return PlainCode(python, tuple(sorted(draft.magics, key=lambda magic: magic.line)), opaque, tree)


def _other_readings(source: str) -> list[str]:
    """What else IPython may see in a source that is not valid as it stands: pasted prompts, a magic without its `%`."""
    if _FIRST_PROMPT.search(source):
        return [_PROMPT.sub("", source)]
    word = _AUTOMAGIC.fullmatch(source)
    if word and word["name"] in AUTOMAGICS:
        return [source[: word.start("name")] + "%" + source[word.start("name") :]]
    return []


@dataclass(slots=True)
class _Draft:
    """The plain lines written so far; their number is the number of source lines read."""

    lines: list[str] = field(default_factory=list)
    magics: list[Magic] = field(default_factory=list)
    depth: int = 0  # of magics inside magics

    def read_cell(self, source: list[str]) -> bool:
        """Read a cell, or the body of a cell magic; return whether it is opaque."""
        source = dedent("\n".join(source)).split("\n")
        first = next((row for row, line in enumerate(source) if line.strip()), 0)
        opening = _CELL_MAGIC.match(source[first])
        if opening is None:
            self._read_lines(source)
            return False
        self.lines += source[:first]
        return self._read_cell_magic(opening["name"], opening["argument"].strip(), source[first + 1 :])

    def _read_cell_magic(self, name: str, argument: str, body: list[str]) -> bool:
        self._deepen()
        self._note(name, argument, "cell")
        if name not in WRAPPING:
            self.lines += ["#", *[""] * len(body)]
            return True
        captured = captured_name(argument) if name == "capture" else None
        self.lines.append(f"{captured} = None" if captured else "#")
        return self.read_cell(body) if body else False

    def _read_lines(self, source: list[str]) -> None:
        text = "\n".join(source) + "\n"
        base, position = len(self.lines), 0
        while position < len(text):
            logical = logical_line(text, position)
            row = len(self.lines) - base
            if not self._read_special(source, row, text, logical):
                count = text.count("\n", position, logical.end)
                self.lines += source[row : row + count]
            position += sum(len(line) + 1 for line in source[row : len(self.lines) - base])

    def _read_special(self, source: list[str], row: int, text: str, logical: LogicalLine) -> bool:
        """Read the special line that begins at `row`, if it is one."""
        content = source[row].lstrip(" \t\f")
        if not content:
            return False
        indent = source[row][: len(source[row]) - len(content)]
        if logical.question is not None:
            asked = text[logical.start : logical.question]
            target = _HELP_END.search(asked)
            if target:
                self._note("?", target["target"], "help")
                self._write(indent + "pass", asked.count("\n") + 1)
                return True
        if content[0] in "!?%,;/":
            end, command = _continued(source, row, len(indent))
            self._write(indent + self._escaped(command), end - row + 1)
            return True
        return logical.assign is not None and self._read_assignment(source, row, text, logical)

    def _read_assignment(self, source: list[str], row: int, text: str, logical: LogicalLine) -> bool:
        """Read `target = %magic` or `target = !command`; the right side may begin after continued lines."""
        special = _ASSIGNED.match(text, logical.assign or 0)
        if special is None:
            return False
        before = text[logical.start : special.end()].split("\n")
        self.lines += before[:-1]
        at = row + len(before) - 1
        end, command = _continued(source, at, len(before[-1]))
        self._write(before[-1] + self._assigned(command), end - at + 1)
        return True

    def _escaped(self, command: str) -> str:
        """Translate one command that begins with an escape character into one statement."""
        escape, rest = command[0], command[1:]
        if escape == "!":
            return self._shell(command)
        if escape == "?":
            self._note("?", command.strip("? "), "help")
            return "pass"
        if escape == "%":
            return self._line_magic(rest)
        name, _, arguments = rest.partition(" ")
        name = name.lstrip()  # no indentation of a statement
        if escape == "/" and not name:
            raise SyntaxError("'/' must be followed by what it calls", ("<cell>", len(self.lines) + 1, 1, None))
        if escape == "/":
            return f"{name}({', '.join(arguments.split())})"
        quoted = '", "'.join(arguments.split()) if escape == "," else arguments
        return f'{name}("{quoted}")'

    def _shell(self, command: str) -> str:
        marks = "!!" if command.startswith("!!") else "!"
        self._note(marks, command[len(marks) :].strip(), "shell")
        return "pass"

    def _line_magic(self, command: str) -> str:
        if command.startswith("%"):
            message = f"the cell magic %{command.split()[0]} must stand on the cell's first line"
            raise SyntaxError(message, ("<cell>", len(self.lines) + 1, 1, None))
        name, argument = _name_and_argument(command)
        self._note(name, argument, "line")
        if name not in ("time", "prun"):
            return "pass"
        inner = _Draft([""] * len(self.lines), self.magics, self.depth)
        inner._deepen()
        inner._read_lines([timed_statement(name, argument)])
        return inner.lines[-1] or "pass"

    def _assigned(self, command: str) -> str:
        """Translate the right side of an assignment into one expression."""
        if command.startswith("!"):
            self._note("!", command[1:].strip(), "shell")
            return f"get_ipython().getoutput({command[1:].strip()!r})"
        name, argument = _name_and_argument(command[1:])
        self._note(name, argument, "line")
        timed = timed_statement(name, argument) if name == "time" else ""
        return timed if _is_expression(timed) else f"get_ipython().run_line_magic({name!r}, {argument!r})"

    def _deepen(self) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise RecursionError

    def _note(self, name: str, argument: str, kind: MagicKind) -> None:
        self.magics.append(Magic(name, argument, len(self.lines) + 1, kind))

    def _write(self, line: str, rows: int) -> None:
        self.lines += [line, *[""] * (rows - 1)]


def _name_and_argument(command: str) -> tuple[str, str]:
    name, *argument = command.split(None, 1) if command[:1].strip() else ("", command)
    return name, argument[0].strip() if argument else ""


def _continued(source: list[str], row: int, column: int) -> tuple[int, str]:
    """Return the last row and the joined text of a command that begins at (row, column); backslashes continue it."""
    end = row
    while source[end].endswith("\\") and end + 1 < len(source):
        end += 1
    parts = [source[row][column:], *source[row + 1 : end + 1]]
    return end, " ".join([*(part.rstrip()[:-1] for part in parts[:-1]), parts[-1].rstrip()])


def _parse(python: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # '\d' and its like: the notebook's own affair
        tree = compile(python, "<cell>", "exec", _FLAGS, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def _checked(python: str) -> ast.Module:
    if "\0" in python:  # Python's own error has no line, and another type in other versions
        line = python.count("\n", 0, python.index("\0")) + 1
        raise SyntaxError("a null byte can't be part of the source", ("<cell>", line, 1, None))
    try:
        return _parse(python)
    except UnicodeEncodeError as error:  # a lone surrogate: the kernel can't compile it either
        line = python.count("\n", 0, error.start) + 1
        found = python[error.start].encode("unicode_escape").decode()
        raise SyntaxError(f"{found} is half a character (a lone surrogate)", ("<cell>", line, 1, None)) from None
    except MemoryError:
        raise SyntaxError("the code is nested too deeply", ("<cell>", 1, 1, None)) from None


def _is_expression(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<cell>", "eval", _FLAGS, dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError):
        return False
    return True


def _placed(error: SyntaxError, source: str) -> SyntaxError:
    """The same error with the source's own line as its text."""
    lines = source.split("\n")
    number = min(max(error.lineno or 1, 1), len(lines))
    line = lines[number - 1]
    shift = len(line) - len(line.lstrip()) - _indentation(error.text, line)
    offset = max(1, (error.offset or 1) + shift)
    return type(error)(error.msg, ("<cell>", number, offset, line))


def _indentation(shown: str | None, line: str) -> int:
    """Width of the indentation that Python saw, or the line's own where it saw another text."""
    text = (shown or "").rstrip("\n")
    whole = len(line) - len(line.lstrip())
    return len(text) - len(text.lstrip()) if text and text.strip() == line.strip() else whole


class _Readable(Protocol):
    @property
    def source(self) -> str: ...
    @property
    def code(self) -> PlainCode | None: ...


def runnable(cell: _Readable) -> str:
    """Return a cell's source as a real kernel is to run it in validation, with as many lines.

    Role and timing cell magics give way to a comment, and so do leading blank lines: IPython would strip those, and its
    line numbers would no longer be the cell's. Magics that deploy give way to `pass`. All else stays IPython's.
    """
    if cell.code is None:
        return cell.source
    lines = cell.source.split("\n")
    for magic in cell.code.magics:
        if magic.kind == "line" and magic.name in DEPLOYING:
            _disarm(lines, magic)
    stripped = {magic.line - 1 for magic in cell.code.magics if magic.kind == "cell" and _is_stripped(magic)}
    kept = [magic.line - 1 for magic in cell.code.magics if magic.kind == "cell" and not _is_stripped(magic)]
    for row in stripped:
        # A cell magic that stays must be the first line that is not blank.
        lines[row] = "" if any(row < other for other in kept) else _comment(lines[row])
    first = next((row for row, line in enumerate(lines) if line.strip()), 0)
    if first not in kept and first not in _bare_magics(lines, cell.code.magics):
        lines[:first] = [_comment(lines[first])] * first
    return "\n".join(lines)


def _is_stripped(magic: Magic) -> bool:
    return magic.name in ROLE_MAGICS | DEPLOYING or (magic.name in TIMING and not magic.argument)


def _comment(line: str) -> str:
    """A comment as deep as the line: IPython takes the indentation away that all lines share."""
    return line[: len(line) - len(line.lstrip())] + "#"


def _bare_magics(lines: list[str], magics: tuple[Magic, ...]) -> set[int]:
    """Rows of magics without `%`, which IPython reads in cells of one line only."""
    return {magic.line - 1 for magic in magics if magic.kind == "line" and "%" not in lines[magic.line - 1]}


def _disarm(lines: list[str], magic: Magic) -> None:
    """Replace a magic line, with the lines that continue it, by a statement that does nothing."""
    row = magic.line - 1
    end, _ = _continued([line.rstrip("\r") for line in lines], row, 0)
    before = re.split(rf"%?{magic.name}\b", lines[row], maxsplit=1)[0]
    lines[row : end + 1] = [before + ("None" if "=" in before else "pass"), *[""] * (end - row)]
