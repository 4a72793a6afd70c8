"""Events as they happen: server-sent events that replay from ``Last-Event-ID``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from exitwave.api.auth import Access
from exitwave.api.deps import LedgerDep
from exitwave.ledger import AsyncLedger
from exitwave.schema.errors import LedgerUnavailable
from exitwave.schema.job import Event, Job

router = APIRouter(prefix="/api/v1", tags=["events"])

KEEP_ALIVE_S = 15.0
WAIT_S = 5.0
BATCH = 500

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="Id of the last event that was received."),
]

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Named events.", "content": {"text/event-stream": {}}}
}

_log = structlog.get_logger(__name__)


@router.get("/events", response_model=None, responses=_STREAM)
async def events(
    access: Access, ledger: LedgerDep, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """Events of all jobs, from now or from after ``Last-Event-ID``.

    Where that id is older than what is kept, or of another queue, the first event is
    `reset`: ask for the jobs anew.
    """
    newest = await ledger.last_event_id()
    if last_event_id is None:
        return _streamed(_all_events(ledger, newest, reset=False))
    # Checked here because an error must come before the stream begins.
    await ledger.events(last_event_id, limit=1)
    if _order(last_event_id) > _order(newest):  # of another queue, or made up
        return _streamed(_all_events(ledger, newest, reset=True))
    gap = _order(last_event_id) < _order(await ledger.first_event_id())
    return _streamed(_all_events(ledger, last_event_id, reset=gap and last_event_id != "0"))


@router.get("/jobs/{job_id}/events", response_model=None, responses=_STREAM)
async def job_events(
    job_id: str, access: Access, ledger: LedgerDep, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """Events of one job from its submission on; the last one is always `ended`."""
    job = await ledger.get(job_id)
    before_ms = int(job.submitted_at.timestamp() * 1000) - 1
    after = last_event_id or f"{before_ms}-0"
    await ledger.events(after, limit=1)
    return _streamed(_job_events(ledger, job_id, after))


def _streamed(chunks: AsyncIterator[bytes]) -> EventSourceResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventSourceResponse(chunks, headers=headers)


async def _all_events(ledger: AsyncLedger, after: str, *, reset: bool) -> AsyncIterator[bytes]:
    yield KEEPALIVE_COMMENT  # the answer's head goes out at once
    if reset:
        yield format_sse_event(event="reset", data_str="{}", id=after)
    sent = time.monotonic()
    try:
        while True:
            for event in await ledger.events(after, wait_s=WAIT_S, limit=BATCH):
                yield _encoded(event)
                after, sent = event.id, time.monotonic()
            if time.monotonic() - sent > KEEP_ALIVE_S:
                yield KEEPALIVE_COMMENT
                sent = time.monotonic()
    except LedgerUnavailable as error:
        # The client comes back with the id of the last event it has.
        _log.warning("events.broken_off", reason=str(error))


async def _job_events(ledger: AsyncLedger, job_id: str, after: str) -> AsyncIterator[bytes]:
    yield KEEPALIVE_COMMENT
    sent = time.monotonic()
    try:
        while True:
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
    except LedgerUnavailable as error:
        _log.warning("events.broken_off", job_id=job_id, reason=str(error))


def _end_of(job: Job, event_id: str) -> Event:
    """The end once more, for who has its event already or comes after it was trimmed."""
    return Event(
        id=event_id,
        at=job.ended_at or job.submitted_at,
        job_id=job.id,
        kind="ended",
        state=job.state,
        attempt=job.attempt,
    )


def _encoded(event: Event) -> bytes:
    return format_sse_event(data_str=event.model_dump_json(), event=event.kind, id=event.id)


def _order(event_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = event_id.partition("-")
    return int(milliseconds), int(sequence or 0)
