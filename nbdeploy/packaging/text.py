"""Python source as text: indenting without touching strings, import lines, banners."""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import sys
import tokenize
from collections.abc import Collection, Iterable, Sequence

__all__ = [
    "WIDTH",
    "banner",
    "flat",
    "free_name",
    "import_line",
    "indented",
    "module_text",
    "sorted_imports",
    "written",
]

WIDTH = 120  # characters of a line in the emitted package


def indented(source: str, prefix: str = "    ") -> str:
    """Indent every line, except those that continue a string over several lines.

    A statement of one line that becomes too long by it is broken as formatters break it: nothing but blanks changes.
    """
    if "\n" not in source and len(prefix + source) > WIDTH:
        source = _broken(source, WIDTH - len(prefix))
    inside = _string_lines(source)
    lines = source.removesuffix("\n").split("\n")  # str.splitlines would also break strings at form feeds and the like
    return "\n".join(
        line if number in inside or not line.strip() else prefix + line for number, line in enumerate(lines, 1)
    )


def _broken(source: str, width: int) -> str:
    """Put what the last brackets of a line hold on lines of its own; the source as it was where that can't be done."""
    tokens = _tokens(source)
    if any(each.type == tokenize.COMMENT for each in tokens):
        return source
    opened: list[int] = []
    pair: tuple[int, int] | None = None
    commas: list[int] = []
    for each in tokens:
        if each.type != tokenize.OP:
            continue
        if each.string in "([{":
            opened.append(each.start[1])
            commas = [] if len(opened) == 1 else commas
        elif each.string in ")]}" and opened:
            start = opened.pop()
            pair = pair if opened else (start, each.start[1])
        elif each.string == "," and len(opened) == 1:
            commas.append(each.start[1])
    if pair is None:
        return source
    start, end = pair
    inner = source[start + 1 : end].strip()
    if len(inner) + 4 <= width:
        body = f"    {inner}\n"
    else:
        edges = [start, *commas, end]
        items = [source[left + 1 : right].strip() for left, right in itertools.pairwise(edges)]
        body = "".join(f"    {item},\n" for item in items if item)
    found = f"{source[: start + 1]}\n{body}{source[end:]}"
    return found if _means_the_same(found, source) else source


def _means_the_same(one: str, other: str) -> bool:
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except SyntaxError:
        return False


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    """Return the tokens of a source, as far as they go."""
    found: list[tokenize.TokenInfo] = []
    with contextlib.suppress(tokenize.TokenError, IndentationError, SyntaxError):
        found.extend(tokenize.generate_tokens(io.StringIO(source).readline))
    return found


def _string_lines(source: str) -> set[int]:
    """Return the numbers of the lines that begin inside a string."""
    inside: set[int] = set()
    opened: list[int] = []
    starts = {getattr(tokenize, "FSTRING_START", -1)}
    ends = {getattr(tokenize, "FSTRING_END", -1)}
    for token in _tokens(source):
        if token.type == tokenize.STRING:
            inside |= set(range(token.start[0] + 1, token.end[0] + 1))
        elif token.type in starts:
            opened.append(token.start[0])
        elif token.type in ends:
            inside |= set(range(opened.pop() + 1, token.end[0] + 1))
    return inside


def import_line(statement: ast.Import | ast.ImportFrom, name: str, alias: str | None = None) -> str:
    """Return the import of just `name`, as the statement binds it; `alias` binds it by another name."""
    if isinstance(statement, ast.Import):
        lines = []
        for each in statement.names:
            if (each.asname or each.name.split(".")[0]) == name:
                bound = alias or each.asname
                lines.append(f"import {each.name} as {bound}" if bound else f"import {each.name}")
        return "\n".join(lines)
    module = "." * statement.level + (statement.module or "")
    for each in statement.names:
        if (each.asname or each.name) == name:
            bound = alias or each.asname
            return f"from {module} import {each.name}" + (f" as {bound}" if bound and bound != each.name else "")
    return f"from {module} import {name}"


