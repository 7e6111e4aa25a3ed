"""The law of slicing, on real notebooks: the slice for a name, run alone, makes the value that the whole notebook makes.

    python benchmarks/slices.py --corpus DIR [--only ID,ID] [--peers] [--json] [--failing FILE]

DIR/<id>/ holds one notebook, `tagged.ipynb`, at its place among the files that it reads. Every name that is bound at top
level when the whole notebook has run and has a comparable value is sliced; each slice runs in a clean process of its own,
which has the notebook's libraries loaded, in a fresh copy of the folder. The generators of random, numpy and torch are seeded
before the first statement on both sides. Left out, and counted: names whose value is another in a second run of the whole
(irreproducible: clocks, addresses); names that come out otherwise when this script's seeds are others (unseeded: the notebook
draws random numbers without a seed of its own) are judged apart. A share is the slice's part of the notebook's top-level
statements; a statement of which a part is cut counts as whole. Exit status 1 means that a slice is wrong or breaks.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from peer_slicers import Answer, Peer, available, prefix
from slice_runs import Block, Cache, Executor, Subject, Whole, count_statements, subjects, text_of

from nbdeploy.analysis.slicing import Target, slice_for
from nbdeploy.errors import NbdeployError

CACHE = Path(tempfile.gettempdir()) / "nbdeploy-benchmarks" / "slices.json"
Cuts = dict[str, dict[str, "Cut"]]  # tool -> name -> slice
Slicers = Callable[[list[str]], Cuts]
VERDICTS = ("reproduced", "refused", "wrong", "broken")


@dataclass(frozen=True, slots=True)
class Cut:
    """A slicer's answer for one name: a program, or why there is none."""

    code: str | None
    refusal: str = ""
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """One name's slice and what it made."""

    name: str
    verdict: str
    share: float | None
    detail: str = ""
    code: str = ""


def main() -> int:
    options = arguments().parse_args()
    cache = Cache.at(options.cache)
    only = set(options.only.split(",")) if options.only else set()
    others, skipped = available(options.cache.parent / "peers") if options.peers else ([], {})
    tools = ["nbdeploy", *(["whole prefix"] if options.peers else []), *(each.name for each in others)]
    reports = []
    for subject in subjects(options.corpus, only):
        executor = Executor(subject, cache, options.limit)
        try:
            reports.append(
                report := examined(
                    subject, executor, partial(cuts, subject, others=others, cache=cache, options=options)
                )
            )
        finally:
            executor.close()
            cache.save()
        print(line(report), file=sys.stderr, flush=True)
    answer = {"notebooks": reports, "totals": totals(reports, tools), "skipped": skipped}
    if options.failing:
        options.failing.write_text(failing(reports), encoding="utf-8")
    print(json.dumps(answer, indent=1) if options.json else table(answer))
    bad = totals(reports, ["nbdeploy"])["nbdeploy"]
    return 1 if bad["wrong"] or bad["broken"] else 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Run the slice of every name of real notebooks, alone.")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of folders that hold a tagged.ipynb each")
    parser.add_argument("--only", help="comma-separated ids")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"runs that need not be repeated (default: {CACHE})")
    parser.add_argument("--peers", action="store_true", help="the same for other tools; installs them beside the cache")
    parser.add_argument("--limit", type=float, default=180.0, help="seconds that one run may take (default: 180)")
    parser.add_argument("--failing", type=Path, help="write the failing names with their slices to this Markdown file")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser


def examined(subject: Subject, executor: Executor, slicers: Slicers) -> dict[str, Any]:
    """Return the figures of one notebook."""
    began = time.perf_counter()
    whole = Whole.of(executor)
    statements = len(subject.program.statements)

    def judged(cut: Mapping[str, Cut], names: list[str]) -> dict[str, Any]:
        return figures([judge(name, cut[name], whole, executor, statements) for name in names])

    unseeded = sorted(whole.unseeded)
    return {
        "id": subject.id,
        "statements": statements,
        "error": whole.error,
        "names": len(whole.names),
        "incomparable": sorted(whole.incomparable),
        "irreproducible": sorted(whole.irreproducible),
        "unseeded": unseeded,
        "unseeded_judged": judged({name: own_cut(subject, name) for name in unseeded}, unseeded),
        "tools": {tool: judged(cut, whole.names) for tool, cut in slicers(whole.names).items()},
        "seconds": round(time.perf_counter() - began, 1),
    }


def cuts(subject: Subject, names: list[str], others: list[Peer], cache: Cache, options: argparse.Namespace) -> Cuts:
    """Return for each tool its slices of the names."""
    found: Cuts = {"nbdeploy": {name: own_cut(subject, name) for name in names}}
    if options.peers:
        answers: dict[str, Answer] = {"whole prefix": prefix(subject, names)}
        home = options.cache.parent / "peers"
        answers |= {each.name: each.slices(subject, names, home, cache, 10 * options.limit) for each in others}
        found |= {tool: {name: foreign_cut(each[name]) for name in names} for tool, each in answers.items()}
    return found


