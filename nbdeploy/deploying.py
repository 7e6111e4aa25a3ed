"""The story of a deploy: notebook -> recording -> package -> proof -> Bento -> run."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nbdeploy.analysis.program import Program
from nbdeploy.clock import Clock
from nbdeploy.errors import Diagnostic, GateError, NbdeployError, ServingPathError, Severity, UsageError
from nbdeploy.home import claim_version, load_deployment, packages_folder, save_deployment
from nbdeploy.notebook.cells import Notebook
from nbdeploy.progress import Progress, silent
from nbdeploy.proving.verdict import Outcome, Proof, Verdict
from nbdeploy.reading import open_notebook
from nbdeploy.request import Audit, Deployment, DeployRequest, OnnxWish
from nbdeploy.suggestions import slug

if TYPE_CHECKING:
    from nbdeploy.packaging.bento import BuiltBento
    from nbdeploy.packaging.export import Wishes
    from nbdeploy.proving.better import Champion
    from nbdeploy.proving.prove import Proven
    from nbdeploy.proving.report import Report
    from nbdeploy.recording.recording import Recording
    from nbdeploy.tracking.record import Run

__all__ = ["deploy", "export", "open_notebook"]


def deploy(request: DeployRequest, progress: Progress = silent) -> Deployment:
    """Deploy a notebook: record it, export and prove the package, build and ask the Bento, track it all.

    Raises a subclass of NbdeployError where something is in the way; then nothing is registered and nothing is left.
    """
    from nbdeploy.packaging.bento import exists
    from nbdeploy.proving.stopped import hand_out

    _check(request, request.out)
    program, request, notes = _program(request)
    name = service_name(request, program.notebook)
    clock = Clock(progress)
    with _told_where(program.notebook), _scratch() as scratch, _undone_on_failure() as undo:
        with claim_version(name, exists) as claim:  # another data folder may share the Bento store
            deployed = _Deploy(program, request, name, claim.version, clock, undo, notes)
            recording = deployed.record(scratch)
            proven = deployed.prove(recording, claim.folder)
            bento = deployed.build(proven)
            proven = deployed.ask(proven, bento)
            proven = deployed.compare(proven, recording)
            deployed.report(proven, recording, bento)
            run = deployed.track(proven, recording, bento)
            report = deployed.report(proven, recording, bento, run)
            place = deployed.place(claim.folder, claim.published)
            hand_out(report, request.report)
        undo.callback(shutil.rmtree, claim.published, ignore_errors=True)
        made = deployed.told(proven, recording, place, report, bento, run)
        save_deployment(name, claim.version, made.as_json())
    return made


def export(request: DeployRequest, out: Path, progress: Progress = silent) -> Deployment:
    """Export the script pipeline of a notebook to `out`, proven, without Bento and MLflow."""
    from nbdeploy.packaging.placing import copy_whole
    from nbdeploy.proving.stopped import hand_out

    _check(request, out)
    program, request, notes = _program(request)
    clock = Clock(progress)
    with _told_where(program.notebook), _scratch() as scratch, _undone_on_failure() as undo:
        exported = _Deploy(program, request, service_name(request, program.notebook), "0", clock, undo, notes)
        recording = exported.record(scratch)
        proven = exported.prove(recording, scratch / "package")
        proven = replace(proven, proof=proven.proof + NOT_COMPARED)
        report = exported.report(proven, recording)
        copy_whole(scratch / "package", out, undo)
        hand_out(report, request.report)
    return exported.told(proven, recording, out, report)


def _check(request: DeployRequest, out: Path | None) -> None:
    """Refuse what can't be done before the notebook is run: that may last for hours."""
    from nbdeploy.packaging.placing import check_place
    from nbdeploy.proving.budget import check_limits
    from nbdeploy.proving.stopped import check_report_place

    check_limits(request.budget)
    check_place(out)
    check_report_place(request.report)


def _program(request: DeployRequest) -> tuple[Program, DeployRequest, list[Diagnostic]]:
    """Read the notebook, with what is to be frozen frozen; return it with what is then asked, and what to tell of that."""
    from nbdeploy.analysis.presumption import Said
    from nbdeploy.freezing import freeze, in_words, settled_input

    program = open_notebook(request.notebook)
    wanted = request.freeze | frozenset(program.notebook.settings.freeze)
    if not wanted:
        return program, request, []
    said = Said(request.input, request.output, request.bind)
    with _told_where(program.notebook):
        settled = settled_input(program, said)
        program, frozen = freeze(program, sorted(wanted), said)
    return program, replace(request, input=request.input or settled), [in_words(each) for each in frozen]


_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


def service_name(request: DeployRequest, notebook: Notebook) -> str:
    """Return the service's name: as asked, as the notebook's settings say, or from the file's name."""
    asked = request.name or notebook.settings.name
    name = asked or slug(request.notebook.stem)
    if not _NAME.fullmatch(name):
        raise UsageError(
            Diagnostic(
                code="NBD602",
                message=f"{name!r} can't be a service's name: small letters, digits, '-', '.', '_', at most 63",
                fix=f"--name {slug(name) or 'model'}",
            )
        )
    return name