def sorted_imports(lines: Iterable[str], own: Collection[str] = ()) -> str:
    """Return import lines in groups: the future, the standard library, others, `own` modules, relative ones.

    The order inside of a group is isort's, and lines `from` one module are merged.
    """
    groups: dict[int, list[str]] = {}
    for line in _merged(dict.fromkeys(line for text in lines for line in text.splitlines())):
        groups.setdefault(_import_group(line.split()[1].split(".")[0], own), []).append(line)
    return "\n\n".join("\n".join(sorted(groups[rank], key=_import_order)) for rank in sorted(groups))


def _import_group(root: str, own: Collection[str]) -> int:
    if root == "__future__":
        return 0
    if not root:
        return 4
    return 3 if root in own else 1 if root in sys.stdlib_module_names else 2


def _import_order(line: str) -> tuple[bool, str, str]:
    return line.startswith("from "), line.split()[1].lower(), line


def _merged(lines: Iterable[str]) -> list[str]:
    """Merge `from` lines of one module, but for those that rename."""
    froms: dict[str, set[str]] = {}
    merged = []
    for line in lines:
        module, _, names = line.removeprefix("from ").partition(" import ")
        if line.startswith("from ") and " as " not in names:
            froms.setdefault(module, set()).update(names.split(", "))
        else:
            merged.append(line)
    return merged + [_from_line(module, sorted(names, key=_name_order)) for module, names in froms.items()]


def _name_order(name: str) -> tuple[int, str, str]:
    """Constants, then classes, then the rest."""
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return rank, name.lower(), name


def _from_line(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def banner(notebook: str, what: str) -> str:
    """Return the docstring of an emitted file: what it is and where it comes from."""
    return f'"""{what}\n\nMade by nbdeploy from {notebook}; the comments name the cells.\n"""'


def module_text(docstring: str, imports: Iterable[str], *blocks: str, own: Collection[str] = ()) -> str:
    """Return a whole module: docstring, imports, blocks two blank lines apart. `own` are import names of the package."""
    head = f"{docstring}\n\n{sorted_imports(['from __future__ import annotations', *imports], own)}"
    body = "\n\n\n".join(block.rstrip() for block in blocks if block.strip())
    first = next((line for line in body.split("\n") if not line.startswith("#")), "")
    gap = "\n\n\n" if first.startswith(("def ", "class ", "async ", "@")) else "\n\n"
    return head + (gap + body if body else "") + "\n"


def free_name(wanted: str, taken: Collection[str]) -> str:
    """Return a name for something of the package's own that the notebook does not use for something else."""
    return wanted if wanted not in taken else free_name(f"{wanted}_", taken)


def written(value: object, indent: int = 0, *, used: int = 0) -> str:
    """Write plain data as Python source, laid out as formatters do: on one line, or one item on each.

    `indent` counts the spaces before the line, `used` the characters that stand on it beside the value.
    """
    line = flat(value)
    if indent + used + len(line) <= WIDTH or not isinstance(value, dict | list | tuple) or not value:
        return line
    inner = indent + 4
    if isinstance(value, dict):
        pairs = [(f"{flat(key)}: ", each) for key, each in value.items()]
    else:
        pairs = [("", each) for each in value]
    items = [f"{' ' * inner}{key}{written(each, inner, used=len(key) + 1)},\n" for key, each in pairs]
    opening, closing = "{}" if isinstance(value, dict) else "()" if isinstance(value, tuple) else "[]"
    return f"{opening}\n{''.join(items)}{' ' * indent}{closing}"


def flat(value: object) -> str:
    """Write plain data on one line, with the quotes that formatters want."""
    match value:
        case dict():
            return "{" + ", ".join(f"{flat(key)}: {flat(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flat, value)) + "]"
        case tuple():
            return "(" + ", ".join(map(flat, value)) + (",)" if len(value) == 1 else ")")
        case str():
            source = repr(value)
            return source.replace("'", '"') if '"' not in source and "\\'" not in source else source
        case _:
            return repr(value)
