"""How fast the generated Bento serves, beside what people write by hand: the same models, rows and machine, interleaved.

`python benchmarks/serving/run.py` exports four notebooks (kept in --home for the next time), starts for each model all
servers beside each other, and lets wrk ask them in turn: 1, 16 and 64 clients, requests of one row and of 64. What counts are
ratios within a round; a figure is the median over the rounds. `--table` and `--plot` say where the results go, in Markdown and
as a picture. wrk and `pip install -r benchmarks/serving/requirements.txt` are needed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES, Case, exported
from contenders import CONTENDERS, Running, running

CLIENTS = (1, 16, 64)
SIZES = (1, 64)
FIRST = CONTENDERS[0].name
WRK = Path(__file__).parent / "post.lua"


def main() -> None:
    asked = arguments()
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed: apt-get install wrk")
    found: dict[str, Any] = json.loads(asked.out.read_text()) if asked.out.is_file() else {}
    for name in asked.case:
        found[name] = measured(exported(name, asked.home), asked)
        asked.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    text = table(found)
    print(text)
    if asked.table:
        asked.table.write_text(text + "\n", encoding="utf-8")
    if asked.plot:
        plot(found, asked.plot)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "nbdeploy-serving"
    parser.add_argument("--home", type=Path, default=cache, help="where the exported packages are kept")
    parser.add_argument("--out", type=Path, default=None, help="the figures as JSON; cases that it has are kept")
    parser.add_argument("--case", action="append", choices=CASES, help="only this one (can be repeated)")
    parser.add_argument("--only", action="append", help="only contenders whose name has this in it, and the first")
    parser.add_argument("--seconds", type=float, default=1.5, help="of one load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--plot", type=Path)
    found = parser.parse_args()
    found.case = found.case or list(CASES)
    found.out = found.out or found.home / "figures.json"
    return found


def measured(case: Case, asked: argparse.Namespace) -> dict[str, Any]:
    """Ask all servers of a case in turn; return for each its figures by load."""
    wanted = [
        each
        for each in CONTENDERS
        if each.needs(case) and (not asked.only or each.name == FIRST or any(part in each.name for part in asked.only))
    ]
    with tempfile.TemporaryDirectory(prefix="nbdeploy-serving-") as scratch, ExitStack() as stack:
        servers = []
        for number, each in enumerate(wanted):
            print(f"{case.name}: starting {each.name}", file=sys.stderr)
            servers.append(stack.enter_context(running(each, case, list(SIZES), Path(scratch, str(number)))))
        for turn in range(asked.rounds + 1):
            for clients in CLIENTS:
                for size in SIZES:
                    for server in servers:
                        seconds = asked.seconds if turn else 0.3  # the first round only warms
                        seen = load(server, clients, size, seconds, Path(scratch))
                        if turn:
                            server.figures.setdefault(f"{clients} x {size}", []).append(seen)
        return {each.contender.name: summed_up(each) for each in servers}


def load(server: Running, clients: int, size: int, seconds: float, scratch: Path) -> dict[str, float]:
    """Return what wrk saw of one server."""
    body = scratch / "body.json"
    body.write_bytes(server.bodies[size])
    command = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(WRK)]
    done = subprocess.run(
        [*command, server.url], env={**os.environ, "BODY": str(body)}, capture_output=True, text=True, check=True
    )
    line = next(each for each in done.stdout.splitlines() if each.startswith("FIGURES "))
    found: dict[str, float] = json.loads(line.removeprefix("FIGURES "))
    if found["failed"] or found["timeouts"]:
        print(f"{server.contender.name}, {clients} clients, {size} rows: {found}", file=sys.stderr)
    return found


def summed_up(server: Running) -> dict[str, Any]:
    loads = {
        what: {key: round(median(each[key] for each in seen), 3) for key in seen[0]}
        for what, seen in server.figures.items()
    }
    return {"memory_mb": round(server.memory_mb(), 1), "cold_start_s": round(server.cold_start_s, 2), "loads": loads}


def table(found: dict[str, Any]) -> str:
    """Return the figures of all cases as Markdown: requests a second, and beside them how much slower the others are."""
    parts = []
    for name, servers in found.items():
        loads = list(servers[FIRST]["loads"])
        lines = [f"### {name}", "", "| requests a second (p50 / p99 in ms) |" + "".join(f" {each} |" for each in loads)]
        lines[-1] += " memory, MB | first answer, s |"
        lines.append("|---" * (len(loads) + 3) + "|")
        for server, figures in servers.items():
            cells = []
            for each in loads:
                seen, own = figures["loads"][each], servers[FIRST]["loads"][each]
                ratio = (
                    "" if server == FIRST else f", {own['rps'] / seen['rps']:.2f}x" if seen["rps"] else ", no answer"
                )
                cells.append(f"{seen['rps']:,.0f} ({seen['p50_ms']:.3g} / {seen['p99_ms']:.3g}{ratio})")
            row = [server, *cells, f"{figures['memory_mb']:.0f}", f"{figures['cold_start_s']:.1f}"]
            lines.append("| " + " | ".join(row) + " |")
        parts.append("\n".join(lines))
    head = "Loads are clients x rows of a request; `2.00x` says that nbdeploy's Bento answers twice as many requests."
    return "\n\n".join((head, *parts))


def plot(found: dict[str, Any], path: Path) -> None:
    """Draw requests a second on a logarithmic scale, one panel for each case and size of a request."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(found), 2, figsize=(11, 2.6 * len(found)), squeeze=False)
    for row, (name, servers) in zip(axes, found.items(), strict=True):
        for axis, size in zip(row, SIZES, strict=True):
            for place, server in enumerate(each.name for each in CONTENDERS):
                if server not in servers:
                    continue
                figures = servers[server]
                rates = [figures["loads"][f"{clients} x {size}"]["rps"] for clients in CLIENTS]
                spots = [each + place * 0.1 for each in range(len(CLIENTS))]
                axis.bar(spots, rates, 0.09, label=server, color=f"C{place}")
            axis.set_yscale("log")
            axis.set_title(f"{name}, {size} row{'s' * (size > 1)} a request", fontsize=9)
            axis.set_xticks(
                [each + 0.35 for each in range(len(CLIENTS))], [f"{each} client{'s' * (each > 1)}" for each in CLIENTS]
            )
            axis.tick_params(labelsize=8)
            axis.set_ylabel("requests a second", fontsize=8)
    handles, labels = max((axis.get_legend_handles_labels() for axis in axes.flat), key=lambda each: len(each[0]))
    figure.legend(handles, labels, loc="lower center", ncol=4, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path)


if __name__ == "__main__":
    main()
