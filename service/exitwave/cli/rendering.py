"""Jobs as tables and lines of text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from exitwave.schema.job import Attempt, Job, JobState, Progress, Quality
from exitwave.schema.required import verdict_line
from exitwave.schema.verdict import Verdict

from .verdict_rendering import VERDICT_STYLES, verdict_rows

PIPED_WIDTH = 160
"""Columns where there is no terminal: lines stay whole for grep."""

console = Console(
    markup=False, highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH
)

STYLES = {
    JobState.QUEUED: "",
    JobState.RUNNING: "cyan",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "dim",
    JobState.DEAD: "red",
}


def job_list(jobs: list[Job]) -> Table:
    """A table with a line for each job; a narrow terminal cuts long names."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    narrowest = {"job": 26, "state": 9, "verdict": 10, "progress": 9}
    names = ("job", "state", "verdict", "scan", "recipe", "progress", "loss", "submitted")
    for name in names:
        table.add_column(name, no_wrap=True, min_width=narrowest.get(name))
    for job in jobs:
        table.add_row(
            job.id,
            "paused" if job.paused else job.state.value,
            verdict_text(job),
            scan_name(job),
            recipe_name(job),
            epoch_text(job),
            loss_text(job),
            ago(job.submitted_at),
            style=job_style(job),
        )
    return table


def job_style(job: Job) -> str:
    """Colour of a job's line: that of its verdict, else of its state."""
    verdict = _verdict_of(job)
    return STYLES[job.state] if verdict is None else VERDICT_STYLES[verdict.verdict]


def verdict_text(job: Job) -> str:
    """The verdict in a word; empty where none is expected."""
    verdict = _verdict_of(job)
    if verdict is not None:
        return verdict.verdict
    is_missing = job.result is not None and job.spec.kind == "reconstruction"
    return "not judged" if is_missing else ""


def _verdict_of(job: Job) -> Verdict | None:
    return None if job.result is None else job.result.verdict


