"""The blocking face of the ledger, for workers. Safe to share between threads."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, TypeVar

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

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


class Ledger:
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
            Who asks; the scope of `idempotency_key`.
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
        return self._run(
            self._calls.submit(
                spec,
                owner=owner,
                idempotency_key=idempotency_key,
                request_digest=request_digest,
            )
        )

    def submitted(self, owner: str, idempotency_key: str, request_digest: str) -> Job | None:
        """The job that this key already made; `InvalidInput` if for another request."""
        return self._run(self._calls.submitted(owner, idempotency_key, request_digest))

    def claim(self, worker: str, device: str, wait_s: float = 0.0) -> Job | None:
        """Take the next job, waiting up to `wait_s` for one; `job.attempt` is the fence.

        Returns the job that this worker (this object) already holds, if any: the reply to
        an earlier claim may have been lost.
        """
        deadline = time.monotonic() + wait_s
        while True:
            job = self._run(self._calls.claim(worker, device))
            left_s = deadline - time.monotonic()
            if job or left_s <= 0:
                return job
            self._run(self._calls.wait_for_bell(left_s))

    def beat(
        self, job_id: str, attempt: int, worker: str, progress: Progress | None = None
    ) -> Signal:
        """Extend the lease and report progress; the answer says what to do."""
        return self._run(self._calls.beat(job_id, attempt, worker, progress))

    def finish(
        self,
        job_id: str,
        attempt: int,
        outcome: Outcome,
        *,
        result: Result | None = None,
        failure: Failure | None = None,
    ) -> Job:
        """End an attempt. "lost" puts the job back to its own place, or makes it dead.

        Raises
        ------
        StaleAttempt
            The attempt was lost or replaced meanwhile; nothing was changed.
        """
        return self._run(
            self._calls.finish(job_id, attempt, outcome, result=result, failure=failure)
        )

    def cancel(self, job_id: str) -> Job:
        """End a queued job, or tell the worker of a running one with its next beat.

        Raises
        ------
        TransitionNotAllowed
            The job has ended otherwise.
        """
        return self._run(self._calls.cancel(job_id))

    def get(self, job_id: str) -> Job:
        """One job; `JobNotFound` if there is none."""
        return self._run(self._calls.get(job_id))

    def list(
        self,
        *,
        state: JobState | None = None,
        scan: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """A page of jobs, newest first; `scan` is a uid or a scan_id."""
        return self._run(self._calls.list_jobs(state, scan, limit, cursor))

    def tick(self) -> None:
        """Take jobs from silent workers. To be called every second."""
        self._run(self._calls.tick())

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
            found = self._run(self._calls.read_events(after, left_s, limit))
            wanted = [event for event in found if job_id in {None, event.job_id}]
            if wanted or (not found and left_s <= LONGEST_BLOCK_S):
                return wanted
            after = found[-1].id if found else after

    def last_event_id(self) -> str:
        """Id of the newest event, "0-0" before any."""
        return self._run(self._calls.last_event_id())

    def first_event_id(self) -> str:
        """Id of the oldest event still kept, "0-0" before any."""
        return self._run(self._calls.first_event_id())

    def presence(
        self, worker: str, device: str, state: WorkerState, job_id: str | None = None
    ) -> None:
        """Say that a worker is there and what it does; "stopped" takes it off the list."""
        self._run(self._calls.presence(worker, device, state, job_id))

    def workers(self) -> Workers:
        """Workers heard of within three leases."""
        return self._run(self._calls.workers())

    def trigger_point(self, name: str) -> str | None:
        """Where the trigger of that name stands."""
        return self._run(self._calls.trigger_point(name))

    def set_trigger_point(self, name: str, value: str) -> None:
        """Remember where the trigger of that name stands."""
        self._run(self._calls.set_trigger_point(name, value))

    def create_code(self, ttl_s: int) -> str:
        """A one-time code for a browser."""
        return self._run(self._calls.create_code(ttl_s))

    def redeem_code(self, code: str) -> bool:
        """Whether the code was good; it is not a second time."""
        return self._run(self._calls.redeem_code(code))

    def create_session(self, ttl_s: int) -> str:
        """A browser session's token."""
        return self._run(self._calls.create_session(ttl_s))

    def session_valid(self, token: str) -> bool:
        """Whether the session exists and has not expired."""
        return self._run(self._calls.session_valid(token))

    def run(self, call: Call[T]) -> T:
        """Run a call of another module of this package, such as `keys`."""
        return self._run(call)

    def ping(self) -> None:
        """Raise `LedgerUnavailable` if the server does not answer."""
        self._run(calls.ping())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, call: Call[T]) -> T:
        try:
            reply = self._execute(call.command)
        except RedisError as error:
            raise LedgerUnavailable(f"the queue does not answer: {error}") from error
        return call.parse(reply)

    def _execute(self, command: tuple[str | int | float, ...]) -> Any:
        if not self._ready:
            self._load_functions()
        try:
            return self._send(*command)
        except ResponseError as error:
            if not library.is_missing(error):
                raise
        self._load_functions()
        return self._send(*command)

    def _load_functions(self) -> None:
        if library.must_load(self._send(*library.LIST_COMMAND)):
            self._send(*library.LOAD_COMMAND)
        self._ready = True

    def _send(self, *command: str | int | float) -> Any:
        return self._client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py's
