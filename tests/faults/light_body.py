"""A body for the engine process that computes nothing: the real agent, without the weight.

It "works" for 0.2 to 1 s, told by the job's id, unless a tag of the job says otherwise:

- ``seconds:12`` how long in all, ``epochs:4``, ``batches:2`` in how many steps
- ``poison`` kills its own process half-way, ``hang`` falls silent there, deaf to SIGTERM
- ``deaf`` hears no order

What it does it appends to the file named by `LOG_VARIABLE`, one JSON line at a time, so that a
test can tell which attempts really ran.
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

from exitwave.worker.control import (
    Control,
    JobCancelledError,
    JobPreemptedError,
    JobStoppedError,
)

from exitwave.schema.job import Job, Progress, Result, ResumePoint
from exitwave.settings.service import Settings

LOG_VARIABLE = "FAULTS_EXECUTION_LOG"
BODY = "tests.faults.light_body:LightBody"


@dataclass(frozen=True)
class Entry:
    """One line of the log. `what`: start, epoch, end, preempted, stopped or cancelled."""

    job: str
    attempt: int
    worker: str
    pid: int
    what: str
    epoch: int
    at: float


def read_log(path: Path) -> list[Entry]:
    """What all engines did so far, in the order in which they did it."""
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


class LightBody:
    """See the module."""

    device = "light"

    def __init__(self, settings: Settings) -> None:
        self._worker = settings.worker.name
        self._log = Path(os.environ[LOG_VARIABLE])

    def probe(self) -> None:
        """It is always well."""

    def run(self, job: Job, control: Control) -> Result:
        plan = Plan.of(job)
        run = _Run(job, plan, control, lambda what, epoch: self._note(job, what, epoch))
        kept = self._log.with_name(f"{job.id}.epoch")
        try:
            epochs = run.from_epoch(int(kept.read_text()) if kept.exists() else 0)
        except JobPreemptedError:
            kept.write_text(str(run.epoch))
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

    def _note(self, job: Job, what: str, epoch: int) -> None:
        entry = Entry(job.id, job.attempt, self._worker, os.getpid(), what, epoch, time.time())
        line = json.dumps(asdict(entry)) + "\n"
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(log, line.encode())  # one write: lines of other engines cannot mix in
        finally:
            os.close(log)


class _Run:
    """The epochs of one attempt."""

    def __init__(
        self, job: Job, plan: Plan, control: Control, note: Callable[[str, int], None]
    ) -> None:
        self._job, self._plan, self._control, self._note = job, plan, control, note
        self.epoch = 0

    def from_epoch(self, first: int) -> int:
        """Number of epochs reached: fewer than planned if the job was stopped."""
        self.epoch = first
        self._note("start", first)
        resumed = ResumePoint(attempt=self._job.attempt - 1, epoch=first) if first else None
        epoch_s = self._plan.seconds / self._plan.epochs
        said = Progress(
            phase="reconstructing",
            epoch=first,
            epochs=self._plan.epochs,
            resumed_from=resumed,
            seconds_per_epoch=epoch_s,
        )
        while self.epoch < self._plan.epochs:
            try:
                for _ in range(self._plan.batches):
                    time.sleep(epoch_s / self._plan.batches)
                    self._tell(said, JobPreemptedError)
                self.epoch += 1
                self._note("epoch", self.epoch)
                last = self.epoch == self._plan.epochs
                phase = "writing" if last else "reconstructing"
                said = said.model_copy(update={"epoch": self.epoch, "phase": phase})
                self._tell(said, *([JobPreemptedError, JobStoppedError] if last else []))
            except JobStoppedError:
                break
            if self.epoch == max(1, self._plan.epochs // 2):
                self._misbehave()
        return self.epoch

    def _tell(self, said: Progress, *bears: type[Exception]) -> None:
        if "deaf" in self._plan.flags:
            bears = (JobCancelledError, JobStoppedError, JobPreemptedError)
        try:
            self._control(said)
        except bears:
            return

    def _misbehave(self) -> None:
        if "poison" in self._plan.flags:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in self._plan.flags:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        while "hang" in self._plan.flags:
            time.sleep(1)
