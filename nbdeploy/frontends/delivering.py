"""The command `ci`: the files that carry a version to where it runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.arguments import wrong_use
from nbdeploy.frontends.command import Answer

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

    from nbdeploy.analysis.program import Program
    from nbdeploy.operating.delivery.delivered import Delivered, Wish
    from nbdeploy.operating.versions import Version

__all__ = ["ci", "ci_options"]

CI = ("github", "gitlab", "jenkins")
TARGETS = (*CI, "compose", "kubernetes")
NEXT = {
    "github": ("commit the files", "their heads say what you bring: runners, secrets"),
    "gitlab": ("commit the files", "their heads say what you bring: runners, variables"),
    "jenkins": ("commit the files", "the Jenkinsfile's head says what you bring: agents, credentials"),
    "compose": ("docker build --file {folder}/Dockerfile --tag {image}:{version} {package}", "the head of {folder}/compose.yaml"),
    "kubernetes": ("kubectl kustomize {folder}/kubernetes/canary", "the head of {folder}/kubernetes/base/kustomization.yaml"),
}  # fmt: skip


def ci_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="NB|NAME", help="a notebook's file, or a deployed service")
    parser.add_argument("--target", required=True, choices=TARGETS, help="what the files are for")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="the root of the repository (default: this folder)"
    )
    parser.add_argument("--registry", metavar="HOST/PATH", help="where images are pushed to")
    parser.add_argument("--repository", metavar="URL", help="where Argo CD and Flux read the manifests from")
    parser.add_argument("--sizing", type=Path, metavar="FILE", help="sizes that `nbdeploy loadtest --out FILE` wrote")
    parser.add_argument("--force", action="store_true", help="overwrite files that stand there otherwise")


def ci(options: argparse.Namespace, stdout: TextIO) -> Answer:
    from nbdeploy.operating.delivery.targets import rendered
    from nbdeploy.operating.delivery.write import write_delivery

    service, package = described(options)
    done = write_delivery(rendered(options.target, service), options.out, force=options.force)
    words = {"folder": service.folder, "image": service.image, "version": service.version, "package": package}
    document = {
        "ok": True,
        "name": service.name,
        "version": service.version,
        "target": options.target,
        "written": [str(path) for path in done.written],
        "unchanged": [str(path) for path in done.unchanged],
        "next": [each.format(**words) for each in NEXT[options.target]],
        "notes": notes(service, options),
    }
    return Answer(document, lambda console: show(document, console))


def described(options: argparse.Namespace) -> tuple[Delivered, str]:
    """Return the service, and where its package lies; PACKAGE where none is deployed yet."""
    from nbdeploy.operating.delivery.delivered import delivered

    name, module, notebook, program, version = (
        of_notebook(Path(options.service)) if options.service.endswith(".ipynb") else of_name(options.service)
    )
    found = delivered(name, module, below(notebook, options.out), program, version, wish_of(options))
    return found, str(version.folder) if version else "PACKAGE"


Told = tuple[str, str, Path, "Program | None", "Version | None"]
"""The service's name and module, its notebook, what that holds, and the version that is deployed."""


def of_notebook(file: Path) -> Told:
    from nbdeploy.deploying import module_name, open_notebook, service_name
    from nbdeploy.errors import UsageError
    from nbdeploy.operating.versions import version_of
    from nbdeploy.request import DeployRequest

    program = open_notebook(file)
    name = service_name(DeployRequest(notebook=file), program.notebook)
    try:
        return name, module_name(name), file, program, version_of(name)
    except UsageError:  # not deployed yet
        return name, module_name(name), file, program, None


def of_name(target: str) -> Told:
    from nbdeploy.deploying import open_notebook
    from nbdeploy.errors import NbdeployError
    from nbdeploy.operating.versions import version_of

    name, _, number = target.partition(":")
    version = version_of(name, number or None)
    notebook = version.notebook or Path(str(version.stated.get("notebook", f"{name}.ipynb")))
    try:
        return name, version.contract.module, notebook, open_notebook(notebook), version
    except NbdeployError:  # it has moved since: its imports are not known
        return name, version.contract.module, notebook, None, version


def wish_of(options: argparse.Namespace) -> Wish:
    from nbdeploy.operating.delivery.delivered import Wish
    from nbdeploy.operating.delivery.sizing import read_sizing

    for each in (options.registry, options.repository):
        if each and re.search(r"[\s\"'#<>{}$`]", each):
            raise wrong_use(f"{each!r} is no address", "give an address without blanks, quotes and marks of a shell")
    if options.registry and "://" in options.registry:
        raise wrong_use(f"--registry {options.registry} has a scheme", "give HOST/PATH, as in the name of an image")
    if options.repository and re.search(r"://[^/]*:[^/]*@", options.repository):
        raise wrong_use(
            "--repository holds a password, and the files go into a repository", "give the address without it"
        )
    known = {key: getattr(options, key) for key in ("registry", "repository") if getattr(options, key)}
    return Wish(**known, sizing=read_sizing(options.sizing) if options.sizing else None)


def below(notebook: Path, root: Path) -> Path:
    """Return the notebook's path as CI names it: from the root of the repository, else its file name."""
    try:
        return notebook.resolve().relative_to(root.resolve())
    except ValueError:
        return Path(notebook.name)


def notes(service: Delivered, options: argparse.Namespace) -> list[str]:
    """Say what the user has to put right by hand."""
    root, is_ci = options.out, options.target in CI
    where = f"{service.notebook} does not lie below {root.resolve()}"
    faults = (
        (is_ci and not (root / service.notebook).is_file(), f"{where}: put its path in, or give the root with --out"),
        (not options.registry, f"{service.image} is no place that images can be pushed to: --registry HOST/PATH"),
        (
            options.target == "kubernetes" and not options.repository,
            f"{service.repository} is no repository: --repository URL",
        ),
    )
    return [text for is_fault, text in faults if is_fault]


def show(document: dict[str, Any], console: Any) -> None:
    from rich.text import Text

    for path in document["written"]:
        console.print(Text(path), soft_wrap=True)
    if document["unchanged"]:
        console.print(Text(f"{len(document['unchanged'])} files stand there as they should", "dim"))
    for each in document["next"]:
        console.print(Text(f"next: {each}", "cyan"), soft_wrap=True)
    for each in document["notes"]:
        console.print(Text(f"note: {each}", "yellow"), soft_wrap=True)
