"""The client without jobs: sending, and what concerns the service as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar

import httpx

from exitwave.schema.access import KeyList, NewKey, Scope
from exitwave.schema.job import QueueInfo
from exitwave.schema.worker import WorkerInfo
from exitwave.settings.connection import find_connection

from .. import calls, service_calls
from ..calls import Call
from ..concurrency import AsyncReader, async_sleep
from ..problems import error_from_response
from ..retry import RETRY_TIMEOUT_S, RetryState

T = TypeVar("T")


class AsyncServiceClient:
    """The queue, the workers and the keys; the client proper adds the jobs."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        retry_timeout_s: float = RETRY_TIMEOUT_S,
    ) -> None:
        self.connection = find_connection(url, api_key)
        self.retry_timeout_s = retry_timeout_s
        self._http = httpx.AsyncClient(
            base_url=self.connection.url, headers=calls.base_headers(self.connection)
        )

    async def queue(self, limit: int = 50) -> QueueInfo:
        """The queue: whether it is paused, how many wait, the next `limit` jobs in order."""
        return await self._run(service_calls.queue(limit))

    async def pause_queue(self) -> QueueInfo:
        """Pause the queue: no job is claimed; running ones go on."""
        return await self._run(service_calls.pause_queue(paused=True))

    async def resume_queue(self) -> QueueInfo:
        """Resume the queue: jobs are claimed again."""
        return await self._run(service_calls.pause_queue(paused=False))

    async def workers(self) -> list[WorkerInfo]:
        """Workers heard of lately."""
        return await self._run(service_calls.workers())

    async def drain(self, worker: str) -> WorkerInfo:
        """Drain a worker: it ends its job and claims no other."""
        return await self._run(service_calls.drain(worker, draining=True))

    async def undrain(self, worker: str) -> WorkerInfo:
        """Undrain a worker: it claims jobs again."""
        return await self._run(service_calls.drain(worker, draining=False))

    async def keys(self) -> KeyList:
        """All access keys but the operator's, newest first, without their secrets."""
        return await self._run(service_calls.keys())

    async def create_key(
        self,
        owner: str,
        scopes: Sequence[Scope | str],
        expires_in_days: float | None = None,
        note: str = "",
    ) -> NewKey:
        """Make an access key; its secret is in the answer and can never be read again.

        Parameters
        ----------
        owner : str
            Owner of the jobs submitted with it.
        scopes : sequence of str
            What it allows: ``read:jobs``, ``write:jobs``, ``control:jobs``,
            ``read:workers``, ``control:workers``, ``admin``.
        expires_in_days : float, optional
            Default: never.
        note : str
            What it is for.
        """
        return await self._run(service_calls.create_key(owner, scopes, expires_in_days, note))

    async def revoke_key(self, key_id: str) -> None:
        """End a key, the sessions made from it and their open streams."""
        return await self._run(service_calls.revoke_key(key_id))

    async def close(self) -> None:
        """Close the connections."""
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

    async def _run(self, call: Call[T], retry_timeout_s: float | None = None) -> T:
        retries = self._retry_state(call, retry_timeout_s)
        while True:
            try:
                response = await self._http.send(call.request(self._http))
            except httpx.TransportError as error:
                await async_sleep(retries.pause_after_error_s(error))
                continue
            pause_s = retries.pause_after_answer_s(response)
            if pause_s is None:
                return retries.read(response)
            await async_sleep(pause_s)

    async def _stream(self, call: Call[bytes], read: AsyncReader[T]) -> T:
        """As `_run`, for an answer that is not kept in memory."""
        retries = self._retry_state(call)
        while True:
            try:
                request = call.request(self._http)
                async with aclosing(await self._http.send(request, stream=True)) as response:
                    if response.is_success:
                        return await read(response)
                    await response.aread()
            except httpx.TransportError as error:
                await async_sleep(retries.pause_after_error_s(error))
                continue
            pause_s = retries.pause_after_answer_s(response)
            if pause_s is None:
                raise error_from_response(response)
            await async_sleep(pause_s)

    def _retry_state(
        self, call: Call[T], retry_timeout_s: float | None = None
    ) -> RetryState[T]:
        retry_timeout_s = self.retry_timeout_s if retry_timeout_s is None else retry_timeout_s
        return RetryState(call, self.connection, retry_timeout_s)
