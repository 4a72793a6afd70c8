"""Requests about the queue, the workers and the keys."""

from __future__ import annotations

from collections.abc import Sequence

from exitwave.schema.access import KeyList, KeyRequest, NewKey, Scope
from exitwave.schema.errors import UsageError
from exitwave.schema.job import QueueInfo
from exitwave.schema.worker import WorkerInfo, WorkerList

from .calls import API, Call, no_content, path_segment, validated


def queue(limit: int) -> Call[QueueInfo]:
    """The queue."""
    return Call("GET", f"{API}/queue", QueueInfo.model_validate_json, params={"limit": limit})


def pause_queue(*, paused: bool) -> Call[QueueInfo]:
    """Pause the queue, or resume it."""
    return Call("PATCH", f"{API}/queue", QueueInfo.model_validate_json, json={"paused": paused})


def workers() -> Call[list[WorkerInfo]]:
    """Workers heard of lately."""
    return Call(
        "GET",
        f"{API}/workers",
        lambda body: WorkerList.model_validate_json(body).workers,
    )


def drain(worker: str, *, draining: bool) -> Call[WorkerInfo]:
    """Give a worker no further job, or jobs again."""
    if not worker:
        raise UsageError("worker: found no name; `exitwave workers` lists them")
    return Call(
        "PATCH",
        f"{API}/workers/{path_segment(worker)}",
        WorkerInfo.model_validate_json,
        json={"draining": draining},
    )


def keys() -> Call[KeyList]:
    """All keys, without their secrets."""
    return Call("GET", f"{API}/keys", KeyList.model_validate_json)


def create_key(
    owner: str, scopes: Sequence[Scope | str], expires_in_days: float | None, note: str
) -> Call[NewKey]:
    """A new key. Never sent twice: the secret of a first one would be lost."""
    request = validated(
        KeyRequest,
        owner=owner,
        scopes=list(scopes),
        expires_in_days=expires_in_days,
        note=note,
    )
    return Call(
        "POST",
        f"{API}/keys",
        NewKey.model_validate_json,
        json=request.model_dump(mode="json"),
        repeatable=False,
    )


def revoke_key(key_id: str) -> Call[None]:
    """End a key."""
    if not key_id:
        raise UsageError("key: found no id; `exitwave keys list` shows them")
    return Call(
        "DELETE", f"{API}/keys/{path_segment(key_id)}", no_content, not_found_is_success=True
    )
