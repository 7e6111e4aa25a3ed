"""What can be held to a contract: a package's folder, a Bento, a deployed name, the address of a service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nbdeploy.errors import EnvironmentProblem, UsageError
from nbdeploy.home import load_deployment
from nbdeploy.packaging.bento import find

__all__ = ["Target", "target_of"]


@dataclass(frozen=True, slots=True)
class Target:
    """A thing to verify. `folder` is where its package lies, None for a running service; `served` is what is started."""

    kind: Literal["package", "bento", "url"]
    url: str = ""
    folder: Path | None = None
    served: Path = Path()

    @property
    def shown(self) -> str:
        return self.url or str(self.served)


def target_of(text: str) -> Target:
    """Tell what a target is. Raises UsageError NBD603: nothing is deployed under this name, and there is no such folder."""
    if "://" in text:
        return Target("url", url=text)
    if Path(text).is_dir():
        return _in_folder(Path(text).resolve())
    name, _, version = text.partition(":")
    try:
        found = load_deployment(name, version or None)
    except UsageError:
        return _in_store(text)
    bento = Path(found.get("bento_path") or "")
    if found.get("bento_path") and (bento / "bento.yaml").is_file():
        return _in_folder(bento)
    return _in_folder(Path(found["package"]))


def _in_folder(folder: Path) -> Target:
    if (folder / "bento.yaml").is_file():
        return Target("bento", folder=folder / "src", served=folder)
    return Target("package", folder=folder, served=folder)


def _in_store(tag: str) -> Target:
    """Find a Bento that was not deployed from here; where there is none, say that the name is not known."""
    try:
        return _in_folder(find(tag).path)
    except EnvironmentProblem:
        name, _, version = tag.partition(":")
        load_deployment(name, version or None)
        raise
