"""The commands: each parses its options, makes one call and says how the answer is shown."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbdeploy.errors import Diagnostic, Severity, UsageError
from nbdeploy.frontends.arguments import add_deploy_options, deploy_request, port, wrong_use
from nbdeploy.frontends.batching import batch, batch_options
from nbdeploy.frontends.command import Answer, Command
from nbdeploy.frontends.delivering import ci, ci_options
from nbdeploy.frontends.differing import diff, diff_options
from nbdeploy.frontends.edging import edge, edge_options, runtime_option, show_page
from nbdeploy.frontends.inspection import check, check_options, slice_notebook, slice_options
from nbdeploy.frontends.listing import list_all, list_options
from nbdeploy.frontends.loading import loadtest, loadtest_options
from nbdeploy.frontends.package_folder import module_of
from nbdeploy.frontends.releasing import release, release_options
from nbdeploy.frontends.retraining import retrain, retrain_options
from nbdeploy.frontends.streaming import stream, stream_options
from nbdeploy.frontends.verifying import verify, verify_options

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import TextIO

    from nbdeploy.progress import Progress

__all__ = ["COMMANDS"]

NO_CHECK_OPTIONS = {"select": None, "ignore": None, "graph": None, "fixed": None}


def export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", type=Path, metavar="NB", help="the notebook's file")
    parser.add_argument("--name", help="the package's name")
    page = "add a page that predicts in the browser to DIR/edge, where the whole path is one ONNX graph"
    parser.add_argument("--edge", action="store_true", help=page)
    runtime_option(parser)
    add_deploy_options(parser)


def export(options: argparse.Namespace, stdout: TextIO) -> Answer:
    if options.out is None:
        raise wrong_use("export needs --out", f"nbdeploy export {options.notebook} --out DIR")
    from nbdeploy.deploying import export

    with progress_view(options) as progress:
        made = export(deploy_request(options, options.notebook), options.out, progress)
    return with_page(made, options) if options.edge else deployed(made)


def with_page(made: Any, options: argparse.Namespace) -> Answer:
    """Add the page to the package, which stays as it is where it can't have one."""
    from nbdeploy.operating.edge import export_page

    page = export_page(made.package, made.package / "edge", options.runtime)
    answer = deployed(made)

    def show(console: Any) -> None:
        answer.show(console)
        show_page(page, console)

    return Answer({**answer.document, "edge": page.as_json()}, show, answer.status)


def deploy_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", type=Path, metavar="NB", help="the notebook's file")
    parser.add_argument("--name", help="the service's name (default: the notebook's settings, or its file name)")
    parser.add_argument("--check", action="store_true", help="diagnostics only: nothing runs")
    parser.add_argument(
        "--progress", choices=("auto", "json"), default="auto", help="json: each change as a line of JSON on stderr"
    )
    add_deploy_options(parser)


def deploy(options: argparse.Namespace, stdout: TextIO) -> Answer:
    if options.check:
        return check(argparse.Namespace(**vars(options), notebooks=[options.notebook], **NO_CHECK_OPTIONS), stdout)
    request = deploy_request(options, options.notebook)
    from nbdeploy.deploying import deploy

    with progress_view(options) as progress:
        made = deploy(request, progress)
    return deployed(made)


def deployed(made: Any) -> Answer:
    from nbdeploy.frontends.rendering import print_deployment

    return Answer(made.as_json(), lambda console: print_deployment(made, console))


def progress_view(options: argparse.Namespace) -> AbstractContextManager[Progress]:
    from nbdeploy.frontends.progress_views import json_view, quiet_view, terminal_view

    if getattr(options, "progress", "auto") == "json":
        interruptible()
        return json_view()
    return quiet_view() if options.quiet else terminal_view()


def interruptible() -> None:
    """Let SIGINT end a deploy as Ctrl-C does, also where the program that started this one ignores the signal."""
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="an exported package")
    stage = "a stage and its options: train, evaluate, predict (--json and --quiet come before DIR)"
    parser.add_argument("stage", nargs=argparse.REMAINDER, metavar="STAGE ...", help=stage)


def run(options: argparse.Namespace, stdout: TextIO) -> Answer:
    command = [sys.executable, "-m", f"{module_of(options.folder)}.pipeline", *options.stage]
    # A person sees the stage's own output; a program gets one document, and the stage's output on stderr.
    out = None if options.json else stdout
    status = subprocess.run(command, cwd=options.folder, stdout=out, check=False).returncode
    document = {"ok": status == 0, "package": str(options.folder), "stage": options.stage, "status": status}
    return Answer(document, lambda console: None, status if status in (0, 2) else 1)


def serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="NAME[:VERSION]", help="a deployed service (default version: the newest)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", type=port, default=3000, help="default: 3000")


