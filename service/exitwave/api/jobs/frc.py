"""Submit the job that measures the resolution of a succeeded one."""

from __future__ import annotations

import structlog

from exitwave.ledger import ServiceLedger
from exitwave.schema.digest import sha256_hex
from exitwave.schema.errors import TransitionNotAllowed
from exitwave.schema.job import Job, JobSpec, JobState, halves_for

from .rerun import scan_of

PRIORITY = 9

_log = structlog.get_logger(__name__)


async def accept_frc(parent: Job, ledger: ServiceLedger) -> Job:
    """Submit the job that reconstructs two halves of a job's data and compares them.

    It belongs to the parent's owner. A second request returns the same job, unless that one
    ended without a result.

    Raises
    ------
    TransitionNotAllowed
        The parent has not succeeded, or is itself such a job.
    """
    if parent.state is not JobState.SUCCEEDED or parent.spec.kind != "reconstruction":
        found = f"an frc of {parent.spec.parent}" if parent.spec.parent else parent.state.value
        raise TransitionNotAllowed(
            f"job {parent.id}: found {found}; expected a reconstruction that has succeeded",
            parent.state.value,
        )
    key = f"frc of {parent.id}"
    digest = sha256_hex(key)
    while (job := await ledger.submitted(parent.owner, key, digest)) is not None:
        if not job.state.terminal or job.state is JobState.SUCCEEDED:
            return job
        key = f"frc of {parent.id} after {job.id}"
        digest = sha256_hex(key)
    job, created = await ledger.submit(
        _spec(parent),
        owner=parent.owner,
        idempotency_key=key,
        request_digest=digest,
    )
    if created:
        _log.info("job.submitted", job_id=job.id, frc_of=parent.id, halves=job.spec.halves)
    return job


def _spec(parent: Job) -> JobSpec:
    quality = None if parent.result is None else parent.result.quality
    return parent.spec.model_copy(
        update={
            "scan": scan_of(parent),
            "kind": "frc",
            "parent": parent.id,
            "halves": halves_for(quality.overlap if quality is not None else None),
            "priority": PRIORITY,
            "tags": [],
            "retry_of": None,
        }
    )
