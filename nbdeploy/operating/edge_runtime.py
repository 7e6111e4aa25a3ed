"""ONNX Runtime for the web, as npm gives it: fetched once, checked by its digest, kept in the data folder."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from nbdeploy.errors import Diagnostic, EnvironmentProblem
from nbdeploy.home import data_folder

__all__ = ["FILES", "VERSION", "runtime_files"]

VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # of npm's archive
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
SECONDS = 300


def runtime_files(given: Path | None = None) -> Path:
    """Return a folder that holds FILES: `given` (the `dist` of an installed onnxruntime-web), or the one that is kept.

    Raises EnvironmentProblem NBD671: `given` lacks them, or npm can't fetch them.
    """
    if given is not None:
        lacking = [each for each in FILES if not (given / each).is_file()]
        if lacking:
            raise _unavailable(f"{given} lacks {', '.join(lacking)}")
        return given
    kept = data_folder() / "onnxruntime-web" / VERSION
    if not all((kept / each).is_file() for each in FILES):
        _fetch(kept)
    return kept


def _fetch(kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=kept.parent) as scratch:
        command = ["npm", "pack", f"onnxruntime-web@{VERSION}", "--silent", "--ignore-scripts"]
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise _unavailable(f"npm can't be run: {problem}") from None
        archive = next(Path(scratch).glob("*.tgz"), None)
        if done.returncode or archive is None:
            raise _unavailable(f"npm can't fetch it: {' '.join(done.stderr.split())[-300:]}")
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != SHA512:
            raise _unavailable("what npm fetched is not the release that is expected: its digest differs")
        taken = Path(scratch, "taken")
        taken.mkdir()
        with tarfile.open(archive) as opened:
            for each in FILES:
                with (
                    opened.extractfile(f"package/dist/{each}") or _missing(each) as source,
                    (taken / each).open("wb") as target,
                ):
                    shutil.copyfileobj(source, target)
        shutil.rmtree(kept, ignore_errors=True)
        taken.rename(kept)


def _missing(name: str) -> tarfile.ExFileObject:
    raise _unavailable(f"the release lacks {name}")


def _unavailable(why: str) -> EnvironmentProblem:
    message = f"the page needs ONNX Runtime for the web (onnxruntime-web {VERSION}), and {why}"
    fix = (
        f"install npm and let it reach its registry, or `npm install onnxruntime-web@{VERSION}` elsewhere and give its folder: "
        "--runtime node_modules/onnxruntime-web/dist"
    )
    return EnvironmentProblem(Diagnostic(code="NBD671", message=message, fix=fix))