def foreign_cut(answer: Mapping[str, str]) -> Cut:
    return Cut(answer.get("code"), answer.get("refused", ""))


def own_cut(subject: Subject, name: str) -> Cut:
    end = len(subject.program.statements)
    try:
        found = slice_for(subject.program, [Target(name, end)])
    except NbdeployError as refusal:
        return Cut(None, " ".join(each.code for each in refusal.diagnostics))
    return Cut(text_of(found.statements), blocks=tuple((each.cell, each.source, False) for each in found.statements))


def judge(name: str, cut: Cut, whole: Whole, executor: Executor, statements: int) -> Judged:
    if cut.code is None:
        return Judged(name, "refused", None, cut.refusal)
    try:
        share = count_statements(cut.code) / max(1, statements)
    except SyntaxError as problem:
        return Judged(name, "broken", None, f"SyntaxError: {problem}", cut.code)
    answer = executor.run(list(cut.blocks) or [(0, cut.code, False)])
    made: Mapping[str, str | None] = answer["values"]
    if made.get(name) == whole.values[name]:
        return Judged(name, "reproduced", share, answer["error"] or "")
    if answer["error"]:
        return Judged(name, "broken", share, answer["error"], cut.code)
    got = answer["shown"].get(name, "no value")
    return Judged(name, "wrong", share, f"expected {whole.shown.get(name)} | got {got}", cut.code)


def figures(judged: list[Judged]) -> dict[str, Any]:
    shares = [each.share for each in judged if each.share is not None]
    counted = Counter(each.verdict for each in judged)
    return {
        **{verdict: counted[verdict] for verdict in VERDICTS},
        "median_share": round(median(shares), 3) if shares else None,
        "shares": {each.name: round(each.share, 3) for each in judged if each.share is not None},
        "failing": [
            {"name": each.name, "verdict": each.verdict, "detail": each.detail, "code": each.code}
            for each in judged
            if each.verdict in ("wrong", "broken")
        ],
    }


def totals(reports: list[dict[str, Any]], tools: list[str]) -> dict[str, Any]:
    return {tool: total([each["tools"][tool] for each in reports if tool in each["tools"]]) for tool in tools}


def total(figures: list[dict[str, Any]]) -> dict[str, Any]:
    shares = [share for each in figures for share in each["shares"].values()]
    medians = [each["median_share"] for each in figures if each["median_share"] is not None]
    return {
        **{verdict: sum(each[verdict] for each in figures) for verdict in VERDICTS},
        "median_share": round(median(shares), 3) if shares else None,
        "median_of_notebooks": round(median(medians), 3) if medians else None,
        "notebooks_over_60_percent": sum(each > 0.6 for each in medians),
    }


def line(report: Mapping[str, Any]) -> str:
    own = report["tools"]["nbdeploy"]
    told = " ".join(f"{own[verdict]} {verdict}" for verdict in VERDICTS if own[verdict])
    share = "-" if own["median_share"] is None else f"{own['median_share']:.0%}"
    raised = f"; the notebook raises {report['error']}" if report["error"] else ""
    size = f"median {share} of {report['statements']}; {report['seconds']} s"
    return f"{report['id']:<22}{report['names']:>4} names: {told}; {size}{raised}"


def table(answer: dict[str, Any]) -> str:
    apart = ["unseeded reproduced", "irreproducible", "not comparable"]
    head = ["notebook", "statements", "names", *VERDICTS, "median share", *apart]
    rows = []
    for each in answer["notebooks"]:
        own = each["tools"]["nbdeploy"]
        share = "-" if own["median_share"] is None else f"{own['median_share']:.0%}"
        free = f"{each['unseeded_judged']['reproduced']} of {len(each['unseeded'])}"
        counts = [free, *(len(each[kind]) for kind in ("irreproducible", "incomparable"))]
        rows.append([each["id"], each["statements"], each["names"], *(own[v] for v in VERDICTS), share, *counts])
    lines = [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)]
    head = ["tool", *VERDICTS, "median share of names", "median of notebooks", "notebooks over 60 %"]
    lines += ["", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for tool, own in answer["totals"].items():
        keys = (*VERDICTS, "median_share", "median_of_notebooks", "notebooks_over_60_percent")
        lines.append(f"| {' | '.join([tool, *(str(own[key]) for key in keys)])} |")
    lines += [f"\n{tool} is not measured: {why}" for tool, why in answer["skipped"].items()]
    return "\n".join(lines)


def failing(reports: list[dict[str, Any]]) -> str:
    parts = ["# Names whose slice is wrong or breaks", ""]
    for report in reports:
        unseeded = [
            {**each, "verdict": f"(unseeded) {each['verdict']}"} for each in report["unseeded_judged"]["failing"]
        ]
        for each in report["tools"]["nbdeploy"]["failing"] + unseeded:
            parts += [f"## {report['id']}: `{each['name']}` {each['verdict']}", "", each["detail"], ""]
            parts += ["```python", each["code"].rstrip(), "```", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
