"""Logical lines end where Python ends them, in every supported version."""

from __future__ import annotations

import pytest

from nbdeploy.notebook.scanner import LogicalLine, logical_line


@pytest.mark.parametrize(
    "line",
    [
        "x = 1\n",
        "\n",
        "# 'a (\n",
        "x = (1,\n # )\n 2)\n",
        "x = a \\\n + 1\n",
        "'''a\nb\\'''\n'''\n",
        "'a\\\nb'\n",
        "'never closed\n",
        "x) = 1\n",
        'f"{x["a"]!r:>{w["b"]}} (" \n',  # Python 3.12: the same quotes again
        "f'{x!r:\\'>4} {{ ('\n",
        "f'{\n  a  # }\n}'\n",
        "rf'\\{x}('\n",
    ],
)
def test_a_logical_line_ends_after_its_newline(line: str) -> None:
    assert logical_line(line + "%magic\n", 0).end == len(line)


def test_the_first_assignment_outside_brackets_and_a_last_question_are_found() -> None:
    assert logical_line("f(a=1) == b; x = y = 2\n", 0) == LogicalLine(0, 23, assign=16)
    assert logical_line("a?.b? \n", 0) == LogicalLine(0, 7, question=5)
    assert logical_line("a?  # why\n", 0) == LogicalLine(0, 10)
