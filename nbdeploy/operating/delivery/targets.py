"""The targets: which files each one is made of, and the template of each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbdeploy.operating.delivery.delivered import Delivered

__all__ = ["TARGETS", "rendered"]

TEMPLATES = Path(__file__).parent / "templates"
IMAGE = {
    "{folder}/Dockerfile": "compose/Dockerfile",
    "{folder}/Dockerfile.dockerignore": "compose/Dockerfile.dockerignore",
}
CI = {
    **IMAGE,
    "{folder}/requirements.txt": "ci/requirements.txt",
    "{folder}/verify-image.sh": "ci/verify-image.sh",
}
KUBERNETES = (
    "base/kustomization.yaml",
    "base/deployment.yaml",
    "base/service.yaml",
    "base/hpa.yaml",
    "base/pdb.yaml",
    "base/networkpolicy.yaml",
    "base/servicemonitor.yaml",
    "base/alerts.yaml",
    "analysis/kustomization.yaml",
    "analysis/analysistemplate.yaml",
    "canary/kustomization.yaml",
    "canary/rollout.yaml",
    "canary/service.yaml",
    "canary/httproute.yaml",
    "blue-green/kustomization.yaml",
    "blue-green/rollout.yaml",
    "blue-green/service.yaml",
    "kserve/inferenceservice.yaml",
    "argocd/application.yaml",
    "flux/sync.yaml",
)
TARGETS: Mapping[str, Mapping[str, str]] = {
    "github": {
        ".github/workflows/{name}.yml": "ci/github.yml",
        ".github/workflows/{name}-rollback.yml": "ci/github-rollback.yml",
        **CI,
    },
    "gitlab": {".gitlab-ci.yml": "ci/gitlab-ci.yml", **CI},
    "jenkins": {"Jenkinsfile": "ci/Jenkinsfile", **CI},
    "compose": {"{folder}/compose.yaml": "compose/compose.yaml", **IMAGE},
    "kubernetes": {**{f"{{folder}}/kubernetes/{each}": f"kubernetes/{each}" for each in KUBERNETES}, **IMAGE},
}
"""Paths from the root of the repository, and the templates below `templates/`."""


def rendered(target: str, service: Delivered) -> dict[str, str]:
    """Return the files of a target by path."""
    words = {"service": service, "size": service.sizing}
    return {
        path.format(name=service.name, folder=service.folder): _template(template).render(words)
        for path, template in TARGETS[target].items()
    }


@cache
def _template(name: str) -> Any:
    return _environment().get_template(f"{name}.txt")


@cache
def _environment() -> Any:
    """Return the templates. Their marks are << >>: YAML, shell and the CI systems use all the usual ones themselves."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"yaml": _yaml, "groovy": _groovy}
    return made


def _yaml(text: str) -> str:
    """Return a text as YAML reads it: as it is, or in quotes where it would mean something else."""
    return text if re.fullmatch(r"[A-Za-z0-9][\w ./-]*", text) else json.dumps(text)


def _groovy(text: str) -> str:
    """Return a text between the quotes of a Groovy string."""
    return text.replace("\\", "\\\\").replace("'", "\\'")
