"""The laws of slicing over functions, classes, arrays, frames, iterators, files and random numbers."""

from __future__ import annotations

import contextlib
import io
import os
import random
import tempfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from nbdeploy.analysis.slicing import Target, slice_for
from tests.analysis.notebooks import program_of
from tests.property.programs.arrays import ARRAYS
from tests.property.programs.classes import CLASSES
from tests.property.programs.flow import FLOW
from tests.property.programs.forms import Kind
from tests.property.programs.frames import FRAMES
from tests.property.programs.functions import FUNCTIONS

KINDS = {"functions": FUNCTIONS, "classes": CLASSES, "arrays": ARRAYS, "frames": FRAMES, "flow": FLOW}


def ran(source: str) -> dict[str, Any]:
    """Run a program in an empty folder and return its names."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    environment = dict(os.environ)
    random.seed()
    np.random.seed(None)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(compile(source, "<program>", "exec"), namespace)
        finally:
            os.environ.clear()
            os.environ.update(environment)
    return namespace


def shown(value: Any, name: str = "") -> Any:
    """Return a value in a form that can be compared; of a function what it answers, and does to what it is given."""
    match value:
        case pd.DataFrame() | pd.Series():
            name = str(value.columns if value.ndim > 1 else value.name)
            return value.to_json(orient="split", double_precision=15), name
        case list() | tuple():
            return [shown(each) for each in value]
        case dict():
            return {name: shown(each) for name, each in value.items()}
        case _ if callable(value) and not isinstance(value, type) and type(value).__module__ != "__main__":
            return repr(value(3) if name in {"u", "v"} else value([3]))
        case _ if type(value).__module__ == "__main__":
            own = {key: repr(each) for key, each in vars(value).items() if key != "inner"}
            return type(value).__name__, value.limit, repr(value.shared), own
        case _:
            return repr(value)


def sliced(source: str, name: str) -> list[str]:
    program = program_of(source + "\npass")  # what ends a cell would be shown
    found = slice_for(program, [Target(name, len(program.statements))])
    return [each.source.rstrip() for each in found.statements]


laws = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],  # `explain` traces every line of every run
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@laws
@given(data=st.data())
def test_the_slice_makes_the_value_that_the_program_makes(kind: Kind, data: st.DataObject) -> None:
    source, name = data.draw(kind.programs), data.draw(st.sampled_from(kind.names))
    try:
        whole = shown(ran(source)[name], name)
    except (AttributeError, RecursionError):  # a list holds something else, or itself
        assume(False)
    assert shown(ran("\n".join(sliced(source, name)))[name], name) == whole


# Of functions that several blocks of one statement define only all of them together are known: cutting some tells more.
@pytest.mark.parametrize("kind", [CLASSES, ARRAYS, FRAMES, FLOW], ids=["classes", "arrays", "frames", "flow"])
@laws
@given(data=st.data())
def test_the_slice_of_a_slice_is_the_slice(kind: Kind, data: st.DataObject) -> None:
    source, name = data.draw(kind.programs), data.draw(st.sampled_from(kind.names))
    found = sliced(source, name)
    assert sliced("\n".join(found), name) == found