def serve(options: argparse.Namespace, stdout: TextIO) -> Answer:
    import json

    from nbdeploy.home import load_deployment

    name, _, version = options.target.partition(":")
    found = load_deployment(name, version or None)
    bento = bento_of(found)
    address = f"http://{options.host}:{options.port}"
    warning = open_to_all(options.host, found)
    if warning is not None and not options.quiet:
        print(f"warning {warning}", file=sys.stderr)
    if options.json:
        stdout.write(json.dumps({"ok": True, "name": name, "bento_tag": found["bento_tag"], "url": address}) + "\n")
        stdout.flush()
    elif not options.quiet:
        print(f"serving {found['bento_tag']} on {address} (Ctrl-C ends it)", file=sys.stderr)
    status = served([bento, "--host", options.host, "--port", str(options.port)])
    return Answer({}, lambda console: None, status)


def open_to_all(host: str, found: Any) -> Diagnostic | None:
    """Return a warning where others than this machine can ask the service, and it asks them for no key."""
    from nbdeploy.packaging.service import key_variable

    variable = key_variable(str(found.get("module") or ""))
    if host == "localhost" or host == "::1" or host.startswith("127.") or os.environ.get(variable):
        return None
    message = f"whoever reaches {host} can ask {found.get('name')}: it is asked for no key"
    fix = f"set {variable} to a long random text that clients send as `Authorization: Bearer KEY`, or leave --host out"
    return Diagnostic(code="NBD570", message=message, fix=fix, severity=Severity.WARNING)


def bento_of(found: Any) -> str:
    """Return what `bentoml serve` takes: the Bento's folder where it still lies, else its tag."""
    path, tag = found.get("bento_path"), found.get("bento_tag")
    if path and Path(path).is_dir():
        return str(path)
    if not tag:
        fix = "deploy it: `nbdeploy deploy NB --name NAME` (`export` builds no Bento)"
        message = f"{found.get('name')} {found.get('version')} has no Bento"
        raise UsageError(Diagnostic(code="NBD708", message=message, fix=fix))
    return str(tag)


def served(arguments: list[str]) -> int:
    """Become the server: signals and the terminal then belong to it alone."""
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    command = [sys.executable, "-m", "bentoml", "serve", *arguments]
    if os.name == "posix":
        os.execv(sys.executable, command)
    return subprocess.call(command)


def show_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="NAME[:VERSION]", help="a deployed service (default version: the newest)")


def show(options: argparse.Namespace, stdout: TextIO) -> Answer:
    from nbdeploy.frontends.rendering import print_answer
    from nbdeploy.home import load_deployment

    name, _, version = options.target.partition(":")
    found = load_deployment(name, version or None)
    return Answer(found, lambda console: print_answer(found, console))


COMMANDS = (
    Command("check", "say what stands in the way of a deploy; never runs the notebook",
            "nbdeploy check titanic.ipynb --graph titanic.svg", check_options, check),
    Command("slice", "print the smallest program of the notebook that makes one variable",
            "nbdeploy slice titanic.ipynb --for model --cell 7", slice_options, slice_notebook),
    Command("export", "write the script pipeline, without Bento and MLflow",
            "nbdeploy export titanic.ipynb --out titanic", export_options, export),
    Command("deploy", "record, export, prove, track and build a notebook",
            "nbdeploy deploy titanic.ipynb --name titanic --budget p99_ms=20", deploy_options, deploy),
    Command("run", "run a stage of an exported package: train, evaluate, predict",
            "nbdeploy run titanic train", run_options, run),
    Command("serve", "serve a deployed Bento on this machine, in the foreground",
            "nbdeploy serve titanic --port 3000", serve_options, serve),
    Command("batch", "score the rows of files or of a database",
            "nbdeploy batch titanic --in passengers.parquet --out survivors.parquet", batch_options, batch),
    Command("stream", "answer the messages of a broker with a deployed package: NATS, Redis, RabbitMQ, Kafka",
            "nbdeploy stream titanic --broker nats://localhost:4222 --in passengers --out survivals", stream_options, stream),
    Command("edge", "write a page that predicts in the browser, where the whole path is one ONNX graph",
            "nbdeploy edge titanic --out page", edge_options, edge),
    Command("release", "release versions on this machine, watch them, and go back",
            "nbdeploy release canary titanic:3 --steps 5,25,100 --every 60", release_options, release),
    Command("retrain", "train a deployed package anew, and see whether that makes the deployed model",
            "nbdeploy retrain titanic --check", retrain_options, retrain),
    Command("verify", "hold a package, a Bento or a running service to its contract, and say whose fault a fault is",
            "nbdeploy verify https://models.example.org/titanic", verify_options, verify),
    Command("diff", "say what changed between two versions: code, constants, artifacts, environment, data, metrics, answers",
            "nbdeploy diff titanic 1 2", diff_options, diff),
    Command("ci", "write the files that carry a version to where it runs: CI, container, Kubernetes",
            "nbdeploy ci titanic.ipynb --target github", ci_options, ci),
    Command("loadtest", "ask a service more and more, and say how many replicas of which size it needs",
            "nbdeploy loadtest titanic --peak 120", loadtest_options, loadtest),
    Command("list", "list what is deployed", "nbdeploy list churn --aliases", list_options, list_all),
    Command("show", "show one deployment: its gates, its places", "nbdeploy show titanic", show_options, show),
)  # fmt: skip
