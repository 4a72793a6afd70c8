"""What can be said to a job on its way: cancel, stop and keep, tell the resolution."""

from __future__ import annotations

from fastapi import APIRouter, Response

from exitwave.api.answers import answers
from exitwave.api.auth import WriteJobs, own
from exitwave.api.conditions import IfMatch
from exitwave.api.deps import LedgerDep
from exitwave.api.frc import accept_frc
from exitwave.schema.job import Job

from .jobs import to_change, told

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


@router.post("/{job_id}/cancel", status_code=202, responses=answers(404, 409, 412, 500))
async def cancel(
    job_id: str,
    response: Response,
    access: WriteJobs,
    ledger: LedgerDep,
    if_match: IfMatch = None,
) -> Job:
    """End a queued job at once; a running one with its worker's next sign of life."""
    job = await to_change(job_id, access, ledger, if_match)
    return told(await ledger.cancel(job.id), response)


@router.post("/{job_id}/stop", status_code=202, responses=answers(404, 409, 412, 500))
async def stop(
    job_id: str,
    response: Response,
    access: WriteJobs,
    ledger: LedgerDep,
    if_match: IfMatch = None,
) -> Job:
    """End a running job now and keep what there is: it succeeds with `complete: false`."""
    job = await to_change(job_id, access, ledger, if_match)
    return told(await ledger.stop(job.id), response)


@router.post("/{job_id}/frc", status_code=202, responses=answers(404, 409, 500))
async def frc(job_id: str, response: Response, access: WriteJobs, ledger: LedgerDep) -> Job:
    """Ask for the Fourier ring correlation of a succeeded job: a linked job, priority 9.

    It reconstructs two halves of the data with the job's own recipe. Asking twice gives
    the same job.
    """
    parent = own(await ledger.get(job_id), access)
    return told(await accept_frc(parent, ledger), response)
