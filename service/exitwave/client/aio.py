"""The asyncio client. `Client` documents the methods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from httpx_sse import aconnect_sse

from exitwave.schema.errors import Unavailable
from exitwave.schema.job import Event, Job, JobPage, JobState
from exitwave.settings.connection import find_connection

from . import calls
from .calls import Call, Format
from .problems import check

T = TypeVar("T")


class AsyncClient:
    """The service, as coroutines: the same methods, arguments and errors as `Client`."""

    def __init__(self, url: str | None = None, api_key: str | None = None) -> None:
        self.connection = find_connection(url, api_key)
        self._http = httpx.AsyncClient(
            base_url=self.connection.url,
            headers=calls.base_headers(self.connection),
            timeout=calls.TIMEOUT,
        )

    async def submit(
        self,
        scan: str | int,
        recipe: str = "default",
        overrides: Mapping[str, Any] | None = None,
        priority: int = 5,
        tags: Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> Job:
        """As `Client.submit`."""
        return await self._run(
            calls.submit(scan, recipe, overrides, priority, tags, idempotency_key)
        )

    async def job(self, job_id: str) -> Job:
        """As `Client.job`."""
        return await self._run(calls.job(job_id))

    async def jobs(
        self,
        state: JobState | str | None = None,
        scan: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """As `Client.jobs`."""
        return await self._run(calls.jobs(state, scan, limit, cursor))

    async def cancel(self, job_id: str) -> Job:
        """As `Client.cancel`."""
        return await self._run(calls.cancel(job_id))

    async def frc(self, job_id: str) -> Job:
        """As `Client.frc`."""
        return await self._run(calls.frc(job_id))

    async def wait(self, job_id: str, timeout_s: float | None = None) -> Job:
        """As `Client.wait`."""
        waiting = calls.Waiting(job_id, timeout_s)
        while True:
            found: Job | Unavailable
            try:
                found = await self.job(job_id)
                if found.state.terminal:
                    return found
            except Unavailable as error:
                found = error
            await asyncio.sleep(waiting.pause_s(found))

    async def events(
        self, job_id: str | None = None, after: str | None = None
    ) -> AsyncIterator[Event]:
        """As `Client.events`."""
        listening = calls.Listening(self.connection, job_id, after)
        while True:
            try:
                async with aconnect_sse(self._http, **listening.arguments()) as source:
                    if not source.response.is_success:
                        await source.response.aread()
                        check(source.response)
                    async for message in source.aiter_sse():
                        if event := listening.read(message):
                            yield event
                            if listening.is_last(event):
                                return
            except (httpx.TransportError, Unavailable) as error:
                listening.lost(error)
            await asyncio.sleep(calls.RECONNECT_S)

    async def download(
        self, job_id: str, format: Format = "cxi", path: str | Path | None = None
    ) -> Path:
        """As `Client.download`."""
        url = f"{calls.job_path(job_id)}/result"
        try:
            async with self._http.stream(
                "GET", url, params={"format": format}, timeout=calls.DOWNLOAD_TIMEOUT
            ) as response:
                if not response.is_success:
                    await response.aread()
                    check(response)
                target = calls.target_path(path, response)
                with calls.whole_file(target) as file:
                    async for part in response.aiter_bytes():
                        file.write(part)
        except httpx.TransportError as error:
            raise calls.unreachable(self.connection, error) from error
        return target

    async def close(self) -> None:
        """As `Client.close`."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, call: Call[T]) -> T:
        for pause_s in calls.PAUSES_S:
            try:
                return await self._once(call)
            except Unavailable:
                await asyncio.sleep(pause_s)
        return await self._once(call)

    async def _once(self, call: Call[T]) -> T:
        try:
            response = await self._http.send(call.request(self._http))
        except httpx.TransportError as error:
            raise calls.unreachable(self.connection, error) from error
        return call.read(response)
