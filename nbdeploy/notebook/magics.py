"""What IPython's magics do to the Python around them: which wrap it, which bind names, which are something else."""

from __future__ import annotations

import getopt

__all__ = ["AUTOMAGICS", "DEPLOYING", "ROLE_MAGICS", "TIMING", "WRAPPING", "captured_name", "timed_statement"]

ROLE_MAGICS = frozenset({"preprocess", "predict", "test"})
DEPLOYING = frozenset({"deploy", "nbdeploy"})
TIMING = frozenset({"time", "prun"})

# Cell magics whose body runs as Python in the notebook's own namespace. `timeit` is no such: what its body binds
# is gone afterwards. `python3`, `px` and their like run elsewhere.
WRAPPING = frozenset(
    {
        *ROLE_MAGICS,
        *DEPLOYING,
        *TIMING,
        "capture",
        "debug",
        "heat",
        "ipytest",
        "local",
        "memit",
        "memray_flamegraph",
        "opts",
        "output",
        "pyinstrument",
        "scalene",
        "snakeviz",
        "wandb",
    }
)

# Line magics that people write without the `%` (IPython's "automagic", which works in cells of one line).
# fmt: off
AUTOMAGICS = frozenset(
    {
        "alias", "autoreload", "cat", "cd", "clear", "colors", "conda", "config", "cp", "debug", "deploy",
        "dirs", "doctest_mode", "edit", "env", "history", "less", "load", "load_ext", "ls", "lsmagic", "magic",
        "mamba", "man", "matplotlib", "mkdir", "more", "mv", "nbdeploy", "pdb", "pdoc", "pinfo", "pip", "popd",
        "prun", "psearch", "pushd", "pwd", "pycat", "pylab", "quickref", "recall", "reload_ext", "rerun",
        "reset", "rm", "rmdir", "run", "save", "set_env", "store", "sx", "system", "tb", "time", "timeit",
        "unload_ext", "uv", "who", "whos", "writefile", "xmode",
    }
)
# fmt: on

_PRUN_OPTIONS = "D:l:rs:T:q"


def timed_statement(name: str, argument: str) -> str:
    """Return the statement that `%time` or `%prun` runs, without the magic's own options."""
    if name == "time":
        return argument.replace("--no-raise-error", "", 1).strip() if argument.startswith("-") else argument
    words = argument.split(" ")
    try:
        _, rest = getopt.getopt(words, _PRUN_OPTIONS)
    except getopt.GetoptError:
        return argument
    return " ".join(rest).strip()


def captured_name(argument: str) -> str | None:
    """Return the name that `%%capture` binds."""
    names = [word for word in argument.split() if not word.startswith("-")]
    return names[0] if names and names[0].isidentifier() else None
