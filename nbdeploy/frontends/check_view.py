"""What a check found, for people: on a terminal (rich) and in a notebook (HTML)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.rendering import COLOURS, STYLES, code, coloured, row, table, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbdeploy.analysis.explanation import CellPart, Explanation
    from nbdeploy.checking import CheckResult, SliceResult
    from nbdeploy.errors import Diagnostic

__all__ = ["PART_STYLES", "check_html", "check_text", "print_checks", "print_slice"]

PART_STYLES = {
    "served": "bold blue",
    "frozen": "dark_orange3",
    "training": "green",
    "carried": "cyan",
    "test": "magenta",
    "input": "blue",
    "unused": "dim",
}
SEVERITIES = ("error", "warning", "info")
IN_FULL = 2  # findings of one code that are shown with their line; the others are places
SHORT_WHY = 22  # as wide as "only shows something", which is all that is said without a service
FIXED_COLUMNS, WHY_COLUMNS = 20, 36  # the table's numbers, parts and gaps; what most reasons fit into
RUN = 3  # as many unused cells in a row become one line of the table
QUOTED = re.compile(r"`([^`\n]+)`|'([^'\n]+)'")


def print_checks(
    results: Sequence[CheckResult],
    console: Any,
    *,
    drawn: Path | None = None,
    mended: tuple[Path, Sequence[Diagnostic]] | None = None,
) -> None:
    """Print one result in full, or several as a line each, and what they come to."""
    from rich.text import Text

    if len(results) == 1:
        print_result(results[0], console)
    else:
        for each in results:
            print_line(each, console)
    console.print(summary(results), soft_wrap=True)
    if drawn is not None:
        console.print(Text.assemble("the graph is in ", (str(drawn), "bold")), soft_wrap=True)
    if mended is not None:
        target, done = mended
        what = f"{count(len(done), 'finding')} mended in " if done else "nothing could be mended in the copy "
        console.print(Text.assemble(what, (str(target), "bold")), soft_wrap=True)


def check_text(result: CheckResult) -> str:
    return written(lambda console: print_checks([result], console))


# one notebook --------------------------------------------------------------------------------------------------------


def print_result(result: CheckResult, console: Any) -> None:
    print_findings(result, console)
    if result.explanation is not None and result.explanation.cells:
        print_parts(result.explanation, console)


def print_findings(result: CheckResult, console: Any) -> None:
    """Print the findings in the order of the notebook, those of one code together from its third on."""
    from rich.text import Text

    shown: Counter[str] = Counter()
    rest: dict[str, list[Diagnostic]] = {}
    for each in result.diagnostics:
        shown[each.code] += 1
        if shown[each.code] <= IN_FULL:
            print_finding(each, result, console)
        else:
            rest.setdefault(each.code, []).append(each)
    for code_, found in rest.items():
        places = ", ".join(dict.fromkeys(place(each) for each in found))
        style = STYLES.get(str(found[0].severity), "")
        console.print(Text.assemble((f"{code_} ", style), (f"{len(found)} more at {places}", "dim")))
    if result.diagnostics:
        console.print()


def print_finding(finding: Diagnostic, result: CheckResult, console: Any) -> None:
    from rich.padding import Padding
    from rich.text import Text

    severity = str(finding.severity)
    path = finding.notebook or result.path
    console.print(
        Text.assemble(
            (":".join(part for part in (path, place(finding)) if part), "dim"),
            " ",
            (severity, STYLES[severity]),
            " ",
            (finding.code, "bold"),
        ),
        soft_wrap=True,
    )
    console.print(Padding(emphasised(finding.message), (0, 0, 0, 2), expand=False))
    for line in excerpt(finding, result.sources, console.width, STYLES[severity]):
        console.print(line, no_wrap=True, crop=True)
    if finding.fix:
        mark = "fix (certain, see --fixed): " if finding.edits else "fix: "
        console.print(Padding(Text.assemble((mark, "green"), emphasised(finding.fix)), (0, 0, 0, 2), expand=False))


def place(finding: Diagnostic) -> str:
    """Return `12:3`, cell and line, as far as they are known."""
    return ":".join(str(each) for each in (finding.cell, finding.line) if each is not None)


def emphasised(message: str) -> Any:
    """Return a message with its `code` in another colour."""
    from rich.text import Text

    text = Text()
    for number, part in enumerate(message.split("`")):
        text.append(part, "cyan" if number % 2 else "")
    return text if message.count("`") % 2 == 0 else Text(message)


def excerpt(finding: Diagnostic, sources: Sequence[str], width: int, style: str) -> Iterator[Any]:
    """Yield the line that a finding is about, and a mark under what it speaks of."""
    from rich.cells import cell_len
    from rich.text import Text

    line = line_of(finding, sources)
    if line is None:
        return
    start, end = span(finding, line)
    number = f"{finding.line:>5} "
    room = max(width - len(number) - 3, 20)
    shift = max(0, start - room // 3) if cell_len(line) > room else 0
    shown = line[shift:]
    before = cell_len(shown[: start - shift])
    marked = max(1, cell_len(shown[start - shift : end - shift]))
    yield Text.assemble((f"{number}│ ", "dim"), shown)
    yield Text.assemble((f"{' ' * len(number)}│ ", "dim"), " " * before, ("^" * marked, style))


def line_of(finding: Diagnostic, sources: Sequence[str]) -> str | None:
    """Return the text of a finding's line, without what would move it on a terminal."""
    if finding.cell is None or finding.line is None or not 0 <= finding.cell < len(sources):
        return None
    lines = sources[finding.cell].replace("\r\n", "\n").split("\n")
    if not 1 <= finding.line <= len(lines) or not lines[finding.line - 1].strip():
        return None
    return "".join(char if char.isprintable() else " " for char in lines[finding.line - 1].expandtabs(4))


