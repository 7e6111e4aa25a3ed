"""Annotated notebooks, exported: what was expected of each, and what came.

    python benchmarks/corpus.py --corpus DIR --annotations FILE.yaml [--only ID,ID] [--jobs N] [--deploy] [--json]

DIR/<id>/ holds one notebook with its files, `tagged.ipynb`, and beside them reference/client.pkl and reference/expected.pkl:
what a client would send, and what the notebook itself answered. `deployable` in the annotation says what is right: `tags` and
`state` must deploy with equal answers, `split` may be refused instead, `refuse` must be. A notebook that is refused with the name
of an option (--input, --output, --allow, --freeze) is tried once more with it. With --deploy each is taken the whole way, Bento
and MLflow included, and the gates that did not pass are told. Kernels start with seeded generators: the references must
have been made so, too, with IPYTHONDIR=DIR/.ipython, which this script writes.
Exit status 1: an answer is wrong with no word of warning, or what must deploy does not. Needs PyYAML.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SEEDS = """\
import random
random.seed(0)
try:
    import numpy
    numpy.random.seed(0)
    del numpy
except ImportError:
    pass
del random
"""
COMPARE = """\
import importlib, json, pickle, sys, warnings
warnings.simplefilter("ignore")
package, module, reference, part = sys.argv[1:]
sys.path.insert(0, package)
predict = importlib.import_module(module).predict
client, expected = (pickle.load(open(f"{reference}/{name}.pkl", "rb")) for name in ("client", "expected"))
client = client[part] if part else client
if "Tensor" in str(predict.__annotations__) and hasattr(client, "dtype"):
    client = sys.modules["torch"].as_tensor(client)  # the reference keeps tensors as arrays
got = predict(client)
from nbdeploy.packaging.compare import compare
found = compare(expected, got.detach().numpy() if hasattr(got, "detach") else got)
print(json.dumps({"same": found.same, "first": found.first, "rows": found.rows}))
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One export. `answer` is equal, differs or raises; empty where nothing was exported."""

    hints: tuple[str, ...]
    ok: bool
    answer: str = ""
    detail: str = ""
    input: str = ""
    output: str = ""
    gates: tuple[Mapping[str, Any], ...] = ()
    diagnostics: tuple[Mapping[str, Any], ...] = ()

    @property
    def warned(self) -> bool:
        return bool(self.diagnostics)


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    expected: str
    got: str
    right: bool
    attempts: tuple[Attempt, ...] = field(default=())


def main() -> int:
    parser = argparse.ArgumentParser(description="Export annotated notebooks, compare their answers.")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of folders that hold a tagged.ipynb each")
    parser.add_argument("--annotations", type=Path, required=True, help="the YAML file that says what is right")
    parser.add_argument("--only", help="comma-separated ids")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks at a time (default: 1)")
    parser.add_argument("--deploy", action="store_true", help="deploy instead of exporting: all ten gates")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    entries = [
        each for each in annotated(options.annotations) if not options.only or each["id"] in options.only.split(",")
    ]
    profile, verb = seeded_profile(options.corpus / ".ipython"), "deploy" if options.deploy else "export"
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = []
        for row in pool.map(lambda entry: examined(entry, options.corpus, profile, verb), entries):
            print(f"{row.id:<22}{row.expected:<8}{row.got}", file=sys.stderr, flush=True)
            rows.append(row)
    print(json.dumps([asdict(row) for row in rows], indent=1) if options.json else table(rows))
    return 0 if all(row.right for row in rows) else 1


def annotated(path: Path) -> list[dict[str, Any]]:
    import yaml  # type: ignore[import-untyped]

    entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["notebooks"]
    return entries


def seeded_profile(folder: Path) -> Path:
    """Write an IPython folder whose kernels seed their generators before the first cell."""
    startup = folder / "profile_default" / "startup" / "00-seeds.py"
    startup.parent.mkdir(parents=True, exist_ok=True)
    startup.write_text(SEEDS, encoding="utf-8")
    return folder


def examined(entry: dict[str, Any], corpus: Path, profile: Path, verb: str) -> Row:
    root = corpus / entry["id"]
    notebook = root / Path(entry["path"]).parent / "tagged.ipynb"
    part = part_of_client(entry)
    first = attempt(verb, notebook, root / "reference", profile, (), part)
    attempts = [first]
    if first.answer != "equal" and entry["deployable"] != "refuse" and (hints := hinted(entry, first)):
        attempts.append(attempt(verb, notebook, root / "reference", profile, hints, part))
    got, right = judged(entry["deployable"], attempts)
    return Row(entry["id"], entry["deployable"], got, right, tuple(attempts))


def part_of_client(entry: dict[str, Any]) -> str:
    """Return the key under which the client's document holds the input variable; "" where it is the variable itself."""
    wrapped = re.fullmatch(r"dict\((\w+)=raw\)", (entry.get("input") or {}).get("client") or "")
    return wrapped[1] if wrapped else ""


