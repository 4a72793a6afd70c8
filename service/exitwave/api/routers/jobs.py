"""Jobs: submit one or many, list, show, change, repeat, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from exitwave.api.access.dependencies import (
    Principal,
    ReadJobs,
    WriteJobs,
    owner_filter,
    require_visible,
)
from exitwave.api.dependencies import LedgerDep, ScansDep
from exitwave.api.http.conditions import IfMatch, IfNoneMatch, check_unchanged, etag_of, known
from exitwave.api.http.responses import error_responses
from exitwave.api.jobs.batch import accept_batch
from exitwave.api.jobs.rerun import rerun, retry
from exitwave.api.jobs.submission import Submissions
from exitwave.schema.access import Scope
from exitwave.schema.errors import LedgerCorrupt, TransitionNotAllowed
from exitwave.schema.job import (
    AttemptList,
    Job,
    JobPage,
    JobPatch,
    JobRequest,
    JobState,
)
from exitwave.schema.requests import BatchReply, BatchRequest, RerunRequest

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

NOT_MODIFIED = 304

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="A second request with this key and body gets the first one's job.",
    ),
]


@router.post("", status_code=202, responses=error_responses(404, 409, body=True))
async def submit(
    request: JobRequest,
    response: Response,
    caller: WriteJobs,
    ledger: LedgerDep,
    scans: ScansDep,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Submit a job. It is on disk before the response."""
    job = await Submissions(ledger, scans, caller).accept(request, idempotency_key)
    return with_location(job, response)


@router.post("/batch", status_code=202, responses=error_responses(404, 409, body=True))
async def submit_batch(
    request: BatchRequest,
    caller: WriteJobs,
    ledger: LedgerDep,
    scans: ScansDep,
    idempotency_key: IdempotencyKey = None,
) -> BatchReply:
    """Submit a job for each of many scans; the response has a job or a problem for each.

    Every accepted job is on disk before the response. Sent again under the same idempotency
    key, each scan keeps the job that it has.
    """
    return await accept_batch(
        request,
        idempotency_key,
        ledger=ledger,
        submissions=Submissions(ledger, scans, caller),
        caller=caller,
    )


@router.get("", responses=error_responses())
async def list_jobs(
    caller: ReadJobs,
    ledger: LedgerDep,
    state: JobState | None = None,
    scan: Annotated[str | None, Query(description="A scan's uid or scan_id.")] = None,
    tag: Annotated[str | None, Query(description="A tag, whole.", max_length=80)] = None,
    owner: Annotated[
        str | None,
        Query(description="Owner of the jobs; others' jobs need control:jobs.", max_length=80),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="`cursor` of the page before.")] = None,
) -> JobPage:
    """List jobs, newest first. A page with a `cursor` has a successor, even if it is short."""
    return await ledger.list(
        state=state,
        scan=scan,
        tag=tag,
        owner=owner_filter(caller, owner),
        limit=limit,
        cursor=cursor,
    )


@router.get(
    "/{job_id}",
    response_model=Job,
    responses={
        **error_responses(404, 500),
        NOT_MODIFIED: {"description": "If-None-Match names the present version."},
    },
)
async def get(
    job_id: str,
    response: Response,
    caller: ReadJobs,
    ledger: LedgerDep,
    if_none_match: IfNoneMatch = None,
) -> Job | Response:
    """Show a job with its attempts. `ETag` is its version."""
    job = require_visible(await ledger.get(job_id), caller)
    etag = etag_of(job)
    if known(if_none_match, etag):
        return Response(status_code=NOT_MODIFIED, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return job


@router.get("/{job_id}/attempts", responses=error_responses(404, 500))
async def attempts(job_id: str, caller: ReadJobs, ledger: LedgerDep) -> AttemptList:
    """List the attempts of a job: where, when, how far, and how each ended."""
    return AttemptList(attempts=require_visible(await ledger.get(job_id), caller).attempts)


@router.patch("/{job_id}", responses=error_responses(404, 409, 412, 500, body=True))
async def change(
    job_id: str,
    patch: JobPatch,
    response: Response,
    caller: WriteJobs,
    ledger: LedgerDep,
    if_match: IfMatch = None,
) -> Job:
    """Change the priority of a job, pause it or resume it.

    The priority of a running job counts once it is back in the queue; only a queued job can
    be paused.
    """
    job = await load_for_update(job_id, caller, ledger, if_match)
    if patch.paused is not None and job.state is not JobState.QUEUED:
        # Refused before the priority is changed: both or neither.
        raise TransitionNotAllowed(
            f"job {job.id}: found state {job.state.value}; expected queued to pause or resume",
            job.state.value,
        )
    if patch.priority is not None:
        job = await ledger.reprioritise(job.id, patch.priority)
    if patch.paused is not None:
        job = await (ledger.pause(job.id) if patch.paused else ledger.resume(job.id))
    return with_location(job, response)


@router.delete("/{job_id}", status_code=204, responses=error_responses(404, 409, 412, 500))
async def delete(
    job_id: str, caller: WriteJobs, ledger: LedgerDep, if_match: IfMatch = None
) -> Response:
    """Delete an ended job. Its result stays in Tiled.

    A job whose record cannot be read, its owner perhaps included, is deleted for a caller
    with `control:jobs`.
    """
    try:
        await load_for_update(job_id, caller, ledger, if_match)
    except LedgerCorrupt:
        if not caller.may(Scope.CONTROL_JOBS):
            raise
        await ledger.quarantine_job(job_id)
    await ledger.delete(job_id)
    return Response(status_code=204)


@router.post("/{job_id}/retry", status_code=202, responses=error_responses(404, 409, 500))
async def retry_job(
    job_id: str,
    response: Response,
    caller: WriteJobs,
    ledger: LedgerDep,
    scans: ScansDep,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Repeat an ended job exactly as it was resolved: a new job."""
    job = require_visible(await ledger.get(job_id), caller)
    submissions = Submissions(ledger, scans, caller)
    repeated = await retry(job, idempotency_key, ledger=ledger, submissions=submissions)
    return with_location(repeated, response)


@router.post(
    "/{job_id}/rerun", status_code=202, responses=error_responses(404, 409, 500, body=True)
)
async def rerun_job(
    job_id: str,
    request: RerunRequest,
    response: Response,
    caller: WriteJobs,
    ledger: LedgerDep,
    scans: ScansDep,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Repeat an ended job with changes, resolved anew: a new job."""
    job = require_visible(await ledger.get(job_id), caller)
    repeated = await rerun(
        job,
        request,
        idempotency_key,
        ledger=ledger,
        scans=scans,
        submissions=Submissions(ledger, scans, caller),
    )
    return with_location(repeated, response)


async def load_for_update(
    job_id: str, caller: Principal, ledger: LedgerDep, if_match: str | None
) -> Job:
    """Load a job that the caller may see, in the version that `If-Match` names."""
    job = require_visible(await ledger.get(job_id), caller)
    check_unchanged(if_match, job)
    return job


def with_location(job: Job, response: Response) -> Job:
    """Set `Location` and `ETag` of a response to those of the job it returns."""
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    response.headers["ETag"] = etag_of(job)
    return job
