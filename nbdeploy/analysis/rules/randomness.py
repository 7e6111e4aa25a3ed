"""Random draws without a seed (NBD110): another run of the notebook makes another model."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache

from nbdeploy.analysis.knowledge import Knowledge
from nbdeploy.analysis.rules.survey import Site, Survey
from nbdeploy.analysis.rules.writing import argument_added
from nbdeploy.errors import Diagnostic, Severity

__all__ = ["drawn_streams", "unseeded_draws"]

_SEED = 0
_EVERY = "every"


def unseeded_draws(survey: Survey) -> Iterator[Diagnostic]:
    """NBD110: a split, a model, a generator whose draws no seed settles; a library's global stream is told of once."""
    known = survey.known
    seeded = _seeded_from(survey, known)
    told: set[str] = set()
    for site, call, origin in survey.calls:
        if not origin or site.statement.effects.display or site.statement.imports:
            continue
        streams = drawn_streams(known, call, origin)
        loose = {each for each in streams if not _is_seeded(seeded, each, site)}
        if not loose:
            continue
        own = _takes_seed(known, origin)
        stream = min(loose)
        if not own and stream in told:
            continue
        if not own:
            told.add(stream)
        yield _finding(survey, site, call, origin, stream, own=own)


def drawn_streams(known: Knowledge, call: ast.Call, origin: str) -> frozenset[str]:
    """Return the process-wide random streams that this call draws from."""
    given = {each.arg: each.value for each in call.keywords}
    if not origin or None in given or any(_settles(given.get(each)) for each in known.generator_keywords):
        return frozenset()
    if isinstance(shuffle := given.get("shuffle"), ast.Constant) and shuffle.value is False:
        return frozenset()
    found = set(known.streams_drawn(origin)) - {"entropy"}
    if not call.args and not call.keywords:
        found |= known.streams_drawn_bare(origin)
    for stream, conditions in known.draw_conditions(origin).items():
        if any(_meets(given.get(each.keyword), each.values) for each in conditions):
            found.add(stream)
    if not (origin.rpartition(".")[2][:1].isupper() or "random" in origin):
        found.discard("tensorflow")  # layers and models draw their weights; loading an image does not
    return frozenset(found)


def _settles(value: ast.expr | None) -> bool:
    return value is not None and not (isinstance(value, ast.Constant) and value.value is None)


def _meets(value: ast.expr | None, values: frozenset[str]) -> bool:
    if not isinstance(value, ast.Constant) or value.value in {None, False}:
        return False
    return not values or str(value.value) in values


def _takes_seed(known: Knowledge, origin: str) -> bool:
    """Tell whether the call itself takes a seed: scikit-learn's `random_state`, the generators of numpy and Python."""
    return origin.startswith("sklearn.") or "entropy" in known.streams_drawn_bare(origin)


def _seeded_from(survey: Survey, known: Knowledge) -> Mapping[str, int]:
    """For each stream the index of the first statement that seeds it, or holds a function that does."""
    found: dict[str, int] = {}
    for site, _, origin in survey.calls:
        if not origin:
            continue
        streams = known.streams_seeded(origin)
        if origin.rpartition(".")[2] in {"seed_everything", "set_random_seed", "set_seed"}:
            streams |= {_EVERY} if not streams else frozenset()
        for stream in streams:
            found.setdefault(stream, site.statement.index)
    for site, call, origin in survey.calls:  # a helper module of the notebook's own: `seed_all(1)`
        if origin and isinstance(call.func, ast.Name) and "seed" in call.func.id.lower():
            found.setdefault(_EVERY, site.statement.index)
    return found


def _is_seeded(seeded: Mapping[str, int], stream: str, site: Site) -> bool:
    late = site.function is not None  # runs when it is called: a seed anywhere may come first
    return any(each in seeded and (late or seeded[each] <= site.statement.index) for each in (stream, _EVERY))


def _finding(survey: Survey, site: Site, call: ast.Call, origin: str, stream: str, *, own: bool) -> Diagnostic:
    name = origin.rpartition(".")[2]
    generator = stream == "entropy"
    argument = f"{_SEED}" if generator else f"random_state={_SEED}"
    edit = argument_added(survey, site.cell, call, argument) if own and not _has_seed_argument(call) else None
    if own:
        what = f"`{name}` draws random numbers without a seed"
        fix = f"give it a seed: {name}({argument})" if generator else f"give it a seed: {argument}"
    else:
        what = f"`{_shown(origin)}` draws from {_STREAMS.get(stream, stream)}, which no cell above seeds"
        fix = _SEEDING.get(stream, "set a seed in the first cell")
    return Diagnostic(
        code="NBD110",
        severity=Severity.WARNING,
        cell=site.cell,
        line=site.line,
        message=f"{what}: another run makes other data or another model",
        fix=fix,
        edits=(edit,) if edit else (),
    )


def _has_seed_argument(call: ast.Call) -> bool:
    return any(each.arg in {"random_state", "seed", None} for each in call.keywords)


@lru_cache(maxsize=256)
def _shown(origin: str) -> str:
    return origin.replace("numpy.", "np.", 1) if origin.startswith("numpy.") else origin


_STREAMS = {
    "numpy": "numpy's global stream",
    "python": "Python's global stream",
    "torch": "torch's global stream",
    "tensorflow": "TensorFlow's global stream",
}
_SEEDING = {
    "numpy": "write np.random.seed(0) in the first cell, or use np.random.default_rng(0)",
    "python": "write random.seed(0) in the first cell",
    "torch": "write torch.manual_seed(0) in the first cell",
    "tensorflow": "write tf.keras.utils.set_random_seed(0) in the first cell",
}
