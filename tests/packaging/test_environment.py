"""Distributions made by hand in a folder of their own, with uv kept off the network; and once the real index."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from nbdeploy.packaging.environment import lock

if TYPE_CHECKING:
    from pathlib import Path


class Site:
    """A site-packages folder and a folder of wheels."""

    def __init__(self, root: Path) -> None:
        self.packages = root / "site"
        self.wheels = root / "wheels"
        self.packages.mkdir()
        self.wheels.mkdir()

    def install(
        self,
        name: str,
        version: str,
        files: tuple[str, ...],
        requires: tuple[str, ...] = (),
        wheel: bool = True,
        **told: object,
    ) -> None:
        """Put a distribution there as an installer does, and its wheel where uv finds it."""
        stem = f"{name.replace('-', '_')}-{version}"
        for file in files:
            path = self.packages / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += "".join(f"Requires-Dist: {each}\n" for each in requires)
        info = self.packages / f"{stem}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(metadata)
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in (*files, f"{info.name}/METADATA")))
        if told:
            (info / "direct_url.json").write_text(json.dumps(told))
        if wheel:
            with zipfile.ZipFile(self.wheels / f"{stem}-py3-none-any.whl", "w") as archive:
                archive.writestr(f"{info.name}/METADATA", metadata)
                archive.writestr(f"{info.name}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
                archive.writestr(f"{info.name}/RECORD", "")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path)
    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(made.wheels))
    monkeypatch.syspath_prepend(str(made.packages))
    return made


def test_the_pins_are_all_that_is_required_and_no_more(site: Site) -> None:
    site.install(
        "Zz.Learn",
        "1.2",
        ("zzlearn/__init__.py",),
        ("zz-base>=1", "zz-plot; extra == 'plot'", "zz-win; sys_platform == 'nowhere'"),
    )
    site.install("zz-base", "2.0", ("zzbase.py",))
    site.install("zz-plot", "3.0", ("zzplot.py",))

    found = lock(["zzlearn"], python_version="3.11")

    assert found.pins == {"zz-learn": "1.2", "zz-base": "2.0"}
    assert found.imports == {"zzlearn", "zzbase"}
    assert (found.local, found.missing, found.conflicts) == ((), (), ())


def test_an_extra_that_is_asked_for_is_followed(site: Site) -> None:
    site.install("zz-app", "1", ("zzapp.py",), ("zz-learn[plot]",))
    site.install(
        "zz-learn",
        "1.2",
        ("zzlearn.py",),
        ("zz-plot; extra == 'plot'", "zz-learn[base]; extra == 'plot'", "zz-base; extra == 'base'"),
    )
    site.install("zz-plot", "3.0", ("zzplot.py",), ("zz-app",))
    site.install("zz-base", "2.0", ("zzbase.py",))

    assert set(lock(["zzapp"], python_version="3.11").pins) == {"zz-app", "zz-learn", "zz-plot", "zz-base"}


def test_markers_are_read_for_the_python_that_will_run(site: Site) -> None:
    site.install(
        "zz-app", "1", ("zzapp.py",), ("zz-old; python_version < '3.12'", "zz-new; python_full_version >= '3.12'")
    )
    site.install("zz-old", "1", ("zzold.py",))
    site.install("zz-new", "1", ("zznew.py",))

    assert set(lock(["zzapp"], python_version="3.11").pins) == {"zz-app", "zz-old"}
    assert set(lock(["zzapp"], python_version="3.12").pins) == {"zz-app", "zz-new"}


def test_a_distribution_can_be_named_itself(site: Site) -> None:
    site.install("Zz-Learn", "1.2", ("other_name.py",))

    assert lock(["zz_learn"], python_version="3.11").pins == {"zz-learn": "1.2"}


def test_a_shared_package_is_told_apart_by_the_dotted_name(site: Site) -> None:
    site.install("zz-auth", "1", ("zzgoogle/auth/__init__.py",))
    site.install("zz-proto", "2", ("zzgoogle/protobuf/message.py",))

    assert set(lock(["zzgoogle.protobuf.message"], python_version="3.11").pins) == {"zz-proto"}
    assert set(lock(["zzgoogle"], python_version="3.11").pins) == {"zz-auth", "zz-proto"}


def test_compiled_modules_are_among_the_imports(site: Site) -> None:
    site.install(
        "zz-fast", "1", ("_zzfast.cpython-311-x86_64-linux-gnu.so", "zzfast/__init__.py", "zzfast/core.abi3.so")
    )

    assert lock(["zzfast"], python_version="3.11").imports == {"_zzfast", "zzfast"}


def test_local_files_and_the_standard_library_are_no_requirements(site: Site) -> None:
    (site.packages / "zz_my_functions.py").write_text("")

    found = lock(["json", "os.path", "__main__", "zz_my_functions", "zz_nowhere.sub"], python_version="3.11")

    assert found.pins == {}
    assert found.local == ("zz_my_functions", "zz_nowhere")


def test_an_editable_project_is_local_but_what_it_requires_is_pinned(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / "src" / "zzmine").mkdir(parents=True)
    (project / "src" / "zzmine" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(project / "src"))
    site.install("zz-base", "2.0", ("zzbase.py",))
    site.install("zz-mine", "0.1", (), ("zz-base",), url=project.as_uri(), dir_info={"editable": True})

    found = lock(["zzmine"], python_version="3.11")

    assert found.local == ("zzmine",)
    assert found.pins == {"zz-base": "2.0"}


def test_what_is_wrong_with_the_environment_is_told(site: Site) -> None:
    site.install("zz-app", "1", ("zzapp.py",), ("zz-gone", "zz-base<2"))
    site.install("zz-base", "2.0", ("zzbase.py",))

    found = lock(["zzapp"], python_version="3.11")

    assert found.missing == ("zz-gone (for zz-app)",)
    assert found.conflicts == ("zz-app asks for zz-base<2, installed is 2.0",)


def test_every_pin_carries_the_hash_of_its_file(site: Site) -> None:
    site.install("zz-torch", "2.13.0+cpu", ("zztorch.py",))

    found = lock(["zztorch"], python_version="3.11")

    digest = hashlib.sha256((site.wheels / "zz_torch-2.13.0+cpu-py3-none-any.whl").read_bytes()).hexdigest()
    assert (found.hashed, found.reason) == (True, "")
    assert found.text.splitlines()[2:] == ["zz-torch==2.13.0+cpu \\", f"    --hash=sha256:{digest}"]


def test_hashes_are_remembered(site: Site) -> None:
    site.install("zz-base", "2.0", ("zzbase.py",))
    first = lock(["zzbase"], python_version="3.11")
    for wheel in site.wheels.iterdir():
        wheel.unlink()

    assert lock(["zzbase"], python_version="3.11") == first


def test_the_hash_of_an_archive_that_was_installed_by_hand_is_taken(site: Site) -> None:
    site.install(
        "zz-own",
        "1",
        ("zzown.py",),
        wheel=False,
        url="file:///x/zz_own-1.whl",
        archive_info={"hashes": {"sha256": "ab" * 32}},
    )

    assert f"zz-own==1 \\\n    --hash=sha256:{'ab' * 32}\n" in lock(["zzown"], python_version="3.11").text


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, r"the package index has no zz-own==1\+here: a local build\?"),
        (
            {"url": "git+https://host.example/x", "vcs_info": {"vcs": "git"}},
            r"zz-own==1\+here was built from a folder or a repository",
        ),
    ],
    ids=["local build", "repository"],
)
def test_without_hashes_the_pins_stay_and_the_reason_is_told(site: Site, told: dict[str, object], reason: str) -> None:
    site.install("zz-own", "1+here", ("zzown.py",), ("zz-base",), wheel=False, **told)
    site.install("zz-base", "2.0", ("zzbase.py",))

    found = lock(["zzown"], python_version="3.11")

    assert not found.hashed
    assert re.search(reason, found.reason)
    assert f"# Without hashes: {found.reason}\n" in found.text
    assert found.text.endswith("zz-base==2.0\nzz-own==1+here\n")


@pytest.mark.slow
def test_an_index_that_is_away_costs_little_time_and_is_not_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_NO_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://someone:secret@127.0.0.1:9/simple")
    site.install("zz-base", "2.0", ("zzbase.py",), wheel=False)
    started = time.monotonic()

    found = lock(["zzbase"], python_version="3.11")

    assert found.reason == "the package index could not be reached"
    assert "127.0.0.1" not in found.text
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_the_lock_can_be_installed_with_its_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from uv import find_uv_bin

    monkeypatch.setenv("NBDEPLOY_HOME", str(tmp_path / "home"))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = lock(["sklearn", "pandas", "pyarrow", "bentoml", "pytest", "skops"], python_version=python)
    if "could not be reached" in found.reason:
        pytest.skip("no package index can be reached from here")
    assert found.hashed, found.reason
    file = tmp_path / "requirements.lock"
    file.write_text(found.text)

    subprocess.run([find_uv_bin(), "venv", "-q", "--python", sys.executable, tmp_path / "venv"], check=True)
    interpreter = tmp_path / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = [find_uv_bin(), "pip", "install", "-q", "--python", interpreter, "--require-hashes", "-r", file]
    subprocess.run(install, check=True)

    done = subprocess.run(
        [interpreter, "-c", "import bentoml, sklearn; print(sklearn.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == found.pins["scikit-learn"]
