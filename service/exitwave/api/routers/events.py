"""Events as they happen: server-sent events that replay from ``Last-Event-ID``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated

import structlog
from fastapi import APIRouter, Header
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from exitwave.api.access.dependencies import JobStream, require_visible
from exitwave.api.access.streams import OpenStream
from exitwave.api.dependencies import LedgerDep
from exitwave.api.http.responses import Responses, error_responses
from exitwave.ledger import ServiceLedger
from exitwave.schema.errors import JobNotFound, LedgerUnavailable
from exitwave.schema.job import Event, Job

router = APIRouter(prefix="/api/v1", tags=["events"])

KEEP_ALIVE_S = 15.0
WAIT_S = 2.0
"""A stream whose key is revoked ends no later than after this."""

BATCH = 500

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="Id of the last event that was received."),
]

_STREAM: Responses = {
    200: {
        "description": "Named events.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

_log = structlog.get_logger(__name__)


@router.get("/events", response_model=None, responses={**error_responses(), **_STREAM})
async def events(
    stream: JobStream, ledger: LedgerDep, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """Stream the events of all jobs that the caller may see, from now or ``Last-Event-ID`` on.

    If that id is older than the events kept, or of another queue, the first event is `reset`:
    list the jobs again. A block with only an id tells how far the stream is. The stream ends
    with the key or session.
    """
    after, reset = await _replay_from(ledger, last_event_id)
    return _streamed(_all_events(stream, ledger, after, reset=reset))


@router.get(
    "/jobs/{job_id}/events",
    response_model=None,
    responses={**error_responses(404, 500), **_STREAM},
)
async def job_events(
    job_id: str, stream: JobStream, ledger: LedgerDep, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """Stream the events of one job from its submission on; the last one is always `ended`.

    If ``Last-Event-ID`` is older than the events kept, or of another queue, `reset` comes
    first, then all events of the job that are kept.
    """
    job = require_visible(await ledger.get(job_id), stream.principal)
    after, reset = f"{int(job.submitted_at.timestamp() * 1000) - 1}-0", False
    if last_event_id is not None:
        resumed, reset = await _replay_from(ledger, last_event_id)
        after = after if reset else resumed
    return _streamed(_job_events(stream, ledger, job_id, after, reset=reset))


async def _replay_from(ledger: ServiceLedger, last_event_id: str | None) -> tuple[str, bool]:
    """Event after which to begin, and whether some may be missing before it.

    Called before the response begins, so that a malformed id is answered by an error.
    """
    newest = await ledger.last_event_id()
    if last_event_id is None:
        return newest, False
    await ledger.events(last_event_id, limit=1)
    if _order(last_event_id) > _order(newest):  # of another queue, or made up
        return newest, True
    gap = _order(last_event_id) < _order(await ledger.first_event_id())
    return last_event_id, gap and _order(last_event_id) > (0, 0)


def _streamed(chunks: AsyncIterator[bytes]) -> EventSourceResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventSourceResponse(chunks, headers=headers)


async def _all_events(
    stream: OpenStream, ledger: ServiceLedger, after: str, *, reset: bool
) -> AsyncIterator[bytes]:
    yield KEEPALIVE_COMMENT  # the answer's head goes out at once
    yield _reset(after) if reset else _position(after)
    sent = time.monotonic()
    try:
        while not stream.ended.is_set():
            for event in await ledger.events(after, wait_s=WAIT_S, limit=BATCH):
                after = event.id
                if stream.principal.sees(event.owner):
                    yield _encoded(event)
                    sent = time.monotonic()
            if time.monotonic() - sent > KEEP_ALIVE_S:
                yield _position(after)
                sent = time.monotonic()
    except LedgerUnavailable as error:
        # The client reconnects with the id of its last event.
        _log.warning("events.broken_off", reason=str(error))


async def _job_events(
    stream: OpenStream, ledger: ServiceLedger, job_id: str, after: str, *, reset: bool
) -> AsyncIterator[bytes]:
    yield KEEPALIVE_COMMENT
    if reset:
        yield _reset(after)
    sent = time.monotonic()
    try:
        while not stream.ended.is_set():
            # Asked before the events are read: if it has ended by now, they are all there.
            job = await ledger.get(job_id)
            wait_s = 0.0 if job.state.terminal else WAIT_S
            found = await ledger.events(after, job_id=job_id, wait_s=wait_s, limit=BATCH)
            for event in found:
                yield _encoded(event)
                after, sent = event.id, time.monotonic()
                if event.state.terminal:
                    return
            if job.state.terminal and not found:
                yield _encoded(_end_of(job, after))
                return
            if time.monotonic() - sent > KEEP_ALIVE_S:
                yield KEEPALIVE_COMMENT
                sent = time.monotonic()
    except (JobNotFound, LedgerUnavailable) as error:  # deleted, or away
        _log.warning("events.broken_off", job_id=job_id, reason=str(error))


def _end_of(job: Job, event_id: str) -> Event:
    """The `ended` event once more, for a client that has it or comes after it was trimmed."""
    verdict = job.result.verdict if job.result else None
    return Event(
        id=event_id,
        at=job.ended_at or job.submitted_at,
        job_id=job.id,
        kind="ended",
        state=job.state,
        attempt=job.attempt,
        owner=job.owner,
        verdict=verdict.verdict if verdict else None,
    )


def _reset(after: str) -> bytes:
    return format_sse_event(event="reset", data_str="{}", id=after)


def _position(after: str) -> bytes:
    """The position of the stream without an event: for reconnecting, and as a keep-alive."""
    return format_sse_event(id=after)


def _encoded(event: Event) -> bytes:
    return format_sse_event(data_str=event.model_dump_json(), event=event.kind, id=event.id)


def _order(event_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = event_id.partition("-")
    return int(milliseconds), int(sequence or 0)
