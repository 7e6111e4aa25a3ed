"""Python source as text: indenting without touching strings, import lines, banners."""

from __future__ import annotations

import ast
import io
import textwrap
import tokenize
from collections.abc import Iterable, Sequence

__all__ = ["banner", "dedented", "import_line", "indented", "module_text", "sorted_imports"]


def indented(source: str, prefix: str = "    ") -> str:
    """Indent every line, except those that continue a string over several lines."""
    inside = _string_lines(source)
    lines = source.splitlines()
    return "\n".join(
        line if number in inside or not line.strip() else prefix + line for number, line in enumerate(lines, 1)
    )


def dedented(source: str) -> str:
    return textwrap.dedent(source)


def _string_lines(source: str) -> set[int]:
    """Return the numbers of the lines that begin inside a string."""
    inside: set[int] = set()
    opened: list[int] = []
    starts = {getattr(tokenize, "FSTRING_START", -1)}
    ends = {getattr(tokenize, "FSTRING_END", -1)}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.STRING:
                inside |= set(range(token.start[0] + 1, token.end[0] + 1))
            elif token.type in starts:
                opened.append(token.start[0])
            elif token.type in ends:
                inside |= set(range(opened.pop() + 1, token.end[0] + 1))
    except (tokenize.TokenError, IndentationError):
        pass
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


def sorted_imports(lines: Iterable[str]) -> str:
    """Return import lines in groups: the future, the standard library, others, the package's own; `from` lines merged."""
    import sys

    groups: dict[int, list[str]] = {0: [], 1: [], 2: [], 3: []}
    single = dict.fromkeys(line for text in lines for line in text.splitlines())
    for line in _merged(single):
        root = line.split()[1].split(".")[0]
        rank = 0 if root == "__future__" else 3 if not root else 1 if root in sys.stdlib_module_names else 2
        groups[rank].append(line)
    ordered = [sorted(group, key=lambda text: (text.startswith("from"), text)) for group in groups.values() if group]
    return "\n\n".join("\n".join(group) for group in ordered)


def _merged(lines: Iterable[str]) -> list[str]:
    froms: dict[str, list[str]] = {}
    plain = []
    for line in lines:
        if line.startswith("from "):
            module, names = line.removeprefix("from ").split(" import ", 1)
            froms.setdefault(module, []).append(names)
        else:
            plain.append(line)
    return plain + [_from_line(module, sorted(set(names))) for module, names in froms.items()]


def _from_line(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 100:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def banner(notebook: str, what: str) -> str:
    """Return the docstring of an emitted file: what it is and where it comes from."""
    return f'"""{what}\n\nMade by nbdeploy from {notebook}; the comments name the cells.\n"""'


def module_text(docstring: str, imports: Iterable[str], *blocks: str) -> str:
    """Return a whole module: docstring, imports, blocks two blank lines apart."""
    parts = [docstring, sorted_imports(["from __future__ import annotations", *imports])]
    head = "\n\n".join(part for part in parts if part)
    body = "\n\n\n".join(block.rstrip() for block in blocks if block.strip())
    gap = "\n\n\n" if body.startswith(("def ", "class ", "async ", "@", "#")) else "\n\n"
    return head + (gap + body if body else "") + "\n"
