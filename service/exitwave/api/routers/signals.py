"""Signals to a job: cancel it, stop it and keep its result, measure its resolution."""

from __future__ import annotations

from fastapi import APIRouter, Response

from exitwave.api.access.dependencies import WriteJobs, require_visible
from exitwave.api.dependencies import LedgerDep
from exitwave.api.http.conditions import IfMatch
from exitwave.api.http.responses import error_responses
from exitwave.api.jobs.frc import accept_frc
from exitwave.schema.job import Job

from .jobs import load_for_update, with_location

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


@router.post("/{job_id}/cancel", status_code=202, responses=error_responses(404, 409, 412, 500))
async def cancel(
    job_id: str,
    response: Response,
    caller: WriteJobs,
    ledger: LedgerDep,
    if_match: IfMatch = None,
) -> Job:
    """Cancel a job: a queued one at once, a running one at its worker's next heartbeat."""
    job = await load_for_update(job_id, caller, ledger, if_match)
    return with_location(await ledger.cancel(job.id), response)


@router.post("/{job_id}/stop", status_code=202, responses=error_responses(404, 409, 412, 500))
async def stop(
    job_id: str,
    response: Response,
    caller: WriteJobs,
    ledger: LedgerDep,
    if_match: IfMatch = None,
) -> Job:
    """Stop a running job and keep its result so far: it succeeds with `complete: false`."""
    job = await load_for_update(job_id, caller, ledger, if_match)
    return with_location(await ledger.stop(job.id), response)


@router.post("/{job_id}/frc", status_code=202, responses=error_responses(404, 409, 500))
async def frc(job_id: str, response: Response, caller: WriteJobs, ledger: LedgerDep) -> Job:
    """Submit the Fourier ring correlation of a succeeded job: a linked job, priority 9.

    It reconstructs two halves of the data with the job's own recipe. A second
    request gives the same job.
    """
    parent = require_visible(await ledger.get(job_id), caller)
    return with_location(await accept_frc(parent, ledger), response)
