"""Repeat an ended job, unchanged (retry) or with changes (rerun). Both make a new job."""

from __future__ import annotations

from typing import Any

from exitwave.ledger import ServiceLedger
from exitwave.schema.errors import TransitionNotAllowed
from exitwave.schema.job import Job, JobSpec, ScanRef
from exitwave.schema.parameters import plain
from exitwave.schema.requests import RerunRequest

from .scan_lookup import ScanLookup
from .submission import Submissions, Work, digest_of


async def retry(
    job: Job, idempotency_key: str | None, *, ledger: ServiceLedger, submissions: Submissions
) -> Job:
    """Repeat a job unchanged, for the owner of the job.

    Raises
    ------
    TransitionNotAllowed
        The job has not ended.
    """
    digest = digest_of({"retry": job.id})
    earlier = await _earlier(job, idempotency_key, digest, ledger)
    if earlier:
        return earlier
    _check_ended(job)
    spec = job.spec.model_copy(update={"retry_of": job.id})
    return await submissions.submit(spec, job.owner, idempotency_key, digest)


async def rerun(
    job: Job,
    request: RerunRequest,
    idempotency_key: str | None,
    *,
    ledger: ServiceLedger,
    scans: ScanLookup,
    submissions: Submissions,
) -> Job:
    """Repeat a job with changes, resolved with the recipes and profiles of today.

    Raises
    ------
    TransitionNotAllowed
        The job has not ended, or it is an FRC, which has nothing of its own to change.
    InvalidInput, RecipeNotFound, ScanNotFound, ScanNotFinished, JobNotFound
        A change is wrong, or names something that does not exist.
    """
    digest = digest_of({"rerun": job.id, **request.model_dump(exclude_unset=True)})
    earlier = await _earlier(job, idempotency_key, digest, ledger)
    if earlier:
        return earlier
    _check_ended(job)
    if job.spec.parent is not None:
        raise TransitionNotAllowed(
            f"job {job.id}: found an frc of {job.spec.parent}; expected a reconstruction, or "
            "retry, which repeats an frc as it is",
            job.state.value,
        )
    spec = await _changed(job, request, scans, submissions)
    return await submissions.submit(spec, job.owner, idempotency_key, digest)


def scan_of(job: Job) -> ScanRef:
    """Return the scan that a job worked on.

    If Tiled was away at its submission, the job holds only what its user typed, which may mean
    a newer scan by now. Then the path of the result tells: it ends with scan, job and attempt.
    """
    scan = job.spec.scan
    if scan.n_frames is None and job.result is not None:
        return scan.model_copy(update={"uid": job.result.node.split("/")[-3]})
    return scan


async def _changed(
    job: Job, request: RerunRequest, scans: ScanLookup, submissions: Submissions
) -> JobSpec:
    earlier = job.spec
    overrides = _merged(earlier.overrides, request.overrides)
    work = Work.of(request.recipe or str(earlier.recipe["name"]), overrides)
    start = earlier.start
    if "start" in request.model_fields_set:
        start = None if request.start is None else await submissions.start(request.start)
    return JobSpec(
        scan=await scans.look_up(scan_of(job).uid, work.data, work.geometry),
        recipe=work.recipe,
        data=plain(work.data),
        geometry=work.asked_geometry,
        overrides=overrides,
        priority=earlier.priority if request.priority is None else request.priority,
        tags=earlier.tags if request.tags is None else request.tags,
        start=start,
        retry_of=job.id,
    )


def _merged(earlier: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    both = {**earlier, **changes}
    return {key: value for key, value in both.items() if value is not None}


async def _earlier(
    job: Job, idempotency_key: str | None, digest: str, ledger: ServiceLedger
) -> Job | None:
    if not idempotency_key:
        return None
    return await ledger.submitted(job.owner, idempotency_key, digest)


def _check_ended(job: Job) -> None:
    if not job.state.terminal:
        raise TransitionNotAllowed(
            f"job {job.id}: found state {job.state.value}; expected one that has ended",
            job.state.value,
        )