def span(finding: Diagnostic, line: str) -> tuple[int, int]:
    """Return the columns that a finding speaks of: what its message quotes, where the line has it; else the whole line."""
    for match in QUOTED.finditer(finding.message):
        quoted = next(each for each in match.groups() if each is not None)
        found = re.search(rf"(?<!\w){re.escape(quoted)}(?!\w)", line)
        if found:
            return found.span()
    return len(line) - len(line.lstrip()), len(line.rstrip())


# parts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table of cells: one cell, or several unused ones that follow each other."""

    cells: str
    role: str
    part: str
    first_line: str
    why: str


def rows_of(cells: Sequence[CellPart]) -> list[Row]:
    """Return the table's rows; a run of unused cells is one."""
    found: list[Row] = []
    run: list[CellPart] = []
    for each in (*cells, None):
        if each is not None and each.part == "unused" and each.role is None:
            run.append(each)
            continue
        found += folded(run)
        run = []
        if each is not None:
            found.append(row_of(each))
    return found


def folded(run: Sequence[CellPart]) -> list[Row]:
    if len(run) < RUN:
        return [row_of(each) for each in run]
    shows = all(each.why == run[0].why for each in run)
    why = run[0].why if shows else "nothing that is deployed needs them"
    return [Row(f"{run[0].index}-{run[-1].index}", "", "unused", f"{len(run)} cells", why)]


def row_of(cell: CellPart) -> Row:
    tagged = f"{cell.role}: " if cell.part not in {None, "test", "unused"} and cell.role is not None else ""
    return Row(str(cell.index), str(cell.role or ""), str(cell.part or ""), cell.first_line, f"{tagged}{cell.why}")


