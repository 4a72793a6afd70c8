"""The asyncio client: sending, and what concerns the service as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar

import httpx

from exitwave.schema.access import KeyList, NewKey, Scope
from exitwave.schema.job import QueueInfo
from exitwave.schema.worker import WorkerInfo
from exitwave.settings.connection import find_connection

from . import calls, service_calls
from .calls import Call
from .patience import Trying
from .problems import refusal
from .sync_service import PATIENCE_S

T = TypeVar("T")


class AsyncServiceClient:
    """The queue, the workers and the keys. `AsyncClient` is this and the jobs."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.connection = find_connection(url, api_key)
        self.patience_s = patience_s
        self._http = httpx.AsyncClient(
            base_url=self.connection.url, headers=calls.base_headers(self.connection)
        )

    async def queue(self, limit: int = 50) -> QueueInfo:
        """As `Client.queue`."""
        return await self._run(service_calls.queue(limit))

    async def pause_queue(self) -> QueueInfo:
        """As `Client.pause_queue`."""
        return await self._run(service_calls.pause_queue(paused=True))

    async def resume_queue(self) -> QueueInfo:
        """As `Client.resume_queue`."""
        return await self._run(service_calls.pause_queue(paused=False))

    async def workers(self) -> list[WorkerInfo]:
        """As `Client.workers`."""
        return await self._run(service_calls.workers())

    async def drain(self, worker: str) -> WorkerInfo:
        """As `Client.drain`."""
        return await self._run(service_calls.drain(worker, draining=True))

    async def undrain(self, worker: str) -> WorkerInfo:
        """As `Client.undrain`."""
        return await self._run(service_calls.drain(worker, draining=False))

    async def keys(self) -> KeyList:
        """As `Client.keys`."""
        return await self._run(service_calls.keys())

    async def create_key(
        self,
        owner: str,
        scopes: Sequence[Scope | str],
        expires_in_days: float | None = None,
        note: str = "",
    ) -> NewKey:
        """As `Client.create_key`."""
        return await self._run(service_calls.create_key(owner, scopes, expires_in_days, note))

    async def revoke_key(self, key_id: str) -> None:
        """As `Client.revoke_key`."""
        return await self._run(service_calls.revoke_key(key_id))

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

    async def _run(self, call: Call[T], patience_s: float | None = None) -> T:
        trying = self._trying(call, patience_s)
        while True:
            try:
                response = await self._http.send(call.request(self._http))
            except httpx.TransportError as error:
                await asyncio.sleep(trying.after_loss(error))
                continue
            pause_s = trying.after(response)
            if pause_s is None:
                return trying.read(response)
            await asyncio.sleep(pause_s)

    async def _stream(
        self, call: Call[bytes], take: Callable[[httpx.Response], Awaitable[T]]
    ) -> T:
        """As `_run`, for an answer that is not kept in memory."""
        trying = self._trying(call)
        while True:
            try:
                request = call.request(self._http)
                async with aclosing(await self._http.send(request, stream=True)) as response:
                    if response.is_success:
                        return await take(response)
                    await response.aread()
            except httpx.TransportError as error:
                await asyncio.sleep(trying.after_loss(error))
                continue
            pause_s = trying.after(response)
            if pause_s is None:
                raise refusal(response)
            await asyncio.sleep(pause_s)

    def _trying(self, call: Call[T], patience_s: float | None = None) -> Trying[T]:
        patience_s = self.patience_s if patience_s is None else patience_s
        return Trying(call, self.connection, patience_s)
