# Made from aio/service.py by `make sync`: change that one.
"""The client without jobs: sending, and what concerns the service as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from types import TracebackType
from typing import Self, TypeVar

import httpx

from exitwave.schema.access import KeyList, NewKey, Scope
from exitwave.schema.job import QueueInfo
from exitwave.schema.worker import WorkerInfo
from exitwave.settings.connection import find_connection

from .. import calls, service_calls
from ..calls import Call
from ..concurrency import Reader, sleep
from ..problems import error_from_response
from ..retry import RETRY_TIMEOUT_S, RetryState

T = TypeVar("T")


class ServiceClient:
    """The queue, the workers and the keys; the client proper adds the jobs."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        retry_timeout_s: float = RETRY_TIMEOUT_S,
    ) -> None:
        self.connection = find_connection(url, api_key)
        self.retry_timeout_s = retry_timeout_s
        self._http = httpx.Client(
            base_url=self.connection.url, headers=calls.base_headers(self.connection)
        )

    def queue(self, limit: int = 50) -> QueueInfo:
        """The queue: whether it is paused, how many wait, the next `limit` jobs in order."""
        return self._run(service_calls.queue(limit))

    def pause_queue(self) -> QueueInfo:
        """Pause the queue: no job is claimed; running ones go on."""
        return self._run(service_calls.pause_queue(paused=True))

    def resume_queue(self) -> QueueInfo:
        """Resume the queue: jobs are claimed again."""
        return self._run(service_calls.pause_queue(paused=False))

    def workers(self) -> list[WorkerInfo]:
        """Workers heard of lately."""
        return self._run(service_calls.workers())

    def drain(self, worker: str) -> WorkerInfo:
        """Drain a worker: it ends its job and claims no other."""
        return self._run(service_calls.drain(worker, draining=True))

    def undrain(self, worker: str) -> WorkerInfo:
        """Undrain a worker: it claims jobs again."""
        return self._run(service_calls.drain(worker, draining=False))

    def keys(self) -> KeyList:
        """All access keys but the operator's, newest first, without their secrets."""
        return self._run(service_calls.keys())

    def create_key(
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
        return self._run(service_calls.create_key(owner, scopes, expires_in_days, note))

    def revoke_key(self, key_id: str) -> None:
        """End a key, the sessions made from it and their open streams."""
        return self._run(service_calls.revoke_key(key_id))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, call: Call[T], retry_timeout_s: float | None = None) -> T:
        retries = self._retry_state(call, retry_timeout_s)
        while True:
            try:
                response = self._http.send(call.request(self._http))
            except httpx.TransportError as error:
                sleep(retries.pause_after_error_s(error))
                continue
            pause_s = retries.pause_after_answer_s(response)
            if pause_s is None:
                return retries.read(response)
            sleep(pause_s)

    def _stream(self, call: Call[bytes], read: Reader[T]) -> T:
        """As `_run`, for an answer that is not kept in memory."""
        retries = self._retry_state(call)
        while True:
            try:
                request = call.request(self._http)
                with closing(self._http.send(request, stream=True)) as response:
                    if response.is_success:
                        return read(response)
                    response.read()
            except httpx.TransportError as error:
                sleep(retries.pause_after_error_s(error))
                continue
            pause_s = retries.pause_after_answer_s(response)
            if pause_s is None:
                raise error_from_response(response)
            sleep(pause_s)

    def _retry_state(
        self, call: Call[T], retry_timeout_s: float | None = None
    ) -> RetryState[T]:
        retry_timeout_s = self.retry_timeout_s if retry_timeout_s is None else retry_timeout_s
        return RetryState(call, self.connection, retry_timeout_s)