def attempt(verb: str, notebook: Path, reference: Path, profile: Path, hints: tuple[str, ...], part: str) -> Attempt:
    """Export or deploy once into a scratch folder, and ask the package what the client would ask."""
    with tempfile.TemporaryDirectory(prefix="corpus-", ignore_cleanup_errors=True) as scratch:
        homes = {"NBDEPLOY_HOME": f"{scratch}/home", "BENTOML_HOME": f"{scratch}/bentoml", "IPYTHONDIR": str(profile)}
        command = [
            sys.executable,
            "-m",
            "nbdeploy.frontends.cli",
            verb,
            str(notebook),
            "--name",
            "corpus",
            "--json",
        ]
        done = ran([*command, "--out", f"{scratch}/package", *hints], homes)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            return Attempt(hints, ok=False, answer="crashed", detail=(done.stderr or done.stdout)[-500:])
        told, gates = tuple(answer["diagnostics"]), tuple(answer.get("gates", ()))
        if not answer["ok"]:
            return Attempt(hints, ok=False, diagnostics=told, gates=gates)
        asked = [f"{scratch}/package", answer["module"], str(reference), part]
        compared = ran([sys.executable, "-c", COMPARE, *asked], homes)
    verdict, detail = compared_as(compared)
    return Attempt(hints, True, verdict, detail, answer["input"], answer["output"], gates, told)


def ran(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    limit = 900.0  # seconds
    try:
        return subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"took more than {limit:.0f} s")


def compared_as(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return "raises", lines[-1] if lines else f"exit status {done.returncode}"
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return ("equal", "") if found["same"] else ("differs", found["first"])


def hinted(entry: dict[str, Any], first: Attempt) -> tuple[str, ...]:
    """Return the options to try next: those that the refusal asks for, with the names that the annotation gives."""
    asked = " ".join(f"{each['message']} {each['fix']}" for each in first.diagnostics)
    name, value = ((entry.get(side) or {}).get(key) or "" for side, key in (("input", "var"), ("output", "value")))
    found: list[str] = []
    if name.isidentifier() and ("--input" in asked or (first.ok and first.input != name)):
        found += ["--input", name]
    if value.isidentifier() and "--output" in asked:
        found += ["--output", value]
    for allowed in dict.fromkeys(re.findall(r"--allow ([\w.]+:[\w.]+)", asked)):
        found += ["--allow", allowed]
    for place in dict.fromkeys(re.findall(r"--freeze (\d+:\d+)", asked)):
        found += ["--freeze", place]
    return tuple(found)


def judged(expected: str, attempts: list[Attempt]) -> tuple[str, bool]:
    """Tell in words what came, and whether that is right."""
    told = "; ".join(words(each) for each in attempts)
    if any(each.answer == "crashed" for each in attempts):
        return told, False
    if any(each.answer == "equal" for each in attempts):
        return told, expected != "refuse"
    silently = [each for each in attempts if each.ok and not (each.hints and each.warned)]
    refused = [each for each in attempts if not each.ok]
    return told, expected in ("split", "refuse") and bool(refused) and not silently


def words(attempt: Attempt) -> str:
    options = f"with {' '.join(attempt.hints)}: " if attempt.hints else ""
    if attempt.answer == "crashed":
        return f"{options}crashed: {attempt.detail}"
    codes = " ".join(where(each) for each in attempt.diagnostics)
    if not attempt.ok:
        return f"{options}refused {codes}{unpassed(attempt)}"
    warned = f", warned {codes}" if codes else ""
    detail = f" ({attempt.detail[:120]})" if attempt.detail else ""
    answered = f"{attempt.output[:40]}: {attempt.answer}{detail}{warned}{unpassed(attempt)}"
    return f"{options}deployed {attempt.input} -> {answered}"


def unpassed(attempt: Attempt) -> str:
    """Tell which of the ten gates did not pass: an export skips four."""
    found = [f"{each['name']} {each['verdict']}" for each in attempt.gates if each["verdict"] != "pass"]
    return f" [{len(attempt.gates)} gates, not passed: {', '.join(found) or 'none'}]" if attempt.gates else ""


def where(diagnostic: Mapping[str, Any]) -> str:
    cell, line = diagnostic["cell"], diagnostic["line"]
    code: str = diagnostic["code"]
    return code + ("" if cell is None else f" at {cell}" + ("" if line is None else f":{line}"))


def table(rows: list[Row]) -> str:
    lines = ["| notebook | expected | got | right |", "|---|---|---|---|"]
    lines += [
        f"| {row.id} | {row.expected} | {row.got.replace('|', '/')} | {'yes' if row.right else 'NO'} |" for row in rows
    ]
    equal = [row for row in rows if any(each.answer == "equal" for each in row.attempts)]
    counts, of = Counter(row.expected for row in equal), Counter(row.expected for row in rows)
    told = ", ".join(
        f"{counts[kind]} of {of[kind]} `{kind}`" for kind in ("tags", "state", "split", "refuse") if of[kind]
    )
    wrong = [row.id for row in rows if not row.right]
    return "\n".join([*lines, "", f"deployed with equal answers: {told}", f"not right: {', '.join(wrong) or 'none'}"])


if __name__ == "__main__":
    sys.exit(main())
