"""`nbdeploy ci`: every file passes the schema of who reads it, and all of them describe one service."""

from __future__ import annotations

import json
import math
import posixpath
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.errors import UsageError
from nbdeploy.frontends.cli import cli_parser
from nbdeploy.operating.delivery.delivered import Delivered, Wish, delivered
from nbdeploy.operating.delivery.sizing import Sizing, read_sizing, sizing_of
from nbdeploy.operating.delivery.targets import TARGETS, rendered
from nbdeploy.operating.delivery.write import write_delivery
from nbdeploy.operating.versions import version_of
from nbdeploy.proving.secret_scan import scanned
from nbdeploy.reading import open_notebook
from tests.operating.deployed import deployed
from tests.operating.manifests import builtin_errors, documents, errors_of, patched

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "source": "import numpy as np\nfrom sklearn.linear_model import Ridge\nimport json",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 4,
}
OVERLAYS = ("canary", "blue-green")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))


@pytest.fixture
def service(tmp_path: Path) -> Delivered:
    notebook = tmp_path / "risk.ipynb"
    notebook.write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    deployed("3", notebook=notebook, budgets={"p99_ms": 40.0})
    return delivered("risk", "risk", Path("notebooks/risk.ipynb"), open_notebook(notebook), version_of("risk"), Wish())


def every_file(service: Delivered) -> dict[str, str]:
    return {path: text for target in TARGETS for path, text in rendered(target, service).items()}


def resources(service: Delivered) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, text in rendered("kubernetes", service).items():
        if path.endswith(".yaml"):
            yield from ((path, document) for document in documents(text))


def resource(service: Delivered, path: str, kind: str) -> dict[str, Any]:
    return next(each for name, each in resources(service) if name.endswith(path) and each["kind"] == kind)


# schemas ------------------------------------------------------------------------------------------------------------------


def test_every_resource_passes_its_closed_schema(service: Delivered) -> None:
    found = {f"{path} {each['kind']}": errors_of(each) for path, each in resources(service)}
    assert len(found) > 18
    assert {name: errors for name, errors in found.items() if errors} == {}


@pytest.mark.parametrize(
    ("kind", "way", "wrong"),
    [
        ("Deployment", ("spec", "template", "spec", "containers", 0), "readynessProbe"),
        ("HorizontalPodAutoscaler", ("spec",), "minReplica"),
        ("NetworkPolicy", ("spec",), "egres"),
        ("Rollout", ("spec", "strategy", "canary", "steps", 0), "setWieght"),
        ("AnalysisTemplate", ("spec", "metrics", 0), "failureLimt"),
        ("HTTPRoute", ("spec", "rules", 0, "backendRefs", 0), "wieght"),
        ("InferenceService", ("spec", "predictor", "containers", 0), "readynessProbe"),
        ("ServiceMonitor", ("spec", "endpoints", 0), "intervall"),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0), "exprs"),
        ("Application", ("spec", "syncPolicy", "automated"), "selfHeel"),
        ("GitRepository", ("spec",), "intervall"),
        ("Kustomization", ("spec",), "prunes"),
    ],
)
def test_a_misspelt_field_does_not_pass(service: Delivered, kind: str, way: tuple[Any, ...], wrong: str) -> None:
    document = next(each for _, each in resources(service) if each["kind"] == kind and "spec" in each)
    at = document
    for step in way:
        at = at[step]
    at[wrong] = 1
    assert errors_of(document)


def test_the_files_of_ci_and_compose_pass_their_schemas(service: Delivered) -> None:
    for target, schema in (("github", "github-workflows"), ("gitlab", "gitlab-ci"), ("compose", "compose-spec")):
        files = {
            path: text for path, text in rendered(target, service).items() if path.endswith((".yml", "compose.yaml"))
        }
        assert files
        for path, text in files.items():
            (document,) = documents(text)
            assert builtin_errors(schema, document) == [], path
            document["servicse"] = {}
            if schema != "gitlab-ci":  # there, any other key is a job
                assert builtin_errors(schema, document), path


