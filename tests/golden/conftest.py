"""The expected trees hold test files of their own, which are not this project's tests."""

from __future__ import annotations

collect_ignore_glob = ["*/expected"]
