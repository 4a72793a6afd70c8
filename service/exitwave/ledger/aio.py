"""The asyncio client of the ledger, for the API. `Ledger` documents the methods."""

from __future__ import annotations

import time

from exitwave.schema.job import (
    Failure,
    Job,
    JobPage,
    JobSpec,
    JobState,
    Outcome,
    Progress,
    Result,
)
from exitwave.schema.worker import WorkerState

from .commands import LONGEST_BLOCK_S, Events, QueueView, Signal, Workers
from .connection import AsyncConnection


class AsyncLedger(AsyncConnection):
    """One queue. Every method raises `LedgerUnavailable` while the server is away."""

    async def submit(
        self,
        spec: JobSpec,
        *,
        owner: str,
        idempotency_key: str | None = None,
        request_digest: str | None = None,
    ) -> tuple[Job, bool]:
        return await self.run(
            self._commands.submit(
                spec,
                owner=owner,
                idempotency_key=idempotency_key,
                request_digest=request_digest,
            )
        )

    async def submitted(
        self, owner: str, idempotency_key: str, request_digest: str
    ) -> Job | None:
        return await self.run(self._commands.submitted(owner, idempotency_key, request_digest))

    async def claim(self, worker: str, device: str, wait_s: float = 0.0) -> Job | None:
        deadline = time.monotonic() + wait_s
        while True:
            claimed = await self.run(self._commands.claim(worker, device))
            if claimed.unreadable:
                await self.quarantine_job(claimed.unreadable)
                continue
            left_s = deadline - time.monotonic()
            if claimed.job or left_s <= 0:
                return claimed.job
            if claimed.draining:  # the wakeup of idle workers is for those who may claim
                await self.run(self._commands.wait_for_control(worker, left_s))
            else:
                await self.run(self._commands.wait_for_work(worker, left_s))

    async def wait_for_control(self, worker: str, seconds: float) -> bool:
        return await self.run(self._commands.wait_for_control(worker, seconds))

    async def heartbeat(
        self, job_id: str, attempt: int, worker: str, progress: Progress | None = None
    ) -> Signal:
        return await self.run(self._commands.heartbeat(job_id, attempt, worker, progress))

    async def finish(
        self,
        job_id: str,
        attempt: int,
        worker: str,
        outcome: Outcome,
        *,
        result: Result | None = None,
        failure: Failure | None = None,
    ) -> Job:
        return await self.run(
            self._commands.finish(
                job_id, attempt, worker, outcome, result=result, failure=failure
            )
        )

    async def cancel(self, job_id: str) -> Job:
        return await self.run(self._commands.cancel(job_id))

    async def stop(self, job_id: str) -> Job:
        return await self.run(self._commands.stop(job_id))

    async def reprioritise(self, job_id: str, priority: int) -> Job:
        return await self.run(self._commands.reprioritise(job_id, priority))

    async def pause(self, job_id: str) -> Job:
        return await self.run(self._commands.pause(job_id, True))

    async def resume(self, job_id: str) -> Job:
        return await self.run(self._commands.pause(job_id, False))

    async def pause_queue(self) -> None:
        await self.run(self._commands.pause_queue(True))

    async def resume_queue(self) -> None:
        await self.run(self._commands.pause_queue(False))

    async def quarantine_job(self, job_id: str) -> None:
        await self.run(self._commands.quarantine_job(job_id))

    async def delete(self, job_id: str) -> None:
        await self.run(self._commands.delete(job_id))

    async def queue(self, limit: int = 50) -> QueueView:
        return await self.run(self._commands.queue(limit))

    async def drain(self, worker: str, draining: bool) -> None:
        await self.run(self._commands.drain(worker, draining))

    async def get(self, job_id: str) -> Job:
        return await self.run(self._commands.get(job_id))

    async def list(
        self,
        *,
        state: JobState | None = None,
        scan: str | None = None,
        tag: str | None = None,
        owner: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        return await self.run(self._commands.list_jobs(state, scan, tag, owner, limit, cursor))

    async def tick(self) -> None:
        await self.run(self._commands.tick())

    async def events(
        self,
        after: str = "$",
        *,
        job_id: str | None = None,
        wait_s: float = 0.0,
        limit: int = 1000,
    ) -> Events:
        after = await self.last_event_id() if after == "$" else after
        deadline = time.monotonic() + wait_s
        while True:
            left_s = deadline - time.monotonic()
            found, read_to = await self.run(self._commands.read_events(after, left_s, limit))
            wanted = [event for event in found if job_id in {None, event.job_id}]
            if wanted or (read_to == after and left_s <= LONGEST_BLOCK_S):
                return wanted
            after = read_to

    async def last_event_id(self) -> str:
        return await self.run(self._commands.last_event_id())

    async def first_event_id(self) -> str:
        return await self.run(self._commands.first_event_id())

    async def counts(self) -> dict[str, int]:
        return await self.run(self._commands.counts())

    async def register_worker(
        self,
        worker: str,
        device: str,
        state: WorkerState,
        job_id: str | None = None,
        note: str = "",
    ) -> None:
        await self.run(self._commands.register_worker(worker, device, state, job_id, note))

    async def workers(self) -> Workers:
        return await self.run(self._commands.workers())

    async def trigger_point(self, name: str) -> str | None:
        return await self.run(self._commands.trigger_point(name))

    async def set_trigger_point(self, name: str, value: str) -> None:
        await self.run(self._commands.set_trigger_point(name, value))
