"""A fake engine: what the engine process of a real agent runs, without torch.

It "computes" for 0.2 to 1 s, told by the job's id, unless a tag of the job says otherwise:

- ``seconds:12`` how long in all, ``epochs:4``, ``batches:2`` in how many steps
- ``ignores_signals`` obeys no command

and in the middle of its epochs:

- ``crash_job`` kills its own process
- ``hang`` falls silent and blocks SIGTERM
- ``out_of_memory``, ``out_of_host_memory``, ``broken_device`` raises what torch would

A preempted job goes on from a checkpoint in the worker's own folder of checkpoints. What it
does it appends to `EXECUTION_LOG` in the data directory, one JSON line at a time, so that a
test can tell which attempts really ran. While there is a file `UNHEALTHY` its device does not
compute.
"""

from __future__ import annotations

import json
import os
import signal
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from exitwave.schema.job import Job, Progress, Result, ResumePoint
from exitwave.settings.service import Settings
from exitwave.worker.protocol import (
    Control,
    JobCancelledError,
    JobPreemptedError,
    JobStoppedError,
)
from exitwave.worker.protocol.paths import checkpoints_folder

FAKE_RUNNER = "tests.support.fake_engine:FakeEngine"
"""For the setting `worker.runner`."""

CHECKPOINT = "checkpoint.json"
EXECUTION_LOG = "executions.jsonl"
UNHEALTHY = "unhealthy"
START_S = "FAKE_ENGINE_START_S"
"""Environment variable: seconds that an engine takes to start, as torch would."""

COMMANDS = (JobCancelledError, JobStoppedError, JobPreemptedError)


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


FAILURES = {
    "out_of_memory": OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    "out_of_host_memory": MemoryError(),
    "broken_device": RuntimeError("CUDA error: an illegal memory access was encountered"),
}


@dataclass(frozen=True)
class Entry:
    """One line of the log. `what`: start, epoch, hang, end, preempted, stopped or cancelled."""

    job: str
    attempt: int
    worker: str
    pid: int
    what: str
    epoch: int
    at: float


def read_log(data_dir: Path) -> list[Entry]:
    """What all engines did so far, in the order in which they did it."""
    path = data_dir / EXECUTION_LOG
    if not path.exists():
        return []
    whole, newline, _ = path.read_text().rpartition("\n")
    return [Entry(**json.loads(line)) for line in whole.splitlines()] if newline else []


@dataclass(frozen=True)
class Plan:
    """What a job's tags ask for."""

    seconds: float
    epochs: int
    batches: int
    flags: frozenset[str]

    @classmethod
    def of(cls, job: Job) -> Plan:
        values = dict(tag.split(":", 1) for tag in job.spec.tags if ":" in tag)
        share = zlib.crc32(job.id.encode()) / 2**32
        return cls(
            seconds=float(values.get("seconds", 0.2 + 0.8 * share)),
            epochs=int(values.get("epochs", 4)),
            batches=int(values.get("batches", 2)),
            flags=frozenset(tag for tag in job.spec.tags if ":" not in tag),
        )


class FakeEngine:
    """See the module."""

    device = "fake"

    def __init__(self, settings: Settings) -> None:
        self._worker, self._folder = settings.worker.name, settings.data_dir
        self._checkpoints = checkpoints_folder(settings)
        time.sleep(float(os.environ.get(START_S, "0")))

    def probe(self) -> None:
        """Fails while there is a file that says so."""
        if (self._folder / UNHEALTHY).exists():
            raise ValueError("1 + 1 gives 3")

    def run(self, job: Job, control: Control) -> Result:
        plan = Plan.of(job)
        run = _Run(plan, control, lambda what, epoch: self._note(job, what, epoch))
        try:
            epochs = run.resumed_from(self._checkpoint(job))
        except JobPreemptedError:
            self._write_checkpoint(job, run.epoch)
            self._note(job, "preempted", run.epoch)
            raise
        except JobCancelledError:
            self._note(job, "cancelled", run.epoch)
            raise
        self._note(job, "end" if epochs == plan.epochs else "stopped", epochs)
        node = f"ptycho/{job.spec.scan.uid}/{job.id}/a{job.attempt}"
        return Result(
            node=node, attempt=job.attempt, complete=epochs == plan.epochs, epochs=epochs
        )

    def _checkpoint(self, job: Job) -> ResumePoint | None:
        path = self._checkpoints / job.id / CHECKPOINT
        return ResumePoint.model_validate_json(path.read_text()) if path.exists() else None

    def _write_checkpoint(self, job: Job, epoch: int) -> None:
        folder = self._checkpoints / job.id
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{os.getpid()}.part"
        part.write_text(ResumePoint(attempt=job.attempt, epoch=epoch).model_dump_json())
        part.replace(folder / CHECKPOINT)

    def _note(self, job: Job, what: str, epoch: int) -> None:
        entry = Entry(job.id, job.attempt, self._worker, os.getpid(), what, epoch, time.time())
        line = json.dumps(asdict(entry)) + "\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        log = os.open(self._folder / EXECUTION_LOG, flags, 0o600)
        try:
            os.write(log, line.encode())  # one write: lines of other engines cannot mix in
        finally:
            os.close(log)


class _Run:
    """The epochs of one attempt."""

    def __init__(self, plan: Plan, control: Control, note: Callable[[str, int], None]) -> None:
        self._plan, self._control, self._note = plan, control, note
        self.epoch = 0

    def resumed_from(self, point: ResumePoint | None) -> int:
        """Number of epochs reached: fewer than planned if the job was stopped."""
        self.epoch = 0 if point is None else point.epoch
        self._note("start", self.epoch)
        epoch_s = self._plan.seconds / self._plan.epochs
        progress = Progress(
            phase="reconstructing",
            epoch=self.epoch,
            epochs=self._plan.epochs,
            resumed_from=point,
            seconds_per_epoch=epoch_s,
        )
        while self.epoch < self._plan.epochs:
            try:
                for _ in range(self._plan.batches):
                    time.sleep(epoch_s / self._plan.batches)
                    self._report(progress, JobPreemptedError)
                self.epoch += 1
                self._note("epoch", self.epoch)
                last = self.epoch == self._plan.epochs
                phase = "writing" if last else "reconstructing"
                progress = progress.model_copy(update={"epoch": self.epoch, "phase": phase})
                self._report(progress, *([JobPreemptedError, JobStoppedError] if last else []))
            except JobStoppedError:
                break
            if self.epoch == max(1, self._plan.epochs // 2):
                self._misbehave()
        return self.epoch

    def _report(self, progress: Progress, *ignore: type[Exception]) -> None:
        if "ignores_signals" in self._plan.flags:
            ignore = COMMANDS
        self._control.report_and_check(progress, ignore=ignore)

    def _misbehave(self) -> None:
        for name in self._plan.flags & FAILURES.keys():
            raise FAILURES[name]
        if "crash_job" in self._plan.flags:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in self._plan.flags:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            self._note("hang", self.epoch)
        while "hang" in self._plan.flags:
            time.sleep(1)
