"""The Jupyter Server extension behind the sidebar: checks of what the editor holds, and deploys that can be watched.

| route | does |
|---|---|
| `POST nbdeploy/check` | `{"path", "notebook"}` -> the notebook's entry of `nbdeploy check --json`; runs nothing |
| `POST nbdeploy/deploys` | `{"path", "kernel"}` -> starts a deploy of the saved file, answers its first state |
| `GET nbdeploy/deploys` | `{"deploys": [...]}`: the states of all that were started |
| `GET nbdeploy/deploys/ID` | the states as they follow each other, a line of JSON each, until the deploy has ended |
| `DELETE nbdeploy/deploys/ID` | ends the deploy and all that it has started |

and those of the versions that were deployed (`server_versions.py`). Paths are those of Jupyter's file browser: below the
server's root folder.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, authenticated

from nbdeploy.frontends.kernel_python import python_of
from nbdeploy.frontends.server_versions import ROUTES
from nbdeploy.frontends.watched import Watched, start

__all__ = ["load_extension"]

# One at a time: an analysis is plain Python, so two at once would only slow each other down.
CHECKS = ThreadPoolExecutor(1, "nbdeploy-check")
KEPT = 20  # deploys that have ended and can still be looked at


class CheckHandler(APIHandler):
    """What stands in the way of a deploy of what the editor holds."""

    auth_resource = "contents"

    @authenticated
    @authorized("read")
    async def post(self) -> None:
        path, body = file_of(self)
        text = json.dumps(body.get("notebook"))
        found = await asyncio.get_running_loop().run_in_executor(CHECKS, checked, path, text)
        self.finish(json.dumps({**found, "path": body["path"]}))


class DeploysHandler(APIHandler):
    """Starts deploys, and lists those that were started."""

    auth_resource = "kernels"  # a deploy runs the notebook

    @authenticated
    @authorized("read")
    async def get(self) -> None:
        self.finish(json.dumps({"deploys": [each.state for each in deploys_of(self).values()]}))

    @authenticated
    @authorized("execute")
    async def post(self) -> None:
        path, body = file_of(self)
        if not path.is_file():
            raise HTTPError(404, f"{body['path']} is no file")
        deploys = deploys_of(self)
        running = next((each for each in deploys.values() if each.running and each.path == body["path"]), None)
        if running is not None:
            raise HTTPError(409, f"{body['path']} is being deployed already")
        python, environment = python_of(body.get("kernel"), self.kernel_spec_manager)
        watched = await start(python, path, body["path"], environment)
        forget(deploys)
        deploys[watched.id] = watched
        self.set_status(201)
        self.finish(json.dumps(watched.state))


class DeployHandler(APIHandler):
    """One deploy: its states as they come, and its end before its time."""

    auth_resource = "kernels"

    @authenticated
    @authorized("read")
    async def get(self, key: str) -> None:
        watched = deploy_of(self, key)
        self.set_header("Content-Type", "application/x-ndjson")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")  # a proxy that collects lines would make them late
        while True:
            state, changed = watched.state, watched.changed
            self.write(json.dumps(state) + "\n")
            await self.flush()
            if state["state"] != "running":
                break
            await changed.wait()
        self.finish()

    @authenticated
    @authorized("execute")
    async def delete(self, key: str) -> None:
        watched = deploy_of(self, key)
        await watched.cancel()
        self.finish(json.dumps(watched.state))


def load_extension(app: Any) -> None:
    """Add the routes to a Jupyter Server."""
    settings = app.web_app.settings
    base = url_path_join(settings["base_url"], "nbdeploy")
    routes = (("check", CheckHandler), ("deploys", DeploysHandler), (r"deploys/([0-9a-f]+)", DeployHandler), *ROUTES)
    app.web_app.add_handlers(".*$", [(url_path_join(base, route), handler) for route, handler in routes])


_load_jupyter_server_extension = load_extension  # the name that Jupyter Server asks for


def file_of(handler: APIHandler) -> tuple[Path, dict[str, Any]]:
    """Return the file that the request's body names, and the body; 404 for what is not below the root folder."""
    body = handler.get_json_body()
    if not isinstance(body, dict) or not isinstance(body.get("path"), str):
        raise HTTPError(400, 'the body is {"path": "folder/notebook.ipynb", ...}')
    told = PurePosixPath(body["path"].lstrip("/"))
    if (
        "\0" in body["path"] or ".." in told.parts or told.suffix != ".ipynb"
    ):  # links may lead out, as in Jupyter itself
        raise HTTPError(404, f"{body['path']} is no notebook below this server's folder")
    path = Path(handler.settings["server_root_dir"]).expanduser().absolute() / told
    return path, body


def checked(path: Path, text: str) -> dict[str, Any]:
    from nbdeploy.checking import check

    return check(path, text=text).as_json()


def deploys_of(handler: APIHandler) -> dict[str, Watched]:
    found: dict[str, Watched] = handler.settings.setdefault("nbdeploy_deploys", {})
    return found


def deploy_of(handler: APIHandler, key: str) -> Watched:
    try:
        return deploys_of(handler)[key]
    except KeyError:
        raise HTTPError(404, f"there is no deploy {key}") from None


def forget(deploys: dict[str, Watched]) -> None:
    """Drop the oldest of the deploys that have ended."""
    ended = [key for key, each in deploys.items() if not each.running]
    for key in ended[: max(0, len(ended) - KEPT)]:
        del deploys[key]
