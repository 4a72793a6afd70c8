"""When to try again, when to look again, and when to give up. It never sleeps itself."""

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
from .problems import retry_after_s

T = TypeVar("T")

RETRY_TIMEOUT_S = 20.0
"""For so long a call that fails is tried again, where its caller does not say."""
PAUSE_S = (0.2, 3.0)
"""First and longest pause before another try, where the service names none."""
POLL_S = (0.2, 1.0)
"""First and longest pause while waiting for a job to end."""
RECONNECT_S = 1.0
SILENCE_S = 60.0
"""A stream that says nothing for so long is dead: the service speaks every 15 s."""
ABSENCE_S = 60.0
"""Streams and waits outlive a restart of the service, but not a longer absence."""

AWAY = frozenset({502, 503, 504})
SLOW_DOWN = 429
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
KINDS = frozenset(get_args(EventKind))

_log = logging.getLogger(__name__)


class RetryState(Generic[T]):
    """The tries of one call, for `retry_timeout_s` from the first failure on."""

    def __init__(self, call: Call[T], connection: Connection, retry_timeout_s: float) -> None:
        self._call = call
        self._connection = connection
        self._retry_timeout_s = retry_timeout_s
        self._failed_s: float | None = None
        self._pause_s = PAUSE_S[0]
        self._perhaps_done = False

    def after_loss(self, error: httpx.TransportError) -> float:
        """Seconds to pause before the next try.

        Raises
        ------
        Unavailable
            There is none: the time for retries is over, or a second try could do harm.
        """
        self._perhaps_done |= not isinstance(error, NEVER_SENT)
        pause_s = self._next(None)
        if pause_s is None or (self._perhaps_done and not self._call.repeatable):
            raise unreachable(self._connection, error) from error
        return pause_s

    def after(self, response: httpx.Response) -> float | None:
        """Seconds to pause before the next try; None: this answer stands."""
        status = response.status_code
        if status == SLOW_DOWN:
            return self._next(retry_after_s(response))
        if status not in AWAY or not self._call.repeatable:
            return None
        self._perhaps_done = True
        return self._next(retry_after_s(response))

    def read(self, response: httpx.Response) -> T:
        """What the answer that stands holds."""
        try:
            return self._call.read(response)
        except NotFound:
            if not (self._perhaps_done and self._call.gone_is_done):
                raise
            return self._call.parse(b"")

    def _next(self, told_s: float | None) -> float | None:
        now_s = time.monotonic()
        if self._failed_s is None:
            self._failed_s = now_s
        # Clients that lost the service together do not come back together.
        pause_s = random.uniform(0.5, 1.0) * self._pause_s if told_s is None else told_s
        self._pause_s = min(2 * self._pause_s, PAUSE_S[1])
        left_s = self._retry_timeout_s - (now_s - self._failed_s)
        return pause_s if pause_s <= left_s else None


class EventStreamState:
    """Where a stream of events stands: what was read last, and for how long it is silent."""

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
        self._heard_s = time.monotonic()

    def arguments(self) -> dict[str, Any]:
        """Of the request that begins or resumes the stream."""
        job_id = self._job_id
        return {
            "method": "GET",
            "url": f"{API}/events" if job_id is None else f"{job_path(job_id)}/events",
            "headers": {} if self._after is None else {"Last-Event-ID": self._after},
            "timeout": httpx.Timeout(SILENCE_S, connect=CONNECT_S),
        }

    def read(self, message: ServerSentEvent) -> Event | None:
        """The event in a message; None for a message of another kind."""
        self._heard_s = time.monotonic()
        self._after = message.id or self._after
        if message.event == "reset":
            self._reset()
        if message.event not in KINDS:
            return None
        return Event.model_validate_json(message.data)

    def is_last(self, event: Event) -> bool:
        """Whether nothing can follow."""
        return self._job_id is not None and event.state.terminal

    def pause_s(self, error: Exception | None = None) -> float:
        """Seconds until the stream is resumed; raises once the service is away too long."""
        if error is not None and time.monotonic() - self._heard_s > ABSENCE_S:
            if isinstance(error, httpx.TransportError):
                raise unreachable(self._connection, error) from error
            raise error
        told_s = error.retry_after_s if isinstance(error, TooManyRequests) else 0.0
        return max(RECONNECT_S, told_s)

    def _reset(self) -> None:
        if self._on_reset is not None:
            self._on_reset()
        else:
            _log.warning("events: some are no longer kept by the service; the stream goes on")


class PollState:
    """How long to pause before a job is looked at again, and when to give up."""

    def __init__(self, job_id: str, timeout_s: float | None) -> None:
        self._job_id = job_id
        self._timeout_s = timeout_s
        self._began_s = self._heard_s = time.monotonic()
        self._pause_s = POLL_S[0]

    def pause_s(self, found: Job | Unavailable | TooManyRequests) -> float:
        """Seconds until the next look.

        Raises
        ------
        TimeoutError
            The job takes longer than was allowed.
        Unavailable
            The service stays away.
        """
        now_s = time.monotonic()
        if isinstance(found, Job):
            self._heard_s = now_s
        elif now_s - self._heard_s > ABSENCE_S:
            raise found
        left_s = float("inf")
        if self._timeout_s is not None:
            left_s = self._began_s + self._timeout_s - now_s
        if left_s <= 0:
            state = found.state.value if isinstance(found, Job) else "out of reach"
            raise TimeoutError(
                f"job {self._job_id} is still {state} after {self._timeout_s:g} s"
            )
        told_s = found.retry_after_s if isinstance(found, TooManyRequests) else 0.0
        self._pause_s = min(1.5 * self._pause_s, POLL_S[1])
        return min(max(self._pause_s, told_s), left_s)
