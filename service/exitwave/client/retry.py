"""When to try again, when to look again, and when to give up. Nothing here sleeps."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar, get_args

import httpx
from httpx_sse import ServerSentEvent

from exitwave.schema.errors import NotFound, TooManyRequests, Unavailable
from exitwave.schema.job import Event, EventKind, Job
from exitwave.settings.connection import Connection

from .calls import API, CONNECT_S, Call, job_path, unreachable
from .problems import UNAVAILABLE_STATUS, retry_after_s

T = TypeVar("T")

RETRY_TIMEOUT_S = 20.0
"""For so long a call that fails is tried again, where its caller does not say."""
RETRY_PAUSE_S = (0.2, 3.0)
"""First and longest pause before another try, where the service names none."""
POLL_PAUSE_S = (0.2, 1.0)
"""First and longest pause while waiting for a job to end."""
RECONNECT_S = 1.0
STREAM_TIMEOUT_S = 60.0
"""A stream without a byte for so long is dead: the service sends one every 15 s."""
MAX_OUTAGE_S = 60.0
"""Streams and waits outlive a restart of the service, but no longer outage."""

TOO_MANY_REQUESTS_STATUS = 429
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
EVENT_KINDS = frozenset(get_args(EventKind))

_log = logging.getLogger(__name__)


class RetryState(Generic[T]):
    """Retries of one call, for `retry_timeout_s` from its first failure on."""

    def __init__(self, call: Call[T], connection: Connection, retry_timeout_s: float) -> None:
        self._call = call
        self._connection = connection
        self._retry_timeout_s = retry_timeout_s
        self._first_failure_s: float | None = None
        self._pause_s = RETRY_PAUSE_S[0]
        self._may_have_arrived = False

    def pause_after_error_s(self, error: httpx.TransportError) -> float:
        """Seconds to pause before the next try.

        Raises
        ------
        Unavailable
            There is none: the time for retries is over, or a second try could do harm.
        """
        self._may_have_arrived |= not isinstance(error, NOT_SENT)
        pause_s = self._next_pause_s(None)
        if pause_s is None or (self._may_have_arrived and not self._call.repeatable):
            raise unreachable(self._connection, error) from error
        return pause_s

    def pause_after_answer_s(self, response: httpx.Response) -> float | None:
        """Seconds to pause before the next try; None: this answer is the last one."""
        status = response.status_code
        if status == TOO_MANY_REQUESTS_STATUS:
            return self._next_pause_s(retry_after_s(response))
        if status not in UNAVAILABLE_STATUS or not self._call.repeatable:
            return None
        self._may_have_arrived = True
        return self._next_pause_s(retry_after_s(response))

    def read(self, response: httpx.Response) -> T:
        """What the last answer holds."""
        try:
            return self._call.read(response)
        except NotFound:
            if not (self._may_have_arrived and self._call.not_found_is_success):
                raise
            return self._call.parse(b"")

    def _next_pause_s(self, requested_s: float | None) -> float | None:
        now_s = time.monotonic()
        if self._first_failure_s is None:
            self._first_failure_s = now_s
        # Spread in time: clients that lost the service together must not come back together.
        pause_s = (
            random.uniform(0.5, 1.0) * self._pause_s if requested_s is None else requested_s
        )
        self._pause_s = min(2 * self._pause_s, RETRY_PAUSE_S[1])
        left_s = self._retry_timeout_s - (now_s - self._first_failure_s)
        return pause_s if pause_s <= left_s else None


class EventStreamState:
    """State of a stream of events: the last one read, and when the service was last heard."""

    def __init__(
        self,
        connection: Connection,
        job_id: str | None,
        after: str | None,
        on_reset: Callable[[], None] | None,
    ) -> None:
        self._connection = connection
        self._job_id = job_id
        self._after = after
        self._on_reset = on_reset
        self._last_contact_s = time.monotonic()

    def arguments(self) -> dict[str, Any]:
        """Arguments of the request that begins or resumes the stream."""
        job_id = self._job_id
        return {
            "method": "GET",
            "url": f"{API}/events" if job_id is None else f"{job_path(job_id)}/events",
            "headers": {} if self._after is None else {"Last-Event-ID": self._after},
            "timeout": httpx.Timeout(STREAM_TIMEOUT_S, connect=CONNECT_S),
        }

    def read(self, message: ServerSentEvent) -> Event | None:
        """The event in a message; None for a message of another kind."""
        self._last_contact_s = time.monotonic()
        self._after = message.id or self._after
        if message.event == "reset":
            self._reset()
        if message.event not in EVENT_KINDS:
            return None
        return Event.model_validate_json(message.data)

    def is_last(self, event: Event) -> bool:
        """Whether no event can follow this one."""
        return self._job_id is not None and event.state.terminal

    def pause_s(self, error: Exception | None = None) -> float:
        """Seconds until the stream is resumed; raises once the service is away too long."""
        if error is not None and time.monotonic() - self._last_contact_s > MAX_OUTAGE_S:
            if isinstance(error, httpx.TransportError):
                raise unreachable(self._connection, error) from error
            raise error
        requested_s = error.retry_after_s if isinstance(error, TooManyRequests) else 0.0
        return max(RECONNECT_S, requested_s)

    def _reset(self) -> None:
        if self._on_reset is not None:
            self._on_reset()
        else:
            _log.warning("events: some are no longer kept by the service; the stream goes on")


class PollState:
    """State of a wait for a job: when to look at it again, and when to give up."""

    def __init__(self, job_id: str, timeout_s: float | None) -> None:
        self._job_id = job_id
        self._timeout_s = timeout_s
        self._started_s = self._last_contact_s = time.monotonic()
        self._pause_s = POLL_PAUSE_S[0]

    def pause_s(self, found: Job | Unavailable | TooManyRequests) -> float:
        """Seconds until the next look.

        Raises
        ------
        TimeoutError
            The job takes longer than was allowed.
        Unavailable
            The service does not answer for too long.
        """
        now_s = time.monotonic()
        if isinstance(found, Job):
            self._last_contact_s = now_s
        elif now_s - self._last_contact_s > MAX_OUTAGE_S:
            raise found
        left_s = float("inf")
        if self._timeout_s is not None:
            left_s = self._started_s + self._timeout_s - now_s
        if left_s <= 0:
            state = found.state.value if isinstance(found, Job) else "out of reach"
            raise TimeoutError(
                f"job {self._job_id} is still {state} after {self._timeout_s:g} s"
            )
        requested_s = found.retry_after_s if isinstance(found, TooManyRequests) else 0.0
        self._pause_s = min(1.5 * self._pause_s, POLL_PAUSE_S[1])
        return min(max(self._pause_s, requested_s), left_s)
