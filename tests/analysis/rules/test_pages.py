"""Each page of docs/diagnostics about a rule shows cells that give its code, and a fix that does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nbdeploy
from tests.analysis.rules.found import codes

FOLDER = Path(nbdeploy.__file__).parent.parent / "docs" / "diagnostics"
PAGES = sorted(
    page for page in FOLDER.glob("NBD1*.md") if page.stem != "NBD199"
)  # no rule gives it: it is our own defect


def cells_in(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_example_gives_the_code(page: Path) -> None:
    example = page.read_text(encoding="utf-8").partition("## Example")[2].partition("## Fix")[0]
    assert page.stem in codes(*cells_in(example))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_fix_does_not_give_it(page: Path) -> None:
    fix = cells_in(page.read_text(encoding="utf-8").partition("## Fix")[2])
    assert page.stem not in codes(*fix)
