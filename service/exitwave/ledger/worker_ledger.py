"""The ledger as workers use it. Safe to share between threads."""

from __future__ import annotations

import time

from exitwave.schema.job import Failure, Job, Outcome, Progress, Result
from exitwave.schema.worker import WorkerState

from .commands import Signal
from .sync.connection import Connection


class WorkerLedger(Connection):
    """What an agent calls. Every method raises `LedgerUnavailable` while the server is away."""

    def claim(self, worker: str, device: str, wait_s: float = 0.0) -> Job | None:
        """Take the next job, waiting up to `wait_s` for one; `job.attempt` is the fence.

        Returns the job that this worker (this object) already holds, if any: the reply to
        an earlier claim may have been lost. None while the queue is paused or this worker is
        to drain.
        """
        deadline = time.monotonic() + wait_s
        while True:
            claimed = self.run(self._commands.claim(worker, device))
            if claimed.unreadable:
                self.run(self._commands.quarantine_job(claimed.unreadable))
                continue
            left_s = deadline - time.monotonic()
            if claimed.job or left_s <= 0:
                return claimed.job
            if claimed.draining:  # the wakeup of idle workers is for those who may claim
                self.run(self._commands.wait_for_control(worker, left_s))
            else:
                self.run(self._commands.wait_for_work(worker, left_s))

    def wait_for_control(self, worker: str, seconds: float) -> bool:
        """Wait until the next heartbeat of that worker would bring news, 5 s at most.

        Returns whether the ledger notified it: a job of its was cancelled, stopped or is
        preempted, or the worker is to drain.
        """
        return self.run(self._commands.wait_for_control(worker, seconds))

    def heartbeat(
        self, job_id: str, attempt: int, worker: str, progress: Progress | None = None
    ) -> Signal:
        """Extend the lease and report progress; the answer says what to do."""
        return self.run(self._commands.heartbeat(job_id, attempt, worker, progress))

    def finish(
        self,
        job_id: str,
        attempt: int,
        worker: str,
        outcome: Outcome,
        *,
        result: Result | None = None,
        failure: Failure | None = None,
    ) -> Job:
        """End an attempt.

        "lost" puts the job back where it stood, or makes it dead; "preempted" puts it back and
        is no loss. Both cancel a job that was to be cancelled.

        Raises
        ------
        StaleAttempt
            The attempt was lost or replaced meanwhile, or is another worker's; the job was not
            changed.
        """
        return self.run(
            self._commands.finish(
                job_id, attempt, worker, outcome, result=result, failure=failure
            )
        )

    def register_worker(
        self,
        worker: str,
        device: str,
        state: WorkerState,
        job_id: str | None = None,
        note: str = "",
    ) -> None:
        """Say that a worker is there and what it does; "stopped" takes it off the list."""
        self.run(self._commands.register_worker(worker, device, state, job_id, note))

    def get(self, job_id: str) -> Job:
        """One job; `JobNotFound` if there is none."""
        return self.run(self._commands.get(job_id))