def module_name(name: str) -> str:
    """Return the package's import name for a service's name."""
    from keyword import iskeyword
    from sys import stdlib_module_names

    module = re.sub(r"[^a-z0-9]+", "_", name).strip("_")
    taken = iskeyword(module) or module in stdlib_module_names or module in {"service", "tests", "bentoml", "mlflow"}
    return f"{module}_model" if taken or module[:1].isdigit() else module


def _figures_before(name: str) -> Mapping[str, Any] | None:
    """Return what the gate `budget` measured of the newest version that is deployed, if there is one."""
    try:
        gates = load_deployment(name).get("gates", ())
    except UsageError:
        return None
    return next((each["figures"] for each in gates if each["name"] == "budget" and each.get("figures")), None)


def _champion(name: str) -> Champion | None:
    """Return the version to beat: the one with the alias `champion`, else the newest one that is deployed from here."""
    from nbdeploy.proving.better import Champion
    from nbdeploy.tracking.mlflow import champion_version

    version, chosen = champion_version(name), "the champion"
    try:
        found = load_deployment(name, version)
    except UsageError:
        return Champion(version, chosen, None) if version else None
    package = packages_folder(name) / found["version"]
    chosen = chosen if version else "the newest before"
    return Champion(found["version"], chosen, package if package.is_dir() else Path(found["package"]))


NOT_COMPARED = Verdict(
    "better", Outcome.SKIP, "an export is not compared with a version before: `nbdeploy deploy` does that"
)
_Said = TypeVar("_Said")


def _first(asked: _Said | None, settled: _Said | None, default: _Said) -> _Said:
    """Return what the request says, else what the notebook's settings say, else the default."""
    said = asked if asked is not None else settled
    return said if said is not None else default


_MEASURED = {"NBD120", "NBD122"}  # aggregates, the label: the gates `rowwise` and `faithful` tell whether they matter


def _warnings(program: Program) -> Iterator[Diagnostic]:
    """Yield what the rules warn of and no gate measures: seeds, paths, secrets, labels in the served path."""
    from nbdeploy.analysis.rules import findings

    for each in findings(program):
        if each.severity is Severity.WARNING and each.code.startswith("NBD1") and each.code not in _MEASURED:
            yield each


