"""What all tests share: the recorded example notebooks, and the option that rewrites the golden trees."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that tests import what other tests share: `from tests.analysis.notebooks import ...`
