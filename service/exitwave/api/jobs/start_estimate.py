"""Estimate when queued jobs start, from the duration of recent ones."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta

from exitwave.schema.job import Job
from exitwave.schema.worker import WorkerInfo, WorkerState

RECENT_JOBS = 20
"""Succeeded jobs whose median duration is used."""

ACTIVE_STATES: frozenset[WorkerState] = frozenset({"idle", "busy", "starting"})


def duration_s(job: Job) -> float:
    """Seconds that workers spent on the ended attempts of a job."""
    return sum(
        (attempt.ended_at - attempt.started_at).total_seconds()
        for attempt in job.attempts
        if attempt.ended_at is not None
    )


def estimated_starts(
    n_waiting: int,
    *,
    recent: Sequence[Job],
    running: Sequence[Job],
    workers: Sequence[WorkerInfo],
    now: datetime,
) -> list[datetime | None]:
    """Start of each waiting job in its order, if every job took the median time.

    Parameters
    ----------
    n_waiting : int
        Number of jobs that wait.
    recent, running : sequence of Job
        Lately succeeded, and under way.
    workers : sequence of WorkerInfo
        Those there are; draining and quarantined ones take no further job.
    now : datetime
        The present time.

    Returns
    -------
    list
        None where it is unknown: no job has succeeded, or there is no worker.
    """
    active = [worker for worker in workers if worker.state in ACTIVE_STATES]
    if not recent or not active:
        return [None] * n_waiting
    median_s = statistics.median(duration_s(job) for job in recent)
    active_jobs = {worker.job_id for worker in active}
    left_s = [_left_s(job, median_s, now) for job in running if job.id in active_jobs]
    free_s = (left_s + [0.0] * len(active))[: len(active)]
    heapq.heapify(free_s)
    starts: list[datetime | None] = []
    for _ in range(n_waiting):
        start_s = free_s[0]
        starts.append(now + timedelta(seconds=start_s))
        heapq.heapreplace(free_s, start_s + median_s)
    return starts


def _left_s(job: Job, median_s: float, now: datetime) -> float:
    spent_s = duration_s(job) + (now - job.attempts[-1].started_at).total_seconds()
    return max(0.0, median_s - spent_s)
