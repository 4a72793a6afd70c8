# Made from aio/service_ledger.py by `make sync`: change that one.
"""The ledger as the service uses it: everything but the work of workers."""

from __future__ import annotations

import time

from exitwave.schema.job import Job, JobPage, JobSpec, JobState

from ..commands import LONGEST_BLOCK_S, Events, QueueView, Workers
from .connection import Connection


class BlockingServiceLedger(Connection):
    """Jobs, queue, events. Every method raises `LedgerUnavailable` while the server is away."""

    def submit(
        self,
        spec: JobSpec,
        *,
        owner: str,
        idempotency_key: str | None = None,
        request_digest: str | None = None,
    ) -> tuple[Job, bool]:
        """Accept a job. It is on disk before this returns.

        Parameters
        ----------
        spec : JobSpec
            What to do.
        owner : str
            Who submits; the scope of `idempotency_key`.
        idempotency_key : str, optional
            A second submission with this key returns the first one's job.
        request_digest : str, optional
            Tells whether a second submission asks for the same; default: of `spec`.

        Returns
        -------
        Job, bool
            The job, and whether this call made it.

        Raises
        ------
        InvalidInput
            The key belongs to a job that was asked for with another body.
        """
        return self.run(
            self._commands.submit(
                spec,
                owner=owner,
                idempotency_key=idempotency_key,
                request_digest=request_digest,
            )
        )

    def submitted(self, owner: str, idempotency_key: str, request_digest: str) -> Job | None:
        """The job that this key already made; `InvalidInput` if for another request."""
        return self.run(self._commands.submitted(owner, idempotency_key, request_digest))

    def cancel(self, job_id: str) -> Job:
        """End a queued job, or tell the worker of a running one with its next heartbeat.

        Raises
        ------
        TransitionNotAllowed
            The job has ended otherwise.
        """
        return self.run(self._commands.cancel(job_id))

    def stop(self, job_id: str) -> Job:
        """Tell the worker of a running job to end it now and keep what there is.

        Raises
        ------
        TransitionNotAllowed
            The job does not run.
        """
        return self.run(self._commands.stop(job_id))

    def reprioritise(self, job_id: str, priority: int) -> Job:
        """Move a queued job; a running one goes back to its new place if it must.

        Raises
        ------
        TransitionNotAllowed
            The job has ended.
        """
        return self.run(self._commands.reprioritise(job_id, priority))

    def pause(self, job_id: str) -> Job:
        """Pause a queued job; `TransitionNotAllowed` if it is not queued."""
        return self.run(self._commands.pause(job_id, True))

    def resume(self, job_id: str) -> Job:
        """Resume a paused job; `TransitionNotAllowed` if it is not queued."""
        return self.run(self._commands.pause(job_id, False))

    def pause_queue(self) -> None:
        """Pause the queue: no job is claimed; running ones go on."""
        self.run(self._commands.pause_queue(True))

    def resume_queue(self) -> None:
        """Resume the queue: jobs are claimed again."""
        self.run(self._commands.pause_queue(False))

    def quarantine_job(self, job_id: str) -> None:
        """Keep a job whose record cannot be read from workers; it can then be deleted."""
        self.run(self._commands.quarantine_job(job_id))

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended, or whose record is corrupt.

        Raises
        ------
        TransitionNotAllowed
            The job is queued or runs.
        """
        self.run(self._commands.delete(job_id))

    def queue(self, limit: int = 50) -> QueueView:
        """The queue at this moment, with the next jobs in order."""
        return self.run(self._commands.queue(limit))

    def drain(self, worker: str, draining: bool) -> None:
        """Let a worker claim no further job, or claim again; `NotFound` if it is unknown."""
        self.run(self._commands.drain(worker, draining))

    def get(self, job_id: str) -> Job:
        """One job; `JobNotFound` if there is none."""
        return self.run(self._commands.get(job_id))

    def list(
        self,
        *,
        state: JobState | None = None,
        scan: str | None = None,
        tag: str | None = None,
        owner: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """A page of jobs, newest first; `scan` is a uid or a scan_id."""
        return self.run(self._commands.list_jobs(state, scan, tag, owner, limit, cursor))

    def tick(self) -> None:
        """Take jobs from silent workers, preempt batch jobs for live work, purge old jobs.

        To be called every second.
        """
        self.run(self._commands.tick())

    def events(
        self,
        after: str = "$",
        *,
        job_id: str | None = None,
        wait_s: float = 0.0,
        limit: int = 1000,
    ) -> Events:
        """Events after the one with id `after`, oldest first; "$" means from now on.

        Waits up to `wait_s` for the first one. To follow without a gap, start from
        `last_event_id()` and then give back the id of the last event received.
        """
        after = self.last_event_id() if after == "$" else after
        deadline = time.monotonic() + wait_s
        while True:
            left_s = deadline - time.monotonic()
            found, read_to = self.run(self._commands.read_events(after, left_s, limit))
            wanted = [event for event in found if job_id in {None, event.job_id}]
            if wanted or (read_to == after and left_s <= LONGEST_BLOCK_S):
                return wanted
            after = read_to

    def last_event_id(self) -> str:
        """Id of the newest event, "0-0" before any."""
        return self.run(self._commands.last_event_id())

    def first_event_id(self) -> str:
        """Id of the oldest event still kept, "0-0" before any."""
        return self.run(self._commands.first_event_id())

    def counts(self) -> dict[str, int]:
        """How many events of each kind there were ever; ``ended:<state>`` and ``lost`` too."""
        return self.run(self._commands.counts())

    def workers(self) -> Workers:
        """Workers heard of within three leases."""
        return self.run(self._commands.workers())

    def trigger_cursor(self, name: str) -> str | None:
        """How far the trigger of that name has come."""
        return self.run(self._commands.trigger_cursor(name))

    def set_trigger_cursor(self, name: str, value: str) -> None:
        """Remember how far the trigger of that name has come."""
        self.run(self._commands.set_trigger_cursor(name, value))