def print_parts(explanation: Explanation, console: Any) -> None:
    """Print the table of the cells with their parts, and what it stands on."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    for line in standing(explanation):
        console.print(Text("  ").append_text(emphasised(line)) if line.startswith("cell ") else emphasised(line))
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    grid.add_column("cell", justify="right", style="dim", no_wrap=True)
    grid.add_column("part" if explanation.input is not None else "role", no_wrap=True)
    room = console.width - FIXED_COLUMNS - (WHY_COLUMNS if explanation.input is not None else SHORT_WHY)
    grid.add_column("first line", no_wrap=True, overflow="ellipsis", max_width=min(max(room, 16), 56))
    grid.add_column("why" if explanation.input is not None else "")
    for each in rows_of(explanation.cells):
        faint = "dim" if each.part == "unused" else ""
        part = each.part if explanation.input is not None else each.role
        grid.add_row(
            Text(each.cells),
            Text(part, PART_STYLES.get(part, "")),
            Text(clean(each.first_line), faint),
            emphasised(each.why),
            style=faint,
        )
    console.print(grid)
    console.print()


def standing(explanation: Explanation) -> Iterator[str]:
    """Yield what the table stands on: what is assumed, or why nothing is served and which tags would change that."""
    if explanation.input is not None and explanation.assumed:
        yield f"Assumed without a run: {'; '.join(explanation.assumed)}."
    elif explanation.assumed:
        yield f"{explanation.assumed[0][0].upper()}{explanation.assumed[0][1:]}."
    if explanation.proposals:
        yield "It looks as if these tags would fit:"
        for each in explanation.proposals:
            yield str(each)


def clean(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


# several notebooks ---------------------------------------------------------------------------------------------------


def print_line(result: CheckResult, console: Any) -> None:
    """Print a notebook as one line: whether it is ready, its counts, and its codes."""
    from rich.text import Text

    counts = Counter(str(each.severity) for each in result.diagnostics)
    mark, style = (
        ("✗", STYLES["error"]) if not result.ok else ("!", STYLES["warning"]) if counts["warning"] else ("✓", "green")
    )
    told = Text.assemble((f"{mark} ", style), (result.path, "bold"))
    for severity in SEVERITIES:
        codes = [each.code for each in result.diagnostics if str(each.severity) == severity]
        if codes and severity != "info":
            told.append(f"  {', '.join(dict.fromkeys(codes))}", STYLES[severity])
    if counts["info"]:
        told.append(f"  {count(counts['info'], 'info')}", "dim")
    console.print(told, soft_wrap=True)


def summary(results: Sequence[CheckResult]) -> Any:
    from rich.text import Text

    counts = Counter(str(each.severity) for result in results for each in result.diagnostics)
    certain = sum(1 for result in results for each in result.diagnostics if each.edits)
    text = Text()
    if len(results) > 1:
        text.append(f"{len(results)} notebooks, {sum(each.ok for each in results)} without errors: ")
    if not counts:
        served = len(results) == 1 and results[0].explanation is not None and results[0].explanation.input is not None
        return text.append("nothing stands in the way of a deploy" if served else "nothing found", "green")
    for number, severity in enumerate(each for each in SEVERITIES if counts[each]):
        text.append(", " if number else "").append(count(counts[severity], severity), STYLES[severity])
    if certain:
        text.append(f"; {certain} with a certain fix (--fixed OUT.ipynb)", "dim")
    return text


def count(number: int, what: str) -> str:
    plural = "infos" if what == "info" else f"{what}s"
    return f"{number} {what if number == 1 else plural}"


# slice ---------------------------------------------------------------------------------------------------------------


def print_slice(found: SliceResult, console: Any, target: Path | None) -> None:
    """Print a slice: coloured on a terminal, and into a pipe as Python reads it; or say where it was written."""
    from rich.text import Text

    share = f"{len(found.statements)} of {count(found.of, 'statement')}"
    if target is not None:
        console.print(Text.assemble(f"{found.name}: {share}, written to ", (str(target), "bold")), soft_wrap=True)
    elif console.is_terminal:
        from rich.syntax import Syntax

        console.print(
            Syntax(found.code.rstrip("\n"), "python", theme="ansi_dark", background_color="default", word_wrap=True)
        )
        console.print(Text(f"# {found.name}: {share}", "dim"))
    else:
        console.file.write(found.code)


# HTML ----------------------------------------------------------------------------------------------------------------


def check_html(result: CheckResult) -> str:
    """Return the findings and the table of the cells as HTML in Jupyter's own colours."""
    found = "".join(finding_html(each, result.sources) for each in result.diagnostics)
    parts = parts_html(result.explanation) if result.explanation is not None else ""
    return f'<div class="nbdeploy-check">{found}{parts}<div><b>{escape(summary([result]).plain)}</b></div></div>'


def finding_html(finding: Diagnostic, sources: Sequence[str]) -> str:
    severity = str(finding.severity)
    where = ", ".join(
        f"{name} {value}" for name, value in (("cell", finding.cell), ("line", finding.line)) if value is not None
    )
    line = line_of(finding, sources)
    shown = ""
    if line is not None:
        start, end = span(finding, line)
        mark = f'<u style="text-decoration-color:{COLOURS[severity]}">{escape(line[start:end])}</u>'
        shown = f'<pre style="margin:2px 0;padding-left:24px">{escape(line[:start])}{mark}{escape(line[end:])}</pre>'
    fix = f'<div style="padding-left:24px">fix: {quoted_html(finding.fix)}</div>' if finding.fix else ""
    head = f"{coloured(severity, severity)} <b>{escape(finding.code)}</b> {escape(where)}"
    return f'<div style="margin-bottom:6px">{head}<div>{quoted_html(finding.message)}</div>{shown}{fix}</div>'


def quoted_html(text: str) -> str:
    if text.count("`") % 2:
        return escape(text)
    parts = text.split("`")
    return "".join(code(part) if number % 2 else escape(part) for number, part in enumerate(parts))


def parts_html(explanation: Explanation) -> str:
    told = "".join(f"<div>{quoted_html(each)}</div>" for each in standing(explanation))
    rows = "".join(
        row(
            each.cells,
            escape(each.role),
            f"<b>{escape(each.part)}</b>",
            code(each.first_line[:60]),
            quoted_html(each.why),
        )
        for each in rows_of(explanation.cells)
    )
    return f"{told}{table(rows)}"
