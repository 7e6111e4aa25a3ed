"""What a user asks for, and what they get: the same values for the magic, the command line and Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nbdeploy.errors import Diagnostic

if TYPE_CHECKING:
    from nbdeploy.proving.report import Report
    from nbdeploy.proving.verdict import Proof

__all__ = ["Audit", "DeployRequest", "Deployment", "OnnxMode", "OnnxWish"]

Audit = Literal["warn", "fail", "off"]
"""What known vulnerabilities of the requirements are: warned of, a failure of the gate `safe`, or not looked up."""

OnnxMode = Literal["auto", "require", "off"]
"""Whether fitted models are served as ONNX: where nothing is lost by it, always, never."""


@dataclass(frozen=True, slots=True)
class OnnxWish:
    """What is wished of ONNX, by the request and the notebook's settings.

    `tolerance` is what a number may differ by from the native model's, relative to its size, or in all where that is below
    1; None: a few steps of the precision that the native model answers in (1e-9 for doubles, 1e-6 for float32). A class may
    never differ. `quantize` makes a smaller graph of the whole serving path as well, beside the exact one: with
    weights of 8 bits, and with what that costs measured. The service never uses it.
    """

    mode: OnnxMode = "auto"
    tolerance: float | None = None
    quantize: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """One wish to deploy a notebook.

    `name` is the service's name; without it the notebook's own settings or its file name give one. `input`, `output` and
    `bind` (name read by predict -> name made by preprocess) settle what can't be inferred. `source` is where fitted objects
    come from: a fresh run, or the live kernel, whose objects then lie in the folder `live` (see `recording/live.py`).
    `allow` holds names of gates whose failure is accepted, and `pickle:NAME` for values that may be pickled.
    `parameters` go to papermill, `metrics` names variables to record, `budget` limits (`p99_ms`, `memory_mb`, ...).
    `freeze` holds places `CELL:LINE` where the served code computes something over all rows (a mean, a median, dummies), or
    `all`: its value on the training side becomes a named constant of the package (see `freezing`). The file stays as it is.
    `out` is where the exported package goes (default: the user's data folder, by name and version), `report` a file for
    the report's page, also where a gate stops the deploy (default then: the data folder). `onnx`, `onnx_tolerance` and
    `quantize` say whether fitted models are served as ONNX, and how exactly (see `OnnxWish`). `labels` names the variable
    that holds what is true for the recorded rows, `segments` the input's columns by which the gate `better` compares with
    the version before as well; `margin` is by how much the metric may be worse than that version's. `audit` says what known
    vulnerabilities are. What is None is as the notebook's settings say, else as the command line's default.
    """

    notebook: Path
    name: str | None = None
    input: str | None = None
    output: str | None = None
    bind: Mapping[str, str] = field(default_factory=dict)
    source: Literal["run", "kernel"] = "run"
    live: Path | None = None
    allow: frozenset[str] = frozenset()
    budget: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    out: Path | None = None
    report: Path | None = None
    onnx: OnnxMode | None = None
    onnx_tolerance: float | None = None
    quantize: bool | None = None
    freeze: frozenset[str] = frozenset()
    labels: str | None = None
    segments: tuple[str, ...] = ()
    margin: float | None = None
    audit: Audit | None = None

    def options(self) -> Iterator[str]:
        """Yield the options of the command line that say all this, `live` and the notebook's path left out."""
        named = {
            "--name": self.name,
            "--input": self.input,
            "--output": self.output,
            "--onnx": self.onnx,
            "--onnx-tolerance": self.onnx_tolerance,
            "--labels": self.labels,
            "--margin": self.margin,
            "--audit": self.audit,
            "--out": self.out,
            "--report": self.report,
        }
        for option, value in named.items():
            yield from () if value is None else (option, str(value))
        yield from () if self.source == "run" else ("--from", self.source)
        yield from () if self.quantize is None else ("--quantize" if self.quantize else "--no-quantize",)
        for name, value in self.parameters.items():
            yield from ("-p", name, str(value))
        for option, values in (
            ("--bind", [f"{reader}={maker}" for reader, maker in self.bind.items()]),
            ("--metrics", self.metrics),
            ("--budget", [f"{key}={number:.15g}" for key, number in self.budget.items()]),
            ("--segment", self.segments),
            ("--allow", sorted(self.allow)),
            ("--freeze", sorted(self.freeze, key=_by_place)),
        ):
            for each in values:
                yield from (option, each)


def _by_place(place: str) -> list[int]:
    return [int(number) for number in place.split(":") if number.isdecimal()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployed version, with its proof. `seconds` has `record`, `export`, `prove`, `track`, `build` and `total`.

    `report` is all that is to be told of it; as a page it lies in the package's folder `notebook`.
    """

    name: str
    version: str
    package: Path
    module: str
    input: str
    output: str
    bindings: Mapping[str, str]
    proof: Proof
    bento_tag: str | None = None
    bento_path: Path | None = None
    run_id: str | None = None
    experiment: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    notebook: Path | None = None
    report: Report | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": True,
            "name": self.name,
            "version": self.version,
            "notebook": str(self.notebook) if self.notebook else None,
            "package": str(self.package),
            "module": self.module,
            "bento_tag": self.bento_tag,
            "bento_path": str(self.bento_path) if self.bento_path else None,
            "report": str(self.package / "notebook" / "report.html") if self.report else None,
            "run_id": self.run_id,
            "experiment": self.experiment,
            "input": self.input,
            "output": self.output,
            "bindings": dict(self.bindings),
            "gates": self.proof.as_json(),
            "diagnostics": [each.as_json() for each in self.diagnostics],
            "seconds": dict(self.seconds),
        }
