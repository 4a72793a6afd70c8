"""Replies of the server, turned into jobs, events and workers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from exitwave.schema.job import Attempt, Event, Job
from exitwave.schema.worker import WorkerInfo

PARTS = ("progress", "failure", "result")
TIMES = ("started_at", "ended_at")


def time_from_ms(milliseconds: str | int) -> datetime:
    """The server's clock as an aware datetime in UTC."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def job_from_reply(reply: Sequence[str]) -> Job:
    """A job from its hash, which comes as ``[field, value, field, value, ...]``."""
    fields = dict(zip(reply[::2], reply[1::2], strict=True))
    attempt = int(fields["attempt"])
    return Job.model_validate(
        {
            "id": fields["id"],
            "state": fields["state"],
            "owner": fields["owner"],
            "spec": json.loads(fields["spec"]),
            "submitted_at": time_from_ms(fields["submitted_at"]),
            "attempt": attempt,
            "attempts": [_attempt(fields, number) for number in range(1, attempt + 1)],
            "cancel_requested": "cancel_requested" in fields,
            **{name: time_from_ms(fields[name]) for name in TIMES if name in fields},
            **{name: json.loads(fields[name]) for name in PARTS if name in fields},
        }
    )


def _attempt(fields: Mapping[str, str], number: int) -> Attempt:
    a = f"a:{number}:"
    ended_at = fields.get(a + "ended_at")
    return Attempt.model_validate(
        {
            "number": number,
            "worker": fields[a + "worker"],
            "device": fields[a + "device"],
            "started_at": time_from_ms(fields[a + "started_at"]),
            "ended_at": time_from_ms(ended_at) if ended_at else None,
            "outcome": fields.get(a + "outcome"),
            "reason": fields.get(a + "reason", ""),
        }
    )


def event_from_entry(entry_id: str, fields: Mapping[str, str]) -> Event:
    """An event from its entry in the stream; the entry's id carries the time."""
    progress = fields["progress"]
    return Event.model_validate(
        {
            "id": entry_id,
            "at": time_from_ms(entry_id.partition("-")[0]),
            "job_id": fields["job"],
            "kind": fields["kind"],
            "state": fields["state"],
            "attempt": int(fields["attempt"]),
            "progress": json.loads(progress) if progress else None,
        }
    )


def worker_from_reply(reply: Sequence[Any]) -> WorkerInfo:
    """A worker from ``[last seen in ms, JSON]``."""
    seen_ms, text = reply
    return WorkerInfo.model_validate({**json.loads(text), "seen_at": time_from_ms(seen_ms)})
