"""Live progress in the terminal, from the service's events."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from exitwave.client import Client
from exitwave.schema.job import Event, EventKind, Job, JobState, Progress

EVENT_TEXT: dict[EventKind, str] = {
    "submitted": "queued",
    "started": "running",
    "requeued": "lost its worker; queued again",
    "preempted": "preempted by live work; queued again",
    "cancel_requested": "told to stop",
    "stop_requested": "told to end now and keep its result",
    "preempt_requested": "to be preempted by live work",
    "reprioritised": "moved in the queue",
    "paused": "paused",
    "resumed": "resumed",
    "stale": "a stale attempt finished; refused",
}


def follow_job(client: Client, job_id: str, *, quiet: bool = False) -> Job:
    """Follow one job to its end, with a bar where the output is a terminal."""
    job = client.job(job_id)
    if job.state.terminal:
        return job
    with _Display(quiet=quiet) as display:
        display.show(job.id, job.progress)
        for event in client.events(job_id):
            display.handle(event)
    return client.job(job_id)


def follow_all_jobs(client: Client) -> None:
    """Follow all jobs until interrupted."""
    with _Display() as display:

        def show_unfinished() -> None:
            display.clear()
            for state in (JobState.QUEUED, JobState.RUNNING):
                for job in client.jobs(state).jobs:
                    display.show(job.id, job.progress)

        show_unfinished()
        for event in client.events(on_reset=show_unfinished):
            display.handle(event)


class _Display:
    """A bar for each unfinished job on a terminal; other events as lines, everywhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        console = Console(markup=False, highlight=False, quiet=quiet, stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}", markup=False),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def handle(self, event: Event) -> None:
        """Print or draw one event."""
        if event.kind == "ended":
            verdict = f", {event.verdict}" if event.verdict else ""
            self._print(f"job {event.job_id} {event.state}{verdict}")
            self._remove(event.job_id)
            return
        if event.kind != "progress":
            self._print(f"job {event.job_id} {EVENT_TEXT[event.kind]}")
        self.show(event.job_id, event.progress)

    def show(self, job_id: str, progress: Progress | None) -> None:
        """Show a job's progress in its bar."""
        if job_id not in self._tasks:
            self._tasks[job_id] = self._bars.add_task(job_id, total=None, loss="")
        if progress is None:
            return
        loss = "" if progress.loss is None else f"loss {progress.loss:.4g}"
        phase = "" if progress.phase == "reconstructing" else f" {progress.phase}"
        self._bars.update(
            self._tasks[job_id],
            description=job_id + phase,
            completed=progress.epoch,
            total=progress.epochs or None,
            loss=loss,
        )

    def clear(self) -> None:
        """Remove all bars."""
        for job_id in list(self._tasks):
            self._remove(job_id)

    def _remove(self, job_id: str) -> None:
        if (task := self._tasks.pop(job_id, None)) is not None:
            self._bars.remove_task(task)

    def _print(self, line: str) -> None:
        self._bars.console.print(line)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()
