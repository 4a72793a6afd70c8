"""The queue: the next jobs, and whether it is paused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from exitwave.api.access.dependencies import ControlJobs, ReadWorkers
from exitwave.api.dependencies import LedgerDep
from exitwave.api.http.responses import error_responses
from exitwave.api.jobs.start_estimate import RECENT_JOBS, estimated_starts
from exitwave.ledger import ServiceLedger
from exitwave.schema.job import JobState, QueueInfo, QueuePatch

router = APIRouter(prefix="/api/v1/queue", tags=["queue"])

RUNNING_JOBS = 200

Limit = Annotated[int, Query(ge=1, le=1000, description="Most jobs that are listed.")]


@router.get("", responses=error_responses())
async def show(caller: ReadWorkers, ledger: LedgerDep, limit: Limit = 50) -> QueueInfo:
    """List the next jobs in order, with their estimated starts."""
    return await _shown(ledger, limit)


@router.patch("", responses=error_responses(body=True))
async def change(
    patch: QueuePatch, caller: ControlJobs, ledger: LedgerDep, limit: Limit = 50
) -> QueueInfo:
    """Pause or resume the queue. Running jobs go on."""
    await (ledger.pause_queue() if patch.paused else ledger.resume_queue())
    return await _shown(ledger, limit)


async def _shown(ledger: ServiceLedger, limit: int) -> QueueInfo:
    view, workers, recent, running = await asyncio.gather(
        ledger.queue(limit=limit),
        ledger.workers(),
        ledger.list(state=JobState.SUCCEEDED, limit=RECENT_JOBS),
        ledger.list(state=JobState.RUNNING, limit=RUNNING_JOBS),
    )
    starts: list[datetime | None] = [None] * len(view.queued)
    if not view.paused:
        starts = estimated_starts(
            len(view.queued),
            recent=recent.jobs,
            running=running.jobs,
            workers=workers,
            now=datetime.now(UTC),
        )
    return QueueInfo(
        paused=view.paused,
        waiting=view.waiting,
        running=view.running,
        queued=[
            job.model_copy(update={"estimated_start": start})
            for job, start in zip(view.queued, starts, strict=True)
        ],
    )
