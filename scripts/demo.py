"""Deploy an example notebook inside this folder, ask the service one real request, and say what to try next.

    make demo

Everything that it makes lies in `.demo/`.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from nbdeploy.request import Deployment

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".demo"
NOTEBOOK = ROOT / "example_notebooks" / "churn.ipynb"
NAME = "churn"


def main() -> int:
    """Run the demo; return the exit status of the deploy."""
    # Before anything of BentoML or MLflow is imported, and whatever this shell has set.
    os.environ |= {"NBDEPLOY_HOME": str(HOME / "home"), "BENTOML_HOME": str(HOME / "bentoml")}
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        os.environ.pop(name, None)
    from rich.console import Console

    from nbdeploy.errors import NbdeployError
    from nbdeploy.frontends.rendering import print_diagnostics

    console = Console(highlight=False)
    try:
        made = deployed(console)
        request, notebook_said = recorded_row(made.package)
        answer = served_answer(made, request)
    except NbdeployError as error:
        print_diagnostics([each.as_json() for each in error.diagnostics], Console(stderr=True, soft_wrap=True))
        return error.exit_status
    show_answer(console, request, answer, notebook_said)
    show_next(console, made.package, request)
    return 0


def deployed(console: Console) -> Deployment:
    """Deploy the notebook as `nbdeploy deploy` does, and print the gates and the places."""
    from nbdeploy import DeployRequest, deploy
    from nbdeploy.frontends.progress_views import terminal_view
    from nbdeploy.frontends.rendering import places, print_gates

    notebook = NOTEBOOK.relative_to(ROOT)
    heading(console, f"nbdeploy deploy {notebook} --name {NAME}")
    with terminal_view(sys.stdout) as progress:
        made = deploy(DeployRequest(notebook=NOTEBOOK, name=NAME), progress)
    answer = made.as_json()
    heading(console, f"{NAME} {made.version} is deployed: what was proven")
    print_gates(answer["gates"], console)
    console.print()
    for name, value in places(answer):
        console.print(f"[bold]{name:<11}[/]{value}", soft_wrap=True)
    return made


def recorded_row(package: Path) -> tuple[dict[str, Any], Any]:
    """Return a request of one row that the notebook has seen, and what the notebook had predicted for it."""
    from nbdeploy.frontends.rendering import one_row

    contract = json.loads((package / "contract.json").read_text("utf-8"))
    example = contract["examples"][0]
    return one_row(example["request"], contract), example["predictions"]


def served_answer(made: Deployment, request: dict[str, Any]) -> Any:
    """Serve the Bento on this machine for a moment and return what it answers to the request."""
    from nbdeploy.proving.server import running

    assert made.bento_path is not None
    body = json.dumps(request).encode()
    with running(made.bento_path) as server:
        asked = urllib.request.Request(f"{server.url}/predict", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as response:
            return json.load(response)


def show_answer(console: Console, request: Any, answer: Any, notebook_said: Any) -> None:
    heading(console, "a real request to the served Bento")
    console.print(f"POST /predict  {json.dumps(request)}", soft_wrap=True, markup=False)
    console.print(f"answer         {json.dumps(answer)}", soft_wrap=True, markup=False)
    console.print(f"the notebook   {json.dumps(notebook_said)}", soft_wrap=True, markup=False)


def show_next(console: Console, package: Path, request: Any) -> None:
    heading(console, "what to try next, from this folder")
    home = os.path.relpath(HOME / "home", ROOT)
    curl = f"curl -s http://127.0.0.1:3000/predict -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(request))}"
    commands = {
        "serve it (Ctrl-C ends it)": f"NBDEPLOY_HOME={home} .venv/bin/nbdeploy serve {NAME}",
        "ask it, in another terminal": curl,
        "run the tests of the exported package": f".venv/bin/python -m pytest {os.path.relpath(package, ROOT)}",
    }
    for what, command in commands.items():
        console.print(f"[dim]# {what}[/]")
        console.print(command, style="cyan", soft_wrap=True, markup=False)


def heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]== {text}[/]")


if __name__ == "__main__":
    sys.exit(main())