@dataclass(frozen=True, slots=True)
class _Deploy:
    """One deploy under way: what was asked, the clock, and what to undo should it fail."""

    program: Program
    request: DeployRequest
    name: str
    version: str
    clock: Clock
    undo: ExitStack
    notes: list[Diagnostic] = field(default_factory=list)

    @property
    def allowed(self) -> frozenset[str]:
        return self.request.allow | frozenset(self.program.notebook.settings.allow)

    @property
    def limits(self) -> Mapping[str, float]:
        return {**self.program.notebook.settings.budget, **self.request.budget}

    @property
    def segments(self) -> tuple[str, ...]:
        return self.request.segments or self.program.notebook.settings.segments

    @property
    def margin(self) -> float:
        return _first(self.request.margin, self.program.notebook.settings.margin, 0.0)

    @property
    def onnx(self) -> OnnxWish:
        asked, settled, default = self.request, self.program.notebook.settings, OnnxWish()
        return OnnxWish(
            asked.onnx or settled.onnx or default.mode,
            _first(asked.onnx_tolerance, settled.onnx_tolerance, default.tolerance),
            _first(asked.quantize, settled.quantize, default.quantize),
        )

    @property
    def audit(self) -> Audit:
        return self.request.audit or self.program.notebook.settings.audit or "warn"

    def record(self, scratch: Path) -> Recording:
        from nbdeploy.proving.held_out import check_segments
        from nbdeploy.recording.runner import record

        with self.clock.stage("record", "running the notebook in a fresh kernel"), _with_ways_out(self.program):
            recording = record(self.program, self.request, module_name(self.name), scratch, self.clock.progress)
        check_segments(recording, self.segments)
        self.notes.extend((*self.program.notebook.diagnostics, *recording.path.diagnostics, *_warnings(self.program)))
        self.undo.push(lambda kind, error, trace: self.explain(recording, error))
        return recording

    def explain(self, recording: Recording, error: BaseException | None) -> None:
        """Leave the report of a deploy that a gate stopped, and let the error name its place."""
        from nbdeploy.packaging.export import export
        from nbdeploy.proving.prove import Proven
        from nbdeploy.proving.report import report_of
        from nbdeploy.proving.stopped import leave_report

        if not isinstance(error, GateError) or not error.gates:
            return
        with suppress(Exception):  # whatever befalls the page, what is to be told is the gate's error
            proven = Proven(export(recording, self.wishes), recording.folder, Proof(), {})
            seconds, notes = self.clock.seconds(), tuple(self.notes)
            report = report_of(proven, recording, seconds=seconds, places={}, diagnostics=notes)
            error.report = str(leave_report(report, error, self.request.report))

    @property
    def wishes(self) -> Wishes:
        from nbdeploy.packaging.export import Wishes

        return Wishes(self.name, module_name(self.name), self.version, segments=self.segments)

    def prove(self, recording: Recording, folder: Path) -> Proven:
        from nbdeploy.proving.prove import prove

        return prove(recording, self.wishes, folder, self.allowed, self.clock, self.limits, self.onnx, self.audit)

    def build(self, proven: Proven) -> BuiltBento:
        from nbdeploy.packaging.bento import build, delete

        with self.clock.stage("build", "building the Bento"):
            labels = {"module": proven.package.module, "made-by": "nbdeploy"}
            bento = build(proven.folder, self.name, self.version, labels)
            self.undo.callback(delete, bento.tag)
        return bento

    def ask(self, proven: Proven, bento: BuiltBento) -> Proven:
        from nbdeploy.proving.prove import Budget, ask_bento
        from nbdeploy.tracking.mlflow import preload

        with self.clock.stage("prove", "asking the served Bento"):
            # MLflow is imported while this process waits for the server; not where the server's start is to be timed.
            loading = None if "cold_start_s" in self.limits else preload()

            def wait() -> None:
                if loading is not None:
                    loading.join()

            try:
                budget = Budget(self.limits, _figures_before(self.name), wait)
                return ask_bento(proven, bento, budget, self.allowed, self.clock)
            finally:
                wait()  # it quiets the whole process as long as it runs

    def compare(self, proven: Proven, recording: Recording) -> Proven:
        from nbdeploy.proving.better import Wish
        from nbdeploy.proving.prove import compare

        wish = Wish(self.segments, self.margin)
        return compare(proven, recording, _champion(self.name), wish, self.allowed, self.clock)

    def track(self, proven: Proven, recording: Recording, bento: BuiltBento) -> Run:
        from nbdeploy.tracking.describing import tracking_record
        from nbdeploy.tracking.mlflow import track, untrack

        with self.clock.stage("track", "recording the run in MLflow"):
            run = track(tracking_record(proven, recording, bento.tag))
            self.undo.callback(untrack, run)
        return run

    def report(
        self, proven: Proven, recording: Recording, bento: BuiltBento | None = None, run: Run | None = None
    ) -> Report:
        """Write the report and the whole proof into the package and the Bento; again when the run is known."""
        from nbdeploy.proving.report import report_of
        from nbdeploy.proving.seal import seal

        places = {"bento": bento.tag} if bento else {}
        places |= {"mlflow run": f"{run.run_id} in {run.experiment}"} if run else {}
        seconds, notes = self.clock.seconds(), tuple(self.notes)
        report = report_of(proven, recording, seconds=seconds, places=places, diagnostics=notes)
        for folder in (proven.folder, *((bento.path / "src",) if bento else ())):
            seal(folder, report)
        return report

    def place(self, folder: Path, published: Path) -> Path:
        """Copy the package to where the user wants it, if somewhere else."""
        if self.request.out is None:
            return published
        from nbdeploy.packaging.placing import copy_whole

        copy_whole(folder, self.request.out, self.undo)
        return self.request.out.absolute()

    def told(
        self,
        proven: Proven,
        recording: Recording,
        place: Path,
        report: Report,
        bento: BuiltBento | None = None,
        run: Run | None = None,
    ) -> Deployment:
        path = recording.path
        return Deployment(
            name=self.name,
            version=self.version,
            package=place.absolute(),
            module=proven.package.module,
            input=path.input.name,
            output=path.output.label,
            bindings=path.bindings,
            proof=Proof(proven.proof.verdicts),
            bento_tag=bento.tag if bento else None,
            bento_path=bento.path if bento else None,
            run_id=run.run_id if run else None,
            experiment=run.experiment if run else None,
            diagnostics=(*self.notes, *proven.proof.warnings()),
            seconds=self.clock.seconds(),
            notebook=self.request.notebook.absolute(),
            report=report,
        )


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nbdeploy-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _undone_on_failure() -> Iterator[ExitStack]:
    """Collect what to undo; it is undone, the last first, only where the block fails."""
    with ExitStack() as undo:
        yield undo
        undo.pop_all()


@contextmanager
def _told_where(notebook: Notebook) -> Iterator[None]:
    """Let every error name the notebook, and bring along what reading it found: a mistyped tag may be the cause."""
    try:
        yield
    except NbdeployError as problem:
        problem.diagnostics = (*problem.diagnostics, *notebook.diagnostics)
        raise problem.in_notebook(notebook.path) from problem.__cause__


@contextmanager
def _with_ways_out(program: Program) -> Iterator[None]:
    """Let an error of a statement that fits anew for each request name the place to freeze, where that does."""
    from nbdeploy.freezing import offered

    try:
        yield
    except ServingPathError as problem:
        problem.diagnostics = tuple(offered(each, program) for each in problem.diagnostics)
        raise
