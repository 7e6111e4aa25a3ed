"""A real kernel to run cells in."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nbdeploy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT = 60  # seconds for one cell on a busy machine


@dataclass
class Ran:
    """What one cell sent: its reply, and its outputs in order."""

    reply: dict[str, Any]
    outputs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(each["content"].get("text", "") for each in self.outputs if each["msg_type"] == "stream")

    @property
    def result(self) -> str | None:
        found = [each["content"]["data"] for each in self.outputs if each["msg_type"] == "execute_result"]
        return found[0]["text/plain"] if found else None

    @property
    def errors(self) -> list[str]:
        return ["\n".join(each["content"]["traceback"]) for each in self.outputs if each["msg_type"] == "error"]


@dataclass
class Kernel:
    client: Any

    def run(self, source: str, cell_id: str | None = None) -> Ran:
        """Run one cell; `cell_id` is sent as JupyterLab and VS Code send it."""
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", content)
        message["metadata"] = {"cellId": cell_id} if cell_id else {}
        self.client.shell_channel.send(message)
        outputs = []
        while True:
            got = self.client.get_iopub_msg(timeout=TIMEOUT)
            if got["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                break
            outputs.append(got)
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return Ran(reply["content"], outputs)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kernels and commands find this nbdeploy from any folder, and keep their data out of the user's."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)


def environment(folder: Path) -> dict[str, str]:
    here = str(Path(nbdeploy.__file__).parents[1])
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": paths, "NBDEPLOY_HOME": str(folder / "home"), "IPYTHONDIR": str(folder / ".ipython")}


@contextmanager
def running_kernel(folder: Path, **environ: str) -> Iterator[Kernel]:
    from jupyter_client.manager import KernelManager

    inherited = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env={**inherited, **environment(folder), **environ})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=TIMEOUT)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def start_kernel(tmp_path: Path) -> Iterator[Callable[..., Kernel]]:
    """Start kernels in `tmp_path`, with environment variables of their own."""
    with ExitStack() as kernels:
        yield lambda **environ: kernels.enter_context(running_kernel(tmp_path, **environ))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel with the extension loaded, shared by the tests of a file: they leave it as they found it."""
    with running_kernel(tmp_path_factory.mktemp("kernel")) as started:
        assert started.run("%load_ext nbdeploy").reply["status"] == "ok"
        yield started
