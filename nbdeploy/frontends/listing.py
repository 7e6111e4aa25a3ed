"""`nbdeploy list`: the versions that are deployed, and what MLflow's registry calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.command import Answer

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

__all__ = ["list_all", "list_options"]


def list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="only the versions of this service")
    parser.add_argument("--aliases", action="store_true", help="ask MLflow's registry for each version's aliases")


def list_all(options: argparse.Namespace, stdout: TextIO) -> Answer:
    from nbdeploy.home import list_deployments

    found = [dict(each) for each in list_deployments() if options.name in (None, each.get("name"))]
    if options.aliases:
        called = {name: aliases(name) for name in {str(each.get("name")) for each in found}}
        found = [{**each, "aliases": called[str(each.get("name"))].get(str(each.get("version")), [])} for each in found]
    return Answer({"deployments": found}, lambda console: show_list(found, console))


def aliases(name: str) -> dict[str, list[str]]:
    from nbdeploy.tracking.mlflow import aliases

    return aliases(name)


def show_list(found: list[Any], console: Any) -> None:
    from nbdeploy.frontends.rendering import print_table

    heads = ["name", "version", "bento_tag", "package"]
    if any("aliases" in each for each in found):
        heads.insert(2, "aliases")
        found = [{**each, "aliases": ", ".join(each["aliases"])} for each in found]
    if found:
        print_table(heads, [[each.get(head) or "" for head in heads] for each in found], console)
    else:
        console.print("nothing is deployed yet: nbdeploy deploy NB --name NAME")
