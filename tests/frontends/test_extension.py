"""The tests of the sidebar's own code, in `extension/src/__tests__`: run by jest where Node.js is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXTENSION = Path(__file__).resolve().parents[2] / "extension"
JLPM = Path(sys.executable).with_name("jlpm")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
@pytest.mark.skipif(not (EXTENSION / "node_modules" / "jest").is_dir(), reason="jest is not here (make extension)")
def test_the_code_that_sidebar_and_panel_share() -> None:
    done = subprocess.run(
        [JLPM, "test"],
        cwd=EXTENSION,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
