"""The routes of the sidebar's history: what was deployed, its pages, and a served version to try.

| route | does |
|---|---|
| `GET nbdeploy/versions?name=NAME` | `{"versions": [...]}`, the newest first; without a name those of all services |
| `GET nbdeploy/aliases?name=NAME&kernel=K` | `{"aliases": {VERSION: [...]}}` as MLflow's registry has them: takes seconds |
| `GET nbdeploy/versions/NAME/VERSION` | the form of its input, and recorded requests with the notebook's own answers |
| `GET nbdeploy/versions/NAME/VERSION/report.html` | the deploy's report; `validated.html` is the notebook as it was run |
| `GET`, `POST`, `DELETE nbdeploy/versions/NAME/VERSION/service` | whether it is served here; serves it on loopback; ends it |
| `POST nbdeploy/versions/NAME/VERSION/service/predict` | asks it: `{"status", "answer", "milliseconds"}` |

They read what nbdeploy itself has written, by name and number: no path comes from the browser.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from nbdeploy.errors import NbdeployError
from nbdeploy.frontends.kernel_python import python_of
from nbdeploy.frontends.trying import MOST, Trial, Trials, described
from nbdeploy.frontends.versions import aliases, versions

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ROUTES"]

VERSION = r"versions/([A-Za-z0-9][A-Za-z0-9._-]*)/([0-9]+)"
ASKING = ThreadPoolExecutor(4 * MOST, "nbdeploy-versions")


class VersionsHandler(APIHandler):
    """What was deployed from this machine."""

    auth_resource = "kernels"  # who may run code may read all this anyway, and nobody else should

    async def answered(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `work` gives, in a thread; what it refuses becomes the answer's status and message."""
        try:
            return await asyncio.get_running_loop().run_in_executor(ASKING, work, *arguments)
        except NbdeployError as error:
            raise refused(error) from None

    def tell(self, answer: Any) -> None:
        self.finish(json.dumps(answer, default=str))

    @authenticated
    @authorized("read")
    async def get(self) -> None:
        name = self.get_query_argument("name", None)
        self.tell({"versions": await self.answered(versions, name)})


class AliasesHandler(VersionsHandler):
    """Which version is the champion, and which the candidate."""

    @authenticated
    @authorized("read")
    async def get(self) -> None:
        python, environment = python_of(self.get_query_argument("kernel", None), self.kernel_spec_manager)
        name = self.get_query_argument("name")
        self.tell({"aliases": await self.answered(aliases, python, environment, name)})


class VersionHandler(VersionsHandler):
    """What a form needs to ask one version."""

    @authenticated
    @authorized("read")
    async def get(self, name: str, version: str) -> None:
        self.tell(await self.answered(described, name, version))


class PageHandler(VersionsHandler):
    """A page that a deploy has left: it may hold what a notebook has shown, so it runs in a sandbox, apart from Jupyter."""

    @authenticated
    @authorized("read")
    async def get(self, name: str, version: str, page: str) -> None:
        html = await self.answered(page_of, name, version, page)
        self.finish(html, set_content_type="text/html; charset=utf-8")

    @property
    def content_security_policy(self) -> str:
        return "sandbox allow-scripts allow-popups; default-src 'none'; img-src data:; font-src data:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'"


class ServiceHandler(VersionsHandler):
    """One version, served on loopback for as long as somebody tries it."""

    @authenticated
    @authorized("read")
    async def get(self, name: str, version: str) -> None:
        trial = self.trials.get(name, version)
        self.tell({"state": "stopped" if trial is None else trial.state})

    @authenticated
    @authorized("execute")
    async def post(self, name: str, version: str) -> None:
        body = self.get_json_body() or {}
        python, _ = python_of(body.get("kernel"), self.kernel_spec_manager)
        trial: Trial = await self.answered(self.trials.started, name, version, python)
        await self.answered(trial.settled.wait)
        if trial.state != "ready":
            raise HTTPError(409, trial.problem.message if trial.problem else f"the service is {trial.state}")
        self.set_status(201)
        self.tell({"state": trial.state})

    @authenticated
    @authorized("execute")
    async def delete(self, name: str, version: str) -> None:
        await self.answered(self.trials.stop, name, version)
        self.tell({"state": "stopped"})

    @property
    def trials(self) -> Trials:
        found = self.settings.get("nbdeploy_trials")
        if found is None:
            found = self.settings["nbdeploy_trials"] = Trials()
        assert isinstance(found, Trials)
        return found


class PredictHandler(ServiceHandler):
    """One request to the served version. What it answers, a refusal too, is the answer."""

    @authenticated
    @authorized("execute")
    async def post(self, name: str, version: str) -> None:
        trial = self.trials.get(name, version)
        if trial is None:
            raise HTTPError(409, f"{name} {version} is not served here: start it first")
        self.tell(await self.answered(trial.ask, self.get_json_body()))


def page_of(name: str, version: str, page: str) -> str:
    from nbdeploy.home import load_deployment

    path = Path(str(load_deployment(name, version).get("package"))) / "notebook" / page
    try:
        return path.read_text("utf-8")
    except OSError:
        raise HTTPError(404, f"{name} {version} has no {page} any more") from None


def refused(error: NbdeployError) -> HTTPError:
    first = error.diagnostics[0]
    return HTTPError(404 if first.code in ("NBD602", "NBD603") else 409, f"{first.message}: {first.fix}")


ROUTES = (
    ("versions", VersionsHandler),
    ("aliases", AliasesHandler),
    (VERSION, VersionHandler),
    (rf"{VERSION}/(report\.html|validated\.html)", PageHandler),
    (f"{VERSION}/service", ServiceHandler),
    (f"{VERSION}/service/predict", PredictHandler),
)
"""Each route below `nbdeploy/`, and what answers it."""
