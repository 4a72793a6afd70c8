"""The asyncio face of the ledger, for the API. `Ledger` documents the methods."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, TypeVar

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError, ResponseError

from exitwave.schema.errors import LedgerUnavailable
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
from exitwave.settings.service import LedgerSettings

from . import calls, library
from .calls import LONGEST_BLOCK_S, Call, Calls, Events, Signal, Workers

T = TypeVar("T")


class AsyncLedger:
    """One queue. Every method raises `LedgerUnavailable` while the server is away."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._calls = Calls(settings)
        self._ready = False
        # A call may be sent again after a lost reply: all of them are idempotent.
        self._client = redis.Redis.from_url(
            settings.uri.get_secret_value(),
            decode_responses=True,
            protocol=2,
            socket_connect_timeout=2.0,
            socket_timeout=2 * LONGEST_BLOCK_S,
            retry=Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.05), 2),
        )

    async def submit(
        self,
        spec: JobSpec,
        *,
        owner: str,
        idempotency_key: str | None = None,
        request_digest: str | None = None,
    ) -> tuple[Job, bool]:
        return await self._run(
            self._calls.submit(
                spec,
                owner=owner,
                idempotency_key=idempotency_key,
                request_digest=request_digest,
            )
        )

    async def submitted(
        self, owner: str, idempotency_key: str, request_digest: str
    ) -> Job | None:
        return await self._run(self._calls.submitted(owner, idempotency_key, request_digest))

    async def claim(self, worker: str, device: str, wait_s: float = 0.0) -> Job | None:
        deadline = time.monotonic() + wait_s
        while True:
            job = await self._run(self._calls.claim(worker, device))
            left_s = deadline - time.monotonic()
            if job or left_s <= 0:
                return job
            await self._run(self._calls.wait_for_bell(left_s))

    async def beat(
        self, job_id: str, attempt: int, worker: str, progress: Progress | None = None
    ) -> Signal:
        return await self._run(self._calls.beat(job_id, attempt, worker, progress))

    async def finish(
        self,
        job_id: str,
        attempt: int,
        outcome: Outcome,
        *,
        result: Result | None = None,
        failure: Failure | None = None,
    ) -> Job:
        return await self._run(
            self._calls.finish(job_id, attempt, outcome, result=result, failure=failure)
        )

    async def cancel(self, job_id: str) -> Job:
        return await self._run(self._calls.cancel(job_id))

    async def get(self, job_id: str) -> Job:
        return await self._run(self._calls.get(job_id))

    async def list(
        self,
        *,
        state: JobState | None = None,
        scan: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        return await self._run(self._calls.list_jobs(state, scan, limit, cursor))

    async def tick(self) -> None:
        await self._run(self._calls.tick())

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
            found = await self._run(self._calls.read_events(after, left_s, limit))
            wanted = [event for event in found if job_id in {None, event.job_id}]
            if wanted or (not found and left_s <= LONGEST_BLOCK_S):
                return wanted
            after = found[-1].id if found else after

    async def last_event_id(self) -> str:
        return await self._run(self._calls.last_event_id())

    async def first_event_id(self) -> str:
        return await self._run(self._calls.first_event_id())

    async def presence(
        self, worker: str, device: str, state: WorkerState, job_id: str | None = None
    ) -> None:
        await self._run(self._calls.presence(worker, device, state, job_id))

    async def workers(self) -> Workers:
        return await self._run(self._calls.workers())

    async def trigger_point(self, name: str) -> str | None:
        return await self._run(self._calls.trigger_point(name))

    async def set_trigger_point(self, name: str, value: str) -> None:
        await self._run(self._calls.set_trigger_point(name, value))

    async def create_code(self, ttl_s: int) -> str:
        return await self._run(self._calls.create_code(ttl_s))

    async def redeem_code(self, code: str) -> bool:
        return await self._run(self._calls.redeem_code(code))

    async def create_session(self, ttl_s: int) -> str:
        return await self._run(self._calls.create_session(ttl_s))

    async def session_valid(self, token: str) -> bool:
        return await self._run(self._calls.session_valid(token))

    async def run(self, call: Call[T]) -> T:
        return await self._run(call)

    async def ping(self) -> None:
        await self._run(calls.ping())

    async def close(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> AsyncLedger:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, call: Call[T]) -> T:
        try:
            reply = await self._execute(call.command)
        except RedisError as error:
            raise LedgerUnavailable(f"the queue does not answer: {error}") from error
        return call.parse(reply)

    async def _execute(self, command: tuple[str | int | float, ...]) -> Any:
        if not self._ready:
            await self._load_functions()
        try:
            return await self._send(*command)
        except ResponseError as error:
            if not library.is_missing(error):
                raise
        await self._load_functions()
        return await self._send(*command)

    async def _load_functions(self) -> None:
        if library.must_load(await self._send(*library.LIST_COMMAND)):
            await self._send(*library.LOAD_COMMAND)
        self._ready = True

    async def _send(self, *command: str | int | float) -> Any:
        return await self._client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py's
