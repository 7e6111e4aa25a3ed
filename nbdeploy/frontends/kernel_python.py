"""Which Python runs a notebook's kernel: the server's own may lack what the notebook imports."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["python_of"]


def python_of(kernel: Any, specs: Any) -> tuple[list[str], Mapping[str, str]]:
    """Return the command that starts the Python of a kernel, and the kernel's own environment variables."""
    try:
        spec = specs.get_kernel_spec(kernel if isinstance(kernel, str) and kernel else "python3")
    except KeyError:
        raise HTTPError(400, f"there is no kernel {kernel!r} here: choose another one for this notebook") from None
    if spec.language.lower() != "python" or "-m" not in spec.argv:
        raise HTTPError(400, f"the kernel {spec.display_name!r} is not one of Python's: nbdeploy reads Python only")
    command = spec.argv[: spec.argv.index("-m")]
    # A bare `python` in a kernel's specification means the server's own, to Jupyter as well.
    own = command[0].rstrip("0123456789.") == "python"
    return ([sys.executable, *command[1:]] if own else command), spec.env
