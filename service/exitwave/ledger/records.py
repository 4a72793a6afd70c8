"""Replies of the server, turned into jobs, events and workers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from pydantic import ValidationError

from exitwave.schema.errors import LedgerCorrupt
from exitwave.schema.job import Event, Job, JobPage, JobState
from exitwave.schema.worker import WorkerInfo

Fields = Mapping[str, str]

_UNREADABLE = (KeyError, TypeError, ValueError, OverflowError, RecursionError)
"""What reading a text that the queue did not write may raise."""

_log = structlog.get_logger(__name__)


def time_from_ms(milliseconds: str | int) -> datetime:
    """The server's clock as an aware datetime in UTC."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def job_from_reply(reply: Sequence[str], job_id: str = "") -> Job:
    """A job from its hash, which comes as ``[field, value, field, value, ...]``.

    Raises
    ------
    LedgerCorrupt
        A field is missing or cannot be read; the message names job and field.
    """
    fields = dict(zip(reply[::2], reply[1::2], strict=True))
    job_id = job_id or fields.get("id", "")
    read = _Reader(job_id, fields)
    if read("id") != job_id:
        raise _corrupt(job_id, "id", fields["id"])
    attempt = read("attempt", int)
    attempts = [_attempt(read, number) for number in range(1, attempt + 1)]
    state = read("state", JobState)
    requeued = state == JobState.QUEUED
    values = {
        "id": job_id,
        "state": state,
        "owner": read("owner"),
        "spec": read("spec", json.loads),
        "submitted_at": read("submitted_at", time_from_ms),
        "started_at": read("started_at", time_from_ms, optional=True),
        "ended_at": read("ended_at", time_from_ms, optional=True),
        "attempt": attempt,
        "attempts": attempts,
        "priority": read("priority", int),
        "paused": "paused" in fields,
        "cancel_requested": "cancel_requested" in fields,
        "stop_requested": "stop_requested" in fields,
        "preempt_requested": "preempt_requested" in fields,
        "lost": read("lost", int),
        "preemptions": read("preemptions", int),
        "progress": None if requeued or not attempts else attempts[-1]["progress"],
        "failure": read("failure", json.loads, optional=True),
        "result": read("result", json.loads, optional=True),
    }
    try:
        return Job.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise _corrupt(job_id, ".".join(map(str, first["loc"])), first["msg"]) from error


class _Reader:
    """Reads fields of one job's hash and says which one is corrupt."""

    def __init__(self, job_id: str, fields: Fields) -> None:
        self._job_id = job_id
        self._fields = fields

    def __call__(
        self, name: str, convert: Callable[[str], Any] = str, *, optional: bool = False
    ) -> Any:
        text = self._fields.get(name)
        if text is None:
            if optional:
                return None
            raise _corrupt(self._job_id, name, "nothing")
        try:
            return convert(text)
        except (ValueError, OverflowError, RecursionError) as error:
            raise _corrupt(self._job_id, name, text[:80]) from error


def _corrupt(job_id: str, field: str, found: str) -> LedgerCorrupt:
    return LedgerCorrupt(
        f"job {job_id}: field {field} of its record: found {found!r}; expected what the queue "
        "wrote. Delete the job and submit it again"
    )


def _attempt(read: _Reader, number: int) -> dict[str, Any]:
    a = f"a:{number}:"
    return {
        "number": number,
        "worker": read(a + "worker"),
        "device": read(a + "device"),
        "started_at": read(a + "started_at", time_from_ms),
        "ended_at": read(a + "ended_at", time_from_ms, optional=True),
        "outcome": read(a + "outcome", optional=True),
        "reason": read(a + "reason", optional=True) or "",
        "progress": read(a + "progress", json.loads, optional=True),
    }


def page_from_reply(reply: Any) -> JobPage:
    """A page from ``[cursor, [[id, hash], ...]]``; what cannot be read is named."""
    more, entries = reply
    jobs, corrupt = [], []
    for job_id, record in entries:
        try:
            jobs.append(job_from_reply(record, job_id))
        except LedgerCorrupt:
            corrupt.append(job_id)
    return JobPage(jobs=jobs, cursor=more or None, corrupt=corrupt)


def events_from_entries(entries: Sequence[tuple[str, Fields]]) -> Iterator[Event]:
    """Events of the stream's entries; one that cannot be read is told to the log."""
    for entry_id, fields in entries:
        try:
            yield event_from_entry(entry_id, fields)
        except _UNREADABLE as error:
            _log.warning("ledger.event_unreadable", event_id=entry_id, error=repr(error))


def event_from_entry(entry_id: str, fields: Mapping[str, str]) -> Event:
    """An event from its entry in the stream; the entry's id carries the time."""
    progress = fields["progress"]
    return Event.model_validate(
        {
            "id": entry_id,
            "at": time_from_ms(entry_id.partition("-")[0]),
            "job_id": fields["job"],
            "owner": fields["owner"],
            "kind": fields["kind"],
            "state": fields["state"],
            "attempt": int(fields["attempt"]),
            "progress": json.loads(progress) if progress else None,
            # Entries that an earlier release wrote have no such field.
            "verdict": fields.get("verdict") or None,
        }
    )


def workers_from_reply(reply: Sequence[Sequence[Any]]) -> Iterator[WorkerInfo]:
    """The workers that can be read: each writes its entry anew with its next sign of life."""
    for entry in reply:
        try:
            yield worker_from_reply(entry)
        except _UNREADABLE as error:
            _log.warning("ledger.worker_unreadable", found=entry[1][:80], error=repr(error))


def worker_from_reply(reply: Sequence[Any]) -> WorkerInfo:
    """A worker from ``[last seen in ms, JSON, whether it drains]``."""
    seen_ms, text, draining = reply
    values = {**json.loads(text), "seen_at": time_from_ms(seen_ms)}
    if draining and values["state"] != "quarantined":
        values["state"] = "draining"
    return WorkerInfo.model_validate(values)