def job_record(job: Job, linked: Sequence[Job] = ()) -> Table:
    """One job in full, its verdict first, and the jobs that refer to it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, line in _verdict_rows(job):
        table.add_row(name, line, style=job_style(job) if name == "verdict" else "")
    for name, line in (*_request_rows(job), *_progress_rows(job), *_result_rows(job)):
        table.add_row(name, line)
    for other in linked:
        table.add_row(relation(other, job.id), f"{other.id} {other.state}")
    return table


def relation(other: Job, job_id: str) -> str:
    """How another job refers to this one; empty if it does not."""
    spec = other.spec
    if spec.parent == job_id:
        return "frc"
    if spec.retry_of == job_id:
        return "retried as"
    return "start of" if spec.start is not None and spec.start.job_id == job_id else ""


def _verdict_rows(job: Job) -> list[tuple[str, str]]:
    if job.result is None:
        return []
    result = job.result
    rows = verdict_rows(result.verdict, result.preparation, result.start)
    if result.verdict is None and (word := verdict_text(job)):
        rows.insert(0, ("verdict", word))
    return rows


def _request_rows(job: Job) -> Iterator[tuple[str, str]]:
    spec = job.spec
    yield "job", job.id
    yield "state", job.state.value + _pending_request(job)
    yield "scan", f"{scan_name(job)}  {spec.scan.uid}"
    yield "recipe", str(spec.recipe.get("name", ""))
    for key, value in spec.overrides.items():
        yield "", f"{key} = {value}"
    if spec.parent:
        yield "frc of", f"{spec.parent}, two halves of the {spec.halves}"
    if spec.retry_of:
        yield "retry of", spec.retry_of
    if spec.start:
        yield "start", f"object and probe of job {spec.start.job_id}"
    before = "" if job.priority == spec.priority else f" (submitted with {spec.priority})"
    yield "priority", f"{job.priority}{before}"
    if spec.tags:
        yield "tags", " ".join(spec.tags)


def _progress_rows(job: Job) -> Iterator[tuple[str, str]]:
    yield "submitted", f"{local_time(job.submitted_at)} by {job.owner}"
    if job.started_at:
        yield "started", local_time(job.started_at)
    if job.ended_at:
        yield "ended", f"{local_time(job.ended_at)} after {duration_text(job)}"
    if job.progress and job.state.terminal:
        yield "progress", f"epoch {epoch_text(job)}"
    elif job.progress:
        yield "progress", progress_text(job.progress)
    if loss := loss_text(job):
        yield "loss", loss
    if job.preemptions:
        yield "preempted", f"by live work {_times(job.preemptions)}"
    if job.lost:
        yield "lost", f"its worker or engine died {_times(job.lost)}"
    for attempt in job.attempts:
        yield f"attempt {attempt.number}", attempt_text(attempt)


def _result_rows(job: Job) -> Iterator[tuple[str, str]]:
    if job.failure:
        yield "failure", f"{job.failure.message} [{job.failure.slug}]"
    if job.result:
        early = "" if job.result.complete else ", ended early on request"
        yield "result", f"{job.result.node} (in Tiled){early}"
        yield from quality_rows(job.result.quality, job.result.verdict)


def attempt_text(attempt: Attempt) -> str:
    """Where one attempt ran, from which epoch, how it ended and why."""
    where = f"{attempt.worker} ({attempt.device})" if attempt.device else attempt.worker
    began = ""
    if attempt.progress is not None:
        if (point := attempt.progress.resumed_from) is not None:
            began = f", resumed from epoch {point.epoch} of attempt {point.attempt}"
        elif attempt.progress.note:
            began = f", from the start ({attempt.progress.note})"
    reason = f": {attempt.reason}" if attempt.reason else ""
    return f"{attempt.outcome or 'running'} on {where}{began}{reason}"


def outcome(job: Job) -> str:
    """How a job ended, in a line."""
    if job.failure is not None:
        return f"job {job.id} {job.state}: {job.failure.message}"
    if job.result is not None:
        where = f"{job.result.node} in Tiled"
        said = f"job {job.id} {job.state} after {duration_text(job)}"
        verdict = job.result.verdict
        if verdict is None:
            return f"{said}: {where}"
        return f"{said}, {verdict_line(verdict)}; {where}"
    return f"job {job.id} {job.state}"


def quality_rows(
    quality: Quality | None, verdict: Verdict | None = None
) -> list[tuple[str, str]]:
    """Figures of quality: a name and a line for each that is known.

    The PRTF compares a model with the data that it was fitted to: a false picture has a
    perfect one, so that it counts only where the verdict is good.
    """
    if quality is None:
        return []
    rows = []
    if (held_out := quality.held_out) is not None:
        losses = f"Poisson {held_out.poisson:.4g}, amplitude {held_out.amplitude:.4g} per pixel"
        rows.append(("held out", f"{losses}, of {held_out.patterns} patterns not fitted"))
    if quality.raster_artefact is not None:
        rows.append(
            ("raster artefact", f"{100 * quality.raster_artefact:.2g} % of the object's")
        )
    if quality.prtf_cycles_per_px is not None:
        rows.append(("PRTF", _prtf(quality.prtf_cycles_per_px, verdict)))
    if quality.overlap is not None:
        rows.append(("overlap", f"{100 * quality.overlap:.0f} % of the probe's diameter"))
    if (frc := quality.frc) is not None:
        length = f"half period {frc.half_period_nm:.3g} nm, halves of the {frc.halves}"
        rows.append(("FRC", f"above half a bit {_up_to(frc.crossing_cycles_per_px)}: {length}"))
    return rows


def _prtf(cycles_per_px: float, verdict: Verdict | None) -> str:
    if verdict is None:
        return f"above 1/e {_up_to(cycles_per_px)}; says nothing by itself"
    if verdict.verdict == "good":
        return f"above 1/e {_up_to(cycles_per_px)}"
    doubtful = verdict.verdict == "doubtful"
    state = "the picture is doubtful" if doubtful else "there is no picture"
    return f"not told: it says nothing while {state}"


def _up_to(cycles_per_px: float) -> str:
    band = "the end of the band, " if cycles_per_px >= 0.5 else ""
    return f"up to {band}{cycles_per_px:.3g} cycles/px"


def recipe_name(job: Job) -> str:
    """Name of its recipe, after the kind of a job that is no reconstruction."""
    name = str(job.spec.recipe.get("name", ""))
    return name if job.spec.kind == "reconstruction" else f"{job.spec.kind} {name}".strip()


def scan_name(job: Job) -> str:
    """Short name of its scan: number and sample."""
    scan = job.spec.scan
    name = scan.uid[:8] if scan.scan_id is None else f"{scan.scan_id}"
    return f"{name} {scan.sample}".strip()


def progress_text(progress: Progress | None) -> str:
    """Progress in words."""
    if progress is None:
        return ""
    if progress.phase != "reconstructing":
        return progress.phase
    pace = progress.seconds_per_epoch
    speed = f" ({pace:.2g} s each)" if pace is not None else ""
    return f"epoch {progress.epoch}/{progress.epochs}{speed}"


def epoch_text(job: Job) -> str:
    """Epochs done, of all, in few letters."""
    progress = job.progress
    if progress is None or (progress.phase != "reconstructing" and not job.state.terminal):
        return progress_text(progress)
    return f"{progress.epoch}/{progress.epochs}"


def loss_text(job: Job) -> str:
    """Its last loss."""
    known = job.result if job.result is not None else job.progress
    return "" if known is None or known.loss is None else f"{known.loss:.4g}"


def ago(then: datetime) -> str:
    """Time since, in its largest unit."""
    return f"{_duration((datetime.now(UTC) - then).total_seconds())} ago"


def duration_text(job: Job) -> str:
    """Time from the start of the first attempt to the end, or until now."""
    if job.started_at is None:
        return ""
    end = job.ended_at or datetime.now(UTC)
    return _duration((end - job.started_at).total_seconds())


def _pending_request(job: Job) -> str:
    """What was requested and is not done yet."""
    if job.state.terminal:
        return ""
    if job.cancel_requested:
        return " (to be cancelled)"
    if job.stop_requested:
        return " (to end now and keep its result)"
    if job.preempt_requested:
        return " (to be preempted by live work)"
    return " (paused)" if job.paused else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def local_time(moment: datetime) -> str:
    """Date and time in this machine's time zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