def test_a_kustomization_patches_what_is_there_to_something_that_passes(service: Delivered) -> None:
    base = [each for path, each in resources(service) if "/base/" in path and each["kind"] != "Kustomization"]
    files = rendered("kubernetes", service)
    for overlay in OVERLAYS:
        own = resource(service, f"{overlay}/kustomization.yaml", "Kustomization")
        for name in own["resources"]:
            path = posixpath.normpath(f"{service.folder}/kubernetes/{overlay}/{name}")
            assert path in files or f"{path}/kustomization.yaml" in files, name
        for patch in own["patches"]:
            (target,) = (each for each in base if each["kind"] == patch["target"]["kind"])
            assert target["metadata"]["name"] == patch["target"]["name"]
            done = patched(target, patch["patch"])
            assert done != target
            assert errors_of(done) == []
        assert [each["name"] for each in own["images"]] == [service.image]


# one service --------------------------------------------------------------------------------------------------------------


def test_compose_kubernetes_and_kserve_describe_the_same_service(service: Delivered) -> None:
    compose = documents(rendered("compose", service)["deploy/risk/compose.yaml"])[0]["services"]["risk"]
    pod = resource(service, "deployment.yaml", "Deployment")["spec"]["template"]["spec"]
    kserve = resource(service, "inferenceservice.yaml", "InferenceService")["spec"]["predictor"]
    size = service.sizing
    for spec in (pod, kserve):
        (container,) = spec["containers"]
        variable = compose["image"].replace("${VERSION:-3}", "3")
        assert container["image"] == variable == f"{service.image}:3"
        port = container["ports"][0]["containerPort"]
        assert compose["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert [each["name"] for each in container["env"]] == list(compose["environment"]) == ["RISK_API_KEY"]
        user = spec["securityContext"]["runAsUser"]
        assert compose["user"] == f"{user}:{spec['securityContext']['runAsGroup']}"
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert compose["read_only"] is container["securityContext"]["readOnlyRootFilesystem"] is True
        assert compose["cap_drop"] == container["securityContext"]["capabilities"]["drop"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert "no-new-privileges:true" in compose["security_opt"]
        assert compose["tmpfs"] == [each["mountPath"] for each in container["volumeMounts"]]
        assert compose["stop_grace_period"] == f"{spec['terminationGracePeriodSeconds']}s"
        assert container["readinessProbe"]["httpGet"]["path"] in compose["healthcheck"]["test"][-1]
        limits, reserved = (compose["deploy"]["resources"][key] for key in ("limits", "reservations"))
        asked = container["resources"]
        assert asked["limits"] == {"memory": f"{size.memory_limit_mib}Mi"}
        assert asked["requests"] == {"cpu": f"{size.cpu_millis}m", "memory": f"{size.memory_request_mib}Mi"}
        assert limits["memory"] == f"{size.memory_limit_mib}M"
        assert reserved == {"cpus": str(size.cpu_millis / 1000), "memory": f"{size.memory_request_mib}M"}
        assert spec["automountServiceAccountToken"] is False


def test_the_image_is_what_all_of_them_run(service: Delivered) -> None:
    image = rendered("compose", service)["deploy/risk/Dockerfile"]
    assert image.count("FROM python:3.11.7-slim-bookworm") == 2
    assert "--require-hashes --requirement /tmp/requirements.lock" in image
    assert "libgomp1" in image, "lightgbm is in the lock"
    assert f"USER {service.user}:{service.user}" in image
    assert f'"--port", "{service.port}"]' in image
    assert {rendered(target, service)["deploy/risk/Dockerfile"] for target in TARGETS} == {image}


def test_nothing_that_was_not_pinned_is_fetched(service: Delivered) -> None:
    for path, text in every_file(service).items():
        for action in re.findall(r"uses: (\S+)", text):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), path
        for image in re.findall(r"^\s*(?:image:|FROM) (\S+)", text, re.MULTILINE):
            assert re.search(r":(\d|\$\{VERSION:-\d)", image), (path, image)
        assert ":latest" not in text
    pins = [each for each in rendered("github", service)["deploy/risk/requirements.txt"].splitlines() if each[0] != "#"]
    assert all("==" in each for each in pins)
    assert {each.split("==")[0] for each in pins} == {"nbdeploy", "pytest-cov", "numpy", "scikit-learn"}


def test_no_file_holds_a_secret_or_a_mark_of_its_template(service: Delivered, tmp_path: Path) -> None:
    write_delivery(every_file(service), tmp_path / "all")
    assert scanned(tmp_path / "all") == ()
    for path, text in every_file(service).items():
        assert not re.search(r"<< |<%|%>|<#", text), path
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert not re.search(r"[ \t]$", text, re.MULTILINE), path


# CI -----------------------------------------------------------------------------------------------------------------------


def test_the_jobs_of_the_workflow_need_jobs_that_are_there(service: Delivered) -> None:
    (flow,) = documents(rendered("github", service)[".github/workflows/risk.yml"])
    jobs = flow["jobs"]
    assert list(jobs) == ["check", "test", "build", "release"]
    assert {each["needs"] for each in jobs.values() if "needs" in each} <= set(jobs)
    assert flow["permissions"] == {"contents": "read"}
    commands = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert "nbdeploy check" in commands["check"]
    assert "--cov=risk" in commands["test"]
    assert commands["build"].index("verify-image.sh") < commands["build"].index("docker push")
    assert 'nbdeploy" release canary "risk:$VERSION" --wait' in commands["release"]


def test_what_people_type_never_becomes_text_of_a_script(service: Delivered) -> None:
    for name in ("risk", "risk-rollback"):
        (flow,) = documents(rendered("github", service)[f".github/workflows/{name}.yml"])
        for job in flow["jobs"].values():
            assert not [step for step in job["steps"] if "${{" in step.get("run", "")]
    jenkins = rendered("jenkins", service)["Jenkinsfile"]
    assert not re.search(r'^\s*sh "', jenkins, re.MULTILINE), "Groovy would put variables into the text of a command"


def test_a_dispatch_with_a_version_goes_back(service: Delivered) -> None:
    (flow,) = documents(rendered("github", service)[".github/workflows/risk-rollback.yml"])
    assert set(flow["on"]["workflow_dispatch"]["inputs"]) == {"stage", "version", "why"}
    (step,) = (step for step in flow["jobs"]["rollback"]["steps"] if "run" in step)
    assert '"$RUNNER_TEMP/venv/bin/nbdeploy" release rollback risk ${VERSION:+--to "$VERSION"} --why' in step["run"]


def test_each_job_of_gitlab_is_in_a_stage_and_extends_what_is_there(service: Delivered) -> None:
    (flow,) = documents(rendered("gitlab", service)[".gitlab-ci.yml"])
    jobs = {name: job for name, job in flow.items() if isinstance(job, dict) and "stage" in job}
    assert [job["stage"] for job in jobs.values()] == flow["stages"]
    assert {job["extends"] for job in jobs.values()} <= set(flow)
    assert jobs["rollback"]["rules"][0]["when"] == "manual"


def test_the_jenkinsfile_closes_what_it_opens(service: Delivered) -> None:
    text = re.sub(r"//[^\n]*|'''.*?'''|'[^'\n]*'", "", rendered("jenkins", service)["Jenkinsfile"], flags=re.DOTALL)
    text = re.sub(r'"[^"\n]*"', "", text)
    assert text.count("{") == text.count("}") > 20
    assert text.count("(") == text.count(")")
    stages = re.findall(r"stage\('(\w+)'\)", rendered("jenkins", service)["Jenkinsfile"])
    assert stages == ["Tools", "Check", "Test", "Build", "Push", "Release", "Rollback"]


def test_the_commands_of_all_systems_are_commands(service: Delivered) -> None:
    found = set()
    for target in ("github", "gitlab", "jenkins"):
        for text in rendered(target, service).values():
            for line in re.findall(r"""(?:^\s*|- |\$key |'|bin/)nbdeploy"? ([a-z]+ .*)$""", text, re.MULTILINE):
                plain = re.sub(r"\$\{\w+:\+|\}(?= )| > .*|'$", "", line)  # what the shell takes away
                asked = cli_parser().parse_args(shlex.split(plain))
                found.add((asked.command, getattr(asked, "action", "")))
    assert found == {
        ("check", ""), ("export", ""), ("deploy", ""), ("verify", ""), ("release", "canary"), ("release", "rollback"),
    }  # fmt: skip


def test_every_script_is_one_that_bash_reads(service: Delivered) -> None:
    scripts = [rendered("github", service)["deploy/risk/verify-image.sh"]]
    for text in rendered("github", service).values():
        if text.startswith("# risk,"):
            (flow,) = documents(text)
            scripts += [step["run"] for job in flow["jobs"].values() for step in job["steps"] if "run" in step]
    (flow,) = documents(rendered("gitlab", service)[".gitlab-ci.yml"])
    scripts += ["\n".join(job["script"]) for job in flow.values() if isinstance(job, dict) and "script" in job]
    scripts += re.findall(r"'''(.*?)'''", rendered("jenkins", service)["Jenkinsfile"], re.DOTALL)
    assert len(scripts) > 12
    ran = subprocess.run(["bash", "-n"], input="\n".join(scripts), capture_output=True, text=True, timeout=20)
    assert (ran.returncode, ran.stderr) == (0, "")


# releases on figures --------------------------------------------------------------------------------------------------------


def judged(metric: dict[str, Any], result: list[float]) -> str:
    """Judge a measurement as Argo Rollouts does: what meets neither condition is inconclusive."""

    def holds(condition: str) -> bool:
        return bool(eval(condition.replace("&&", "and"), {"len": len, "result": result}))

    if holds(metric["failureCondition"]):
        return "failed"
    return "successful" if holds(metric["successCondition"]) else "inconclusive"


def test_no_data_never_passes_an_analysis(service: Delivered) -> None:
    metrics = {
        each["name"]: each for each in resource(service, "analysistemplate.yaml", "AnalysisTemplate")["spec"]["metrics"]
    }
    assert set(metrics) == {"enough-requests", "errors", "slow"}
    for metric in metrics.values():
        assert judged(metric, []) == "inconclusive"
        assert judged(metric, [math.nan]) == "inconclusive"
        assert metric["inconclusiveLimit"] == 0
    assert judged(metrics["enough-requests"], [99.0]) == "inconclusive"
    assert judged(metrics["enough-requests"], [100.0]) == "successful"
    assert [judged(metrics["errors"], [share]) for share in (0.0, 0.01, 0.05)] == ["successful", "successful", "failed"]
    assert [judged(metrics["slow"], [seconds]) for seconds in (0.04, 0.041)] == ["successful", "failed"]


def test_each_step_of_a_canary_is_followed_by_an_analysis(service: Delivered) -> None:
    canary = resource(service, "canary/rollout.yaml", "Rollout")["spec"]["strategy"]["canary"]
    assert [next(iter(step)) for step in canary["steps"]] == ["setWeight", "analysis"] * 3
    services = {each["metadata"]["name"] for _, each in resources(service) if each["kind"] == "Service"}
    assert {canary["stableService"], canary["canaryService"]} <= services
    named = {step["analysis"]["templates"][0]["templateName"] for step in canary["steps"] if "analysis" in step}
    assert named == {resource(service, "analysistemplate.yaml", "AnalysisTemplate")["metadata"]["name"]}


# sizes and names ------------------------------------------------------------------------------------------------------------


def test_sizes_follow_from_the_gate_and_are_replaced_by_those_of_a_load_test(
    service: Delivered, tmp_path: Path
) -> None:
    assert (service.sizing.memory_request_mib, service.sizing.memory_limit_mib) == (320, 512)  # 300 MB seen, 450
    assert (service.start_seconds, service.slow_ms) == (30, 40.0)  # three times 9 s; the budget
    assert sizing_of({}, {}) == Sizing()
    file = tmp_path / "loadtest.json"
    wanted = Sizing(cpu_millis=700, least=4, most=9, why="measured")
    file.write_text(json.dumps({"sizing": wanted.as_json()}), encoding="utf-8")
    assert read_sizing(file) == wanted
    file.write_text(json.dumps({"sizing": {**wanted.as_json(), "least": 12}}), encoding="utf-8")
    with pytest.raises(UsageError, match="NBD753"):
        read_sizing(file)


def test_a_notebook_of_any_name_is_named_as_it_is(service: Delivered) -> None:
    odd = replace(service, notebook='note books/it\'s: #1 \\ "new".ipynb')
    (flow,) = documents(rendered("github", odd)[".github/workflows/risk.yml"])
    (pipeline,) = documents(rendered("gitlab", odd)[".gitlab-ci.yml"])
    assert flow["env"]["NOTEBOOK"] == pipeline["variables"]["NOTEBOOK"] == odd.notebook
    assert "NOTEBOOK = 'note books/it\\'s: #1 \\\\ \"new\".ipynb'" in rendered("jenkins", odd)["Jenkinsfile"]


def test_a_name_with_dots_is_a_label_where_one_is_asked_for(service: Delivered) -> None:
    deployed("4")
    other = delivered("risk.v2_eu", "risk_v2_eu", Path("x.ipynb"), None, None, Wish())
    assert (other.label, other.image) == ("risk-v2-eu", "registry.example.org/risk.v2_eu")
    assert [errors for _, each in resources(other) if (errors := errors_of(each))] == []


# writing --------------------------------------------------------------------------------------------------------------------


def test_what_was_changed_by_hand_is_not_overwritten_unasked(service: Delivered, tmp_path: Path) -> None:
    out = tmp_path / "repository"
    files = rendered("compose", service)
    assert len(write_delivery(files, out).written) == len(files)
    assert write_delivery(files, out).written == ()
    mine = out / "deploy/risk/Dockerfile"
    mine.write_text("FROM scratch\n", encoding="utf-8")
    (out / "deploy/risk/compose.yaml").unlink()
    with pytest.raises(UsageError, match="NBD752 1 of 3 files stand there already and differ"):
        write_delivery(files, out)
    assert not (out / "deploy/risk/compose.yaml").exists(), "all or none"
    write_delivery(files, out, force=True)
    assert mine.read_text(encoding="utf-8") == files["deploy/risk/Dockerfile"]


def ci(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbdeploy.frontends.cli", "ci", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)


def test_the_command_takes_a_notebook_that_is_not_deployed_yet_or_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "repository" / "notebooks"
    folder.mkdir(parents=True)
    notebook = folder / "risk.ipynb"
    notebook.write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    ran = ci("notebooks/risk.ipynb", "--target", "github", "--json", cwd=folder.parent)
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert (answer["name"], answer["version"], len(answer["written"])) == ("risk", "1", 6)
    assert [note.partition(" is no place")[0] for note in answer["notes"]] == ["registry.example.org/risk"]
    assert "NOTEBOOK: notebooks/risk.ipynb" in (folder.parent / ".github/workflows/risk.yml").read_text()
    deployed("7", notebook=notebook)
    ran = ci("risk", "--target", "compose", "--registry", "ghcr.io/team", cwd=folder.parent)
    assert ran.returncode == 2, "the Dockerfile is another one: Python and OpenMP are known now"
    ran = ci("risk", "--target", "compose", "--registry", "ghcr.io/team", "--force", cwd=folder.parent)
    assert ran.returncode == 0, ran.stderr
    assert "image: ghcr.io/team/risk:${VERSION:-7}" in (folder.parent / "deploy/risk/compose.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rsik", "--target", "github"], "NBD603"),
        (["risk"], "--target"),
        (["risk", "--target", "kubernetes", "--registry", "https://ghcr.io"], "has a scheme"),
        (
            ["risk", "--target", "kubernetes", "--repository", "https://me:word@git.example.org/x.git"],
            "holds a password",
        ),
        (["risk", "--target", "compose", "--sizing", "risk.ipynb"], "NBD753"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_written(tmp_path: Path, words: list[str], message: str) -> None:
    deployed("1")
    work = tmp_path / "work"
    work.mkdir()
    ran = ci(*words, cwd=work)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert list(work.iterdir()) == []
