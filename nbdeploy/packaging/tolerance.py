"""What numbers with a fraction may differ by before an answer is another one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbdeploy.packaging.compare import ATOL, RTOL

__all__ = ["SINGLE", "STRICT", "Tolerance", "of_precision"]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A relative and an absolute limit; the wider one counts."""

    relative: float = RTOL
    absolute: float = ATOL

    @property
    def is_strict(self) -> bool:
        return self == STRICT

    def as_json(self) -> dict[str, float]:
        return {"relative": self.relative, "absolute": self.absolute}

    def in_source(self, text: str) -> str:
        """Return the text of `compare.py` with these limits."""
        if self.is_strict:
            return text
        text = re.sub(r"^RTOL = .*$", f"RTOL = {self.relative!r}", text, flags=re.MULTILINE)
        return re.sub(r"^ATOL = .*$", f"ATOL = {self.absolute!r}", text, flags=re.MULTILINE)


STRICT = Tolerance()
"""For a package whose models are the notebook's own: what is left is the order of sums, and the way through JSON."""

SINGLE = Tolerance(1e-6, 1e-6)
"""For models that answer in float32, such as XGBoost's: a few of its steps."""


def of_precision(*dtypes: object) -> Tolerance:
    """Return what answers of these NumPy dtypes may differ by: a few steps of the least precise."""
    return SINGLE if any(str(each) in {"float16", "float32"} for each in dtypes) else STRICT
