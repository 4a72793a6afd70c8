"""The asyncio client. `Client` documents the methods."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx
from httpx_sse import aconnect_sse

from exitwave.schema.errors import TooManyRequests, Unavailable
from exitwave.schema.job import Attempt, Event, Job, JobPage, JobState
from exitwave.schema.requests import BatchItem
from exitwave.schema.required import Required, check_required, check_verdict
from exitwave.schema.result import Plane
from exitwave.schema.result_formats import ResultFormat

from . import arrays, job_calls
from .aio_service import AsyncServiceClient
from .arrays import ResultArrays
from .files import target_path, whole_file
from .patience import Listening, Waiting
from .problems import refusal


class AsyncClient(AsyncServiceClient):
    """The service, as coroutines: the same methods, arguments and errors as `Client`."""

    async def submit(
        self,
        scan: str | int,
        recipe: str = "default",
        overrides: Mapping[str, Any] | None = None,
        priority: int = 5,
        tags: Sequence[str] = (),
        start: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """As `Client.submit`."""
        return await self._run(
            job_calls.submit(scan, recipe, overrides, priority, tags, start, idempotency_key)
        )

    async def submit_many(
        self,
        scans: Sequence[str | int],
        recipe: str = "default",
        overrides: Mapping[str, Any] | None = None,
        priority: int = 5,
        tags: Sequence[str] = (),
        start: str | None = None,
        idempotency_key: str | None = None,
    ) -> list[BatchItem]:
        """As `Client.submit_many`."""
        return await self._run(
            job_calls.submit_many(
                scans, recipe, overrides, priority, tags, start, idempotency_key
            )
        )

    async def job(self, job_id: str) -> Job:
        """As `Client.job`."""
        return await self._run(job_calls.job(job_id))

    async def jobs(
        self,
        state: JobState | str | None = None,
        scan: str | None = None,
        tag: str | None = None,
        owner: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """As `Client.jobs`."""
        return await self._run(job_calls.jobs(state, scan, tag, owner, limit, cursor))

    async def attempts(self, job_id: str) -> list[Attempt]:
        """As `Client.attempts`."""
        return await self._run(job_calls.attempts(job_id))

    async def cancel(self, job_id: str) -> Job:
        """As `Client.cancel`."""
        return await self._run(job_calls.cancel(job_id))

    async def stop(self, job_id: str) -> Job:
        """As `Client.stop`."""
        return await self._run(job_calls.stop(job_id))

    async def retry(self, job_id: str, idempotency_key: str | None = None) -> Job:
        """As `Client.retry`."""
        return await self._run(job_calls.retry(job_id, idempotency_key))

    async def rerun(
        self,
        job_id: str,
        overrides: Mapping[str, Any] | None = None,
        recipe: str | None = None,
        priority: int | None = None,
        tags: Sequence[str] | None = None,
        start: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """As `Client.rerun`."""
        return await self._run(
            job_calls.rerun(job_id, recipe, overrides, priority, tags, start, idempotency_key)
        )

    async def reprioritise(self, job_id: str, priority: int) -> Job:
        """As `Client.reprioritise`."""
        return await self._run(job_calls.patch(job_id, priority=priority))

    async def pause(self, job_id: str) -> Job:
        """As `Client.pause`."""
        return await self._run(job_calls.patch(job_id, paused=True))

    async def resume(self, job_id: str) -> Job:
        """As `Client.resume`."""
        return await self._run(job_calls.patch(job_id, paused=False))

    async def delete(self, job_id: str) -> None:
        """As `Client.delete`."""
        return await self._run(job_calls.delete(job_id))

    async def frc(self, job_id: str) -> Job:
        """As `Client.frc`."""
        return await self._run(job_calls.frc(job_id))

    async def wait(
        self, job_id: str, timeout_s: float | None = None, require: Required | None = None
    ) -> Job:
        """As `Client.wait`."""
        if require is not None:
            check_required(require)
        waiting = Waiting(job_id, timeout_s)
        while True:
            found: Job | Unavailable | TooManyRequests
            try:
                found = await self._run(job_calls.job(job_id), patience_s=0)
                if found.state.terminal:
                    if require is not None:
                        check_verdict(found, require)
                    return found
            except (Unavailable, TooManyRequests) as error:
                found = error
            await asyncio.sleep(waiting.pause_s(found))

    async def events(
        self,
        job_id: str | None = None,
        after: str | None = None,
        on_reset: Callable[[], None] | None = None,
    ) -> AsyncIterator[Event]:
        """As `Client.events`."""
        listening = Listening(self.connection, job_id, after, on_reset)
        while True:
            lost: Exception | None = None
            try:
                async with aconnect_sse(self._http, **listening.arguments()) as source:
                    if not source.response.is_success:
                        await source.response.aread()
                        raise refusal(source.response)
                    async for message in source.aiter_sse():
                        if event := listening.read(message):
                            yield event
                            if listening.is_last(event):
                                return
            except (httpx.TransportError, Unavailable, TooManyRequests) as error:
                lost = error
            await asyncio.sleep(listening.pause_s(lost))

    async def result(self, job_id: str) -> ResultArrays:
        """As `Client.result`."""
        arrays.require_numpy()
        with tempfile.TemporaryFile() as file:
            await self._stream(
                job_calls.result(job_id, "npz"), lambda answer: _save(answer, file)
            )
            job = await self.job(job_id)
            return await asyncio.to_thread(arrays.read_result, job, file)

    async def download(
        self,
        job_id: str,
        format: ResultFormat = "cxi",
        path: str | Path | None = None,
        plane: Plane = "phase",
    ) -> Path:
        """As `Client.download`."""

        async def save(answer: httpx.Response) -> Path:
            target = target_path(path, answer)
            with whole_file(target) as file:
                await _save(answer, file)
            return target

        return await self._stream(job_calls.result(job_id, format, plane), save)


async def _save(answer: httpx.Response, file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()  # what a lost try left
    async for part in answer.aiter_bytes():
        file.write(part)
    file.seek(0)
