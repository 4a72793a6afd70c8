"""Jobs: submit, list, look at, cancel; ask for a job's resolution."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from exitwave.api.auth import Access
from exitwave.api.deps import LedgerDep, ScansDep
from exitwave.api.frc import accept_frc
from exitwave.api.submission import accept
from exitwave.schema.job import Job, JobPage, JobRequest, JobState

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="A second request with this key and body gets the first one's job.",
    ),
]


@router.post("", status_code=202)
async def submit(
    request: JobRequest,
    response: Response,
    access: Access,
    ledger: LedgerDep,
    scans: ScansDep,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Accept a job. It is on disk when this answers."""
    job = await accept(
        request,
        owner=access.name,
        idempotency_key=idempotency_key,
        ledger=ledger,
        scans=scans,
    )
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return job


@router.get("")
async def list_jobs(
    access: Access,
    ledger: LedgerDep,
    state: JobState | None = None,
    scan: Annotated[str | None, Query(description="A scan's uid or scan_id.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="`cursor` of the page before.")] = None,
) -> JobPage:
    """Jobs, newest first. A page with a cursor has a successor, even if it is short."""
    return await ledger.list(state=state, scan=scan, limit=limit, cursor=cursor)


@router.get("/{job_id}")
async def get(job_id: str, access: Access, ledger: LedgerDep) -> Job:
    """One job with its attempts."""
    return await ledger.get(job_id)


@router.post("/{job_id}/cancel", status_code=202)
async def cancel(job_id: str, access: Access, ledger: LedgerDep) -> Job:
    """End a queued job at once; a running one with its worker's next sign of life."""
    return await ledger.cancel(job_id)


@router.post("/{job_id}/frc", status_code=202)
async def frc(job_id: str, response: Response, access: Access, ledger: LedgerDep) -> Job:
    """Ask for the Fourier ring correlation of a succeeded job: a linked job, priority 9.

    It reconstructs two halves of the data with the job's own recipe. Asking twice gives
    the same job.
    """
    job = await accept_frc(job_id, ledger)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return job
