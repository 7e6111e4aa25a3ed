"""The gate `safe` catches what it is for: secrets, artifacts that nobody trusts, requirements without a hash."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from nbdeploy.errors import ArtifactError, Severity
from nbdeploy.packaging.artifacts import ArtifactEntry, manifest
from nbdeploy.packaging.environment import Lock, lock
from nbdeploy.proving.advisories import Advisories, Vulnerability
from nbdeploy.proving.audit import Audited, audited
from nbdeploy.proving.inspected import importers
from nbdeploy.proving.safe import Gathered, safe
from nbdeploy.proving.secret_scan import scanned
from nbdeploy.proving.verdict import Outcome, Proof, Verdict
from nbdeploy.reading import open_notebook
from nbdeploy.recording.formats import store
from tests.e2e.conftest import write_notebook
from tests.packaging.test_environment import Site

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ghp_" + "a1B2c3D4e5F6" * 3
PASSWORD = "q8Zr51LmVt0sWx7Yb2Nd"
LOCK = Lock(text="", pins={"numpy": "2.4.0"}, hashed=True, reason="", imports=frozenset({"numpy"}))
NOTHING = Gathered(secrets=(), artifacts=(), lock=LOCK, advisories=Advisories(skipped="not asked for"))


def found(seen: Gathered) -> list[tuple[str, int | None, int | None]]:
    """Return code, cell and line of each error; the verdict is then a failure, else a pass."""
    verdict = safe(seen)
    errors = [each for each in verdict.diagnostics if each.severity is Severity.ERROR]
    assert (verdict.outcome is Outcome.FAIL) == bool(errors)
    assert all(each.fix for each in verdict.diagnostics)
    json.dumps(verdict.as_json())
    return [(each.code, each.cell, each.line) for each in errors]


# secrets ------------------------------------------------------------------------------------------------------------------


def emitted(folder: Path, *cells: str | tuple[str, str], **files: str) -> Path:
    write_notebook(folder / "notebook" / "source.ipynb", *cells)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_key_in_a_cell_is_named_with_every_file_and_never_shown(tmp_path: Path) -> None:
    folder = emitted(tmp_path, "import os", f"x = 1\ntoken = '{KEY}'", churn__train_dot_py=f"\n\ntoken = '{KEY}'\n")
    seen = replace(NOTHING, secrets=scanned(folder))
    assert found(seen) == [("NBD560", 1, 2)]
    (told,) = safe(seen).diagnostics
    assert "notebook/source.ipynb (cell 1, line 2), churn/train.py (line 3)" in told.message
    assert KEY[:8] not in json.dumps(safe(seen).as_json()) + str(told.as_json())
    assert "a GitHub token (ghp…)" in told.message


@pytest.mark.parametrize(
    "cell",
    [
        f"password = '{PASSWORD}'",
        f"db = connect(user='ada', password=\"{PASSWORD}\")",
        f"password: str = '{PASSWORD}'",
        f"os.environ['API_KEY'] = '{PASSWORD}'",
        f"%env API_KEY={PASSWORD}",
        f"engine = 'postgresql://ada:{PASSWORD}@db.example.org/x'",
        "key = '-----BEGIN RSA PRIVATE KEY-----'",
        "slack = 'https://hooks.slack.com/services/" + "T0A1B2C3D/B0A1B2C3D/q8Zr51LmVt0sWx7Yb2Nd'",
        "azure = 'AccountName=ada;AccountKey=" + "Q8Zr51LmVt0sWx7Yb2Nd" * 4 + "Qw==;EndpointSuffix=core'",
        "key = 'AKIA" + "Q3EGUZ7B2WXK5PLM'",
        "key = 'sk-proj-" + "Q3eGUZ7B2wXK5pLMq8Zr51'",
        "jwt = 'eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0.q8Zr51LmVt0sWx7Yb2Nd'",
    ],
)
def test_each_kind_of_secret_in_a_cell_fails_the_gate(cell: str, tmp_path: Path) -> None:
    assert found(replace(NOTHING, secrets=scanned(emitted(tmp_path, cell)))) == [("NBD560", 0, 1)]


def test_a_key_that_a_cell_printed_is_found_in_its_output(tmp_path: Path) -> None:
    path = emitted(tmp_path, "print(token)") / "notebook" / "source.ipynb"
    content = json.loads(path.read_text())
    content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["one\n", f"{KEY}\n"]}]
    content["metadata"] = {"papermill": {"parameters": {"db_password": PASSWORD}}}
    path.write_text(json.dumps(content))
    first, second = scanned(tmp_path)
    assert [str(each) for each in first.places] == ["notebook/source.ipynb (cell 0, output)"]
    assert [str(each) for each in second.places] == ["notebook/source.ipynb (metadata)"]
    told = safe(replace(NOTHING, secrets=(first, second))).diagnostics
    assert told[0].fix.startswith("do not print it: clear the cell's output")


def test_the_keys_of_a_librarys_own_output_are_no_names_of_secrets(tmp_path: Path) -> None:
    path = emitted(tmp_path, "%lsmagic") / "notebook" / "source.ipynb"
    content = json.loads(path.read_text())
    magics = {"application/json": {"line": {"pwd": "SystemMagics", "token": "international"}}}
    content["cells"][0]["outputs"] = [{"output_type": "execute_result", "data": magics}]
    path.write_text(json.dumps(content))
    assert scanned(tmp_path) == ()


def test_keys_in_the_recorded_rows_are_found_but_columns_may_have_any_name(tmp_path: Path) -> None:
    rows = [{"token": "international", "text": "a"}, {"token": "conversation", "text": f"see {KEY}"}]
    (secret,) = scanned(tmp_path, {"rows": rows, "predictions": [1, 2]})
    assert [str(each) for each in secret.places] == ["the recorded rows (row 1)"]


def test_pages_pictures_styles_and_placeholders_are_left_alone(tmp_path: Path) -> None:
    style = ".sk-estimator-doc-link-and-more { } --sk-color-unfitted-level-0: #fff5e6;"
    picture = f'<img src="data:image/png;base64,{KEY.replace("_", "+")}"> https://cdn.example.org/x@4/y.js'
    folder = emitted(
        tmp_path,
        "api_key = os.environ['API_KEY']\npassword = 'YOUR_PASSWORD'\npad_token = '[PAD]'",
        notebook__validated_dot_html=style + picture,
        requirements_dot_lock=f"numpy==2.4.0 \\\n    --hash=sha256:{'c97785ae26bc5198' * 4}\n",
    )
    assert scanned(folder) == ()
    assert found(replace(NOTHING, secrets=scanned(folder))) == []


# artifacts ----------------------------------------------------------------------------------------------------------------


def with_artifact(folder: Path, value: object, **settings: Any) -> Path:
    stored = store(value, folder / "artifacts", "model", **settings)
    entry = ArtifactEntry(
        name="model", file=stored.file, format=stored.format, arguments=stored.arguments, sha256=stored.sha256
    )
    (folder / "artifacts" / "manifest.json").write_text(manifest([entry]))
    return folder


def changed_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "artifacts" / "manifest.json"
    content = json.loads(path.read_text())
    content["artifacts"]["model"] |= changes
    path.write_text(json.dumps(content))


def test_types_that_the_manifest_trusts_by_name_pass_and_are_listed(tmp_path: Path) -> None:
    folder = with_artifact(tmp_path, FunctionTransformer(json.dumps))
    (artifact,) = audited(folder)
    assert (artifact.intact, artifact.trusted, artifact.wanted) == (True, ("json.dumps",), ("json.dumps",))
    seen = replace(NOTHING, artifacts=(artifact,))
    assert found(seen) == []
    assert "trusted by name: json.dumps" in safe(seen).reason


def test_a_type_that_the_manifest_does_not_trust_fails_the_gate(tmp_path: Path) -> None:
    folder = with_artifact(tmp_path, FunctionTransformer(json.dumps))
    changed_manifest(folder, arguments={"trusted": []})
    seen = replace(NOTHING, artifacts=audited(folder))
    assert found(seen) == [("NBD561", None, None)]
    assert "artifacts/model.skops wants json.dumps built" in safe(seen).reason


def test_what_starts_programs_is_not_trusted_even_by_name(tmp_path: Path) -> None:
    seen = replace(NOTHING, artifacts=audited(with_artifact(tmp_path, FunctionTransformer(subprocess.getoutput))))
    assert seen.artifacts[0].trusted == ("subprocess.getoutput",)
    assert found(seen) == [("NBD561", None, None)]
    assert "holds subprocess.getoutput, which runs code or programs" in safe(seen).reason


def test_a_changed_artifact_fails_the_gate(tmp_path: Path) -> None:
    folder = with_artifact(tmp_path, FunctionTransformer(np.log1p))
    (folder / "artifacts" / "model.skops").write_bytes(b"another model")
    seen = replace(NOTHING, artifacts=audited(folder))
    assert found(seen) == [("NBD561", None, None)]
    assert "is not the file that was recorded" in safe(seen).reason


def test_a_pickle_is_let_in_by_its_name_alone() -> None:
    seen = replace(NOTHING, artifacts=(Audited("words", "words.pkl", "pickle", True),))
    assert found(seen) == [("NBD562", None, None)]
    assert safe(seen).diagnostics[0].fix.endswith("--allow pickle:words")
    by_name = replace(seen, pickles=frozenset({"words.pkl"}))
    assert found(by_name) == []
    assert "pickled by name: words" in safe(by_name).reason
    assert "only the package's tests read are pickles: x.pkl" in safe(replace(by_name, pickled_rows=("x.pkl",))).reason


def test_a_lambda_in_a_model_is_refused_before_there_is_a_package(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"NBD401 .*it holds a lambda"):
        with_artifact(tmp_path, FunctionTransformer(lambda values: values * 2))


# requirements -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path)
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(made.wheels))
    monkeypatch.syspath_prepend(str(made.packages))
    return made


@pytest.mark.parametrize(
    "origin",
    [
        {"url": "file:///home/ada/lib", "dir_info": {}},
        {"url": "https://git.example.org/ada/lib", "vcs_info": {"vcs": "git", "commit_id": "1f0c2a"}},
    ],
    ids=["a folder", "a repository"],
)
def test_an_unpinned_local_import_is_named_with_the_cell_that_imports_it(
    site: Site, origin: dict[str, Any], tmp_path: Path
) -> None:
    site.install("our-features", "0.3", ("our_features/__init__.py",), wheel=False, **origin)
    program = open_notebook(write_notebook(tmp_path / "n.ipynb", "x = 1", "import json\nfrom our_features import a"))
    locked = lock(["our_features"], python_version="3.12")
    assert locked.built == ("our-features==0.3",)
    seen = replace(NOTHING, lock=locked, importers=importers(program, locked))
    assert found(seen) == [("NBD563", 1, 2)]
    assert "our-features==0.3 was built from a folder or a repository" in safe(seen).reason


def test_own_modules_that_travel_as_source_are_told(site: Site) -> None:
    locked = lock(["features_beside_the_notebook"], python_version="3.12")
    seen = replace(NOTHING, lock=locked, carried=locked.local)
    assert found(seen) == []
    assert "own modules that travel as source: features_beside_the_notebook" in safe(seen).reason


def test_hashes_that_could_not_be_looked_up_are_a_warning() -> None:
    seen = replace(NOTHING, lock=replace(LOCK, hashed=False, reason="the package index could not be reached"))
    assert found(seen) == []
    verdict = safe(seen)
    assert "1 requirements pinned without hashes (the package index could not be reached)" in verdict.reason
    assert verdict.figures["hashed"] == 0
    assert [each.code for each in Proof((verdict, Verdict("better", Outcome.SKIP))).warnings()] == ["NBD564"]


# known vulnerabilities ----------------------------------------------------------------------------------------------------

KNOWN = Vulnerability("numpy==2.4.0", "GHSA-1", "reads too far", "2.4.1")


def test_a_vulnerability_is_a_warning_and_a_failure_where_that_is_asked_for() -> None:
    seen = replace(NOTHING, advisories=Advisories((KNOWN,)), importers={"numpy==2.4.0": (2, 1)})
    assert found(seen) == []
    (warning,) = safe(seen).diagnostics
    assert (warning.code, warning.severity, warning.cell) == ("NBD565", Severity.WARNING, 2)
    assert "numpy==2.4.0 has the known vulnerability GHSA-1: reads too far" in warning.message
    assert "upgrade it to 2.4.1 or later" in warning.fix
    assert found(replace(seen, advisories=Advisories((KNOWN,), strict=True))) == [("NBD565", 2, 1)]


def test_no_answer_is_never_none_known() -> None:
    seen = replace(NOTHING, advisories=Advisories(skipped="api.osv.dev is not reachable"))
    verdict = safe(seen)
    assert verdict.figures["vulnerabilities"] == "skipped: api.osv.dev is not reachable"
    assert "vulnerabilities not looked up (api.osv.dev is not reachable)" in verdict.reason
    assert "no known" not in verdict.reason
    assert found(replace(seen, advisories=Advisories(skipped="x", strict=True))) == [("NBD566", None, None)]
