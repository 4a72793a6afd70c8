"""Jobs and workers as the ledger would give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from exitwave.schema.job import Attempt, Job, JobSpec, JobState, ScanRef
from exitwave.schema.worker import WorkerInfo, WorkerState

START = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def made_job(job_id: str = "j1", **values: Any) -> Job:
    spec = JobSpec(scan=ScanRef(uid="u", path="raw/u"), recipe={"name": "default"})
    common = {"state": JobState.QUEUED, "owner": "ann", "submitted_at": START}
    return Job(id=job_id, spec=spec, **{**common, **values})


def done_job(seconds: float, job_id: str = "done") -> Job:
    return made_job(
        job_id,
        state=JobState.SUCCEEDED,
        attempts=[attempt(0, seconds)],
        ended_at=after(seconds),
    )


def attempt(began_s: float, ended_s: float | None = None, number: int = 1) -> Attempt:
    return Attempt(
        number=number,
        worker="w",
        started_at=after(began_s),
        ended_at=None if ended_s is None else after(ended_s),
    )


def worker(name: str, state: WorkerState = "idle", job_id: str | None = None) -> WorkerInfo:
    return WorkerInfo(name=name, state=state, job_id=job_id, seen_at=START)
