"""What the sync and the async client share: requests, how to read answers, patience."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, TypeVar, get_args
from urllib.parse import quote

import httpx
from httpx_sse import ServerSentEvent
from pydantic import ValidationError

from exitwave.schema.errors import ExitwaveError, InvalidInput, Unavailable, UsageError
from exitwave.schema.job import Event, EventKind, Job, JobPage, JobRequest, JobState
from exitwave.settings.connection import Connection

from .problems import check

T = TypeVar("T")

Format = Literal["cxi", "npy", "png"]
KINDS = frozenset(get_args(EventKind))

API = "/api/v1"
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
DOWNLOAD_TIMEOUT = httpx.Timeout(300.0, connect=5.0)
STREAM_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
PAUSES_S = (0.2, 0.8)
"""Before the second and the third try. Every call of ours may be repeated safely."""
RECONNECT_S = 1.0
PATIENCE_S = 60.0
"""Streams and waits outlive a restart of the service, but not a longer absence."""
POLL_S = (0.2, 1.0)
"""First and longest pause while waiting for a job to end."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and how to read its answer."""

    method: Literal["GET", "POST"]
    path: str
    parse: Callable[[bytes], T]
    params: Mapping[str, str | int] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def request(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """The request, ready to be sent."""
        return http.build_request(
            self.method, self.path, params=self.params, json=self.json, headers=self.headers
        )

    def read(self, response: httpx.Response) -> T:
        """What the answer holds; raises what the service raised."""
        try:
            return self.parse(check(response).content)
        except ValidationError as error:
            raise ExitwaveError(
                f"{self.method} {self.path}: the answer is not what this client knows "
                f"({error.error_count()} differences); versions of client and service differ?"
            ) from error


class Listening:
    """Where a stream of events stands: what was read last, and for how long it is silent."""

    def __init__(self, connection: Connection, job_id: str | None, after: str | None) -> None:
        self._connection = connection
        self._job_id = job_id
        self._after = after
        self._heard_s = time.monotonic()

    def arguments(self) -> dict[str, Any]:
        """Of the request that begins or resumes the stream."""
        job_id = self._job_id
        return {
            "method": "GET",
            "url": f"{API}/events" if job_id is None else f"{job_path(job_id)}/events",
            "headers": {} if self._after is None else {"Last-Event-ID": self._after},
            "timeout": STREAM_TIMEOUT,
        }

    def read(self, message: ServerSentEvent) -> Event | None:
        """The event in a message; None for a message of another kind."""
        self._heard_s = time.monotonic()
        self._after = message.id or self._after
        if message.event not in KINDS:
            return None
        return Event.model_validate_json(message.data)

    def is_last(self, event: Event) -> bool:
        """Whether nothing can follow."""
        return self._job_id is not None and event.state.terminal

    def lost(self, error: Exception) -> None:
        """Note that the connection was lost; raise `Unavailable` once patience is over."""
        if time.monotonic() - self._heard_s > PATIENCE_S:
            raise unreachable(self._connection, error) from error


class Waiting:
    """How long to pause before a job is looked at again, and when to give up."""

    def __init__(self, job_id: str, timeout_s: float | None) -> None:
        self._job_id = job_id
        self._timeout_s = timeout_s
        self._began_s = self._heard_s = time.monotonic()
        self._pause_s = POLL_S[0]

    def pause_s(self, found: Job | Unavailable) -> float:
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
        elif now_s - self._heard_s > PATIENCE_S:
            raise found
        if self._timeout_s is not None and now_s - self._began_s >= self._timeout_s:
            state = found.state.value if isinstance(found, Job) else "out of reach"
            raise TimeoutError(
                f"job {self._job_id} is still {state} after {self._timeout_s:g} s"
            )
        self._pause_s = min(1.5 * self._pause_s, POLL_S[1])
        return self._pause_s


def base_headers(connection: Connection) -> dict[str, str]:
    """Headers of every request."""
    return {"Authorization": f"Apikey {connection.api_key}"}


def submit(
    scan: str | int,
    recipe: str,
    overrides: Mapping[str, Any] | None,
    priority: int,
    tags: Sequence[str],
    idempotency_key: str | None,
) -> Call[Job]:
    """A submission. It always carries a key, so that a repeated one makes no second job."""
    try:
        request = JobRequest(
            scan=scan,
            recipe=recipe,
            overrides=dict(overrides or {}),
            priority=priority,
            tags=list(tags),
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InvalidInput(key, first["input"], first["msg"]) from None
    return Call(
        "POST",
        f"{API}/jobs",
        Job.model_validate_json,
        json=request.model_dump(mode="json"),
        headers={"Idempotency-Key": idempotency_key or uuid.uuid4().hex},
    )


def job(job_id: str) -> Call[Job]:
    """One job's record."""
    return Call("GET", job_path(job_id), Job.model_validate_json)


def jobs(
    state: JobState | str | None, scan: str | None, limit: int, cursor: str | None
) -> Call[JobPage]:
    """A page of jobs."""
    asked = {"state": state, "scan": scan, "limit": limit, "cursor": cursor}
    params = {key: value for key, value in asked.items() if value is not None}
    return Call("GET", f"{API}/jobs", JobPage.model_validate_json, params=params)


def cancel(job_id: str) -> Call[Job]:
    """A request to cancel."""
    return Call("POST", f"{job_path(job_id)}/cancel", Job.model_validate_json)


def frc(job_id: str) -> Call[Job]:
    """A request for a job's resolution."""
    return Call("POST", f"{job_path(job_id)}/frc", Job.model_validate_json)


def job_path(job_id: str) -> str:
    """Path of a job; an id with a slash in it stays one segment."""
    if not job_id:
        raise UsageError("job: found no id; `exitwave jobs` lists them")
    return f"{API}/jobs/{quote(job_id, safe='')}"


def unreachable(connection: Connection, error: Exception) -> Unavailable:
    """What to say when nobody answers."""
    reason = str(error) or type(error).__name__
    return Unavailable(f"no answer from {connection.url} ({reason}); is the service running?")


def target_path(path: str | Path | None, response: httpx.Response) -> Path:
    """Where to put a download: `path`, or the service's file name in it or in this folder."""
    named = re.search(r'filename="([^"]+)"', response.headers.get("Content-Disposition", ""))
    # Only the last part: a service must not choose the folder.
    name = Path(named.group(1)).name if named else "result"
    if path is None:
        return Path(name)
    return Path(path) / name if Path(path).is_dir() else Path(path)


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only once it is whole."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
