"""The ledger as tests use it: whatever workers and the service can ask of it, blocking."""

from __future__ import annotations

import time

from exitwave.ledger import BlockingServiceLedger, WorkerLedger
from exitwave.ledger.commands import LONGEST_BLOCK_S, Events, QueueView
from exitwave.schema.job import Job, JobPage, JobSpec, JobState


class Ledger(WorkerLedger, BlockingServiceLedger):
    """A worker and the service at once. `ServiceLedger` documents the methods."""

    def submit(
        self,
        spec: JobSpec,
        *,
        owner: str,
        idempotency_key: str | None = None,
        request_digest: str | None = None,
    ) -> tuple[Job, bool]:
        return self.run(
            self._commands.submit(
                spec,
                owner=owner,
                idempotency_key=idempotency_key,
                request_digest=request_digest,
            )
        )

    def submitted(self, owner: str, idempotency_key: str, request_digest: str) -> Job | None:
        return self.run(self._commands.submitted(owner, idempotency_key, request_digest))

    def cancel(self, job_id: str) -> Job:
        return self.run(self._commands.cancel(job_id))

    def stop(self, job_id: str) -> Job:
        return self.run(self._commands.stop(job_id))

    def reprioritise(self, job_id: str, priority: int) -> Job:
        return self.run(self._commands.reprioritise(job_id, priority))

    def pause(self, job_id: str) -> Job:
        return self.run(self._commands.pause(job_id, True))

    def resume(self, job_id: str) -> Job:
        return self.run(self._commands.pause(job_id, False))

    def pause_queue(self) -> None:
        self.run(self._commands.pause_queue(True))

    def resume_queue(self) -> None:
        self.run(self._commands.pause_queue(False))

    def quarantine_job(self, job_id: str) -> None:
        self.run(self._commands.quarantine_job(job_id))

    def delete(self, job_id: str) -> None:
        self.run(self._commands.delete(job_id))

    def queue(self, limit: int = 50) -> QueueView:
        return self.run(self._commands.queue(limit))

    def drain(self, worker: str, draining: bool) -> None:
        self.run(self._commands.drain(worker, draining))

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
        return self.run(self._commands.list_jobs(state, scan, tag, owner, limit, cursor))

    def tick(self) -> None:
        self.run(self._commands.tick())

    def events(
        self,
        after: str = "$",
        *,
        job_id: str | None = None,
        wait_s: float = 0.0,
        limit: int = 1000,
    ) -> Events:
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
        return self.run(self._commands.last_event_id())

    def first_event_id(self) -> str:
        return self.run(self._commands.first_event_id())

    def counts(self) -> dict[str, int]:
        return self.run(self._commands.counts())
