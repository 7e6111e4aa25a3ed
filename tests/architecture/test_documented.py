"""Every code, command and magic has its words in docs/, and the words are of something that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import nbdeploy
from nbdeploy.frontends.arguments import magic_parser
from nbdeploy.frontends.cli import cli_parser
from nbdeploy.frontends.commands import COMMANDS
from nbdeploy.frontends.magics import ROLES

SOURCE = Path(nbdeploy.__file__).parent
DOCS = SOURCE.parent / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((DOCS / "diagnostics").glob("NBD*.md"))}


def raised() -> dict[str, set[str]]:
    """Return the codes that stand as texts of their own in the source, with the files that use them."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"NBD\d{3}", node.value):
                found.setdefault(node.value, set()).add(path.relative_to(SOURCE).as_posix())
    return found


def commands_page() -> str:
    return (DOCS / "commands.md").read_text(encoding="utf-8")


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert sorted(raised()) == sorted(PAGES)


@pytest.mark.parametrize("code", PAGES)
def test_a_page_says_what_why_and_how_with_an_example(code: str) -> None:
    page = PAGES[code]
    title, what = page.split("\n\n")[:2]
    assert re.fullmatch(rf"# {code}: \S.{{5,80}}", title)
    assert not what.startswith("#")
    assert re.findall(r"^## .*$", page, re.MULTILINE) == ["## Why it matters", "## Example", "## Fix"]
    assert page.count("```") % 2 == 0


def test_the_list_of_codes_is_whole_and_has_the_pages_own_titles() -> None:
    listed = re.findall(
        r"^\| \[(NBD\d{3})\]\((NBD\d{3}\.md)\) \| (.*) \|$",
        (DOCS / "diagnostics" / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    titles = {code: page.partition("\n")[0].partition(": ")[2] for code, page in PAGES.items()}
    assert listed == [(code, f"{code}.md", titles[code]) for code in sorted(PAGES)]


def test_codes_that_docstrings_speak_of_exist() -> None:
    spoken = {
        (path.relative_to(SOURCE).as_posix(), code)
        for path in SOURCE.rglob("*.py")
        for code in re.findall(r"NBD\d{3}", path.read_text(encoding="utf-8"))
    }
    assert {each for each in spoken if each[1] not in PAGES} == set()


# One code, one meaning. Where two parts of the program use a code, they were looked at and say the same thing.
SHARED = {
    "NBD110": {"analysis", "operating"},
    "NBD001": {"notebook", "reading.py"},
    "NBD005": {"notebook", "reading.py"},
    "NBD120": {"analysis", "deploying.py", "proving"},
    "NBD122": {"analysis", "deploying.py"},
    "NBD602": {"deploying.py", "frontends", "home.py"},
    "NBD603": {"frontends", "home.py"},
    "NBD705": {"frontends", "operating"},
}


def test_a_code_is_not_taken_by_a_second_part_of_the_program_unseen() -> None:
    parts = {code: {file.split("/")[0] for file in files} for code, files in raised().items()}
    assert {code: found for code, found in parts.items() if len(found) > 1} == SHARED


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_each_command_is_in_the_docs(name: str) -> None:
    assert f"| `nbdeploy {name}" in commands_page()


@pytest.mark.parametrize("magic", ["%load_ext nbdeploy", "%deploy", "%nbdeploy", *(f"%%{role}" for role in ROLES)])
def test_each_magic_is_in_the_docs(magic: str) -> None:
    assert f"`{magic}" in commands_page()


def test_each_option_of_a_command_or_magic_is_in_the_docs() -> None:
    subparsers = next(action for action in cli_parser()._actions if action.dest == "command").choices
    parsers = [*dict(subparsers or {}).values(), magic_parser()]
    known = {
        option for parser in parsers for action in parser._actions for option in action.option_strings if option != "-h"
    }
    documented = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", commands_page()))
    assert known - documented - {"--parameter"} == set()  # the long form of -p


def test_the_docs_name_no_command_that_is_not_there() -> None:
    named = set(re.findall(r"`nbdeploy ([a-z]+)", commands_page()))
    assert named == {command.name for command in COMMANDS}


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda path: path.relative_to(DOCS).as_posix())
def test_links_between_the_docs_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    lost = [link for link in links if ":" not in link and not (page.parent / link).exists()]
    assert lost == []
