"""From a finished job to the job that tells its resolution."""

from __future__ import annotations

import hashlib

import structlog

from exitwave.ledger import AsyncLedger
from exitwave.schema.errors import TransitionNotAllowed
from exitwave.schema.job import Halves, Job, JobSpec, JobState

PRIORITY = 9
FRAMES_FROM_OVERLAP = 0.6
"""Below it half of the frames would hardly overlap, and halves of the counts are taken."""

_log = structlog.get_logger(__name__)


async def accept_frc(parent_id: str, ledger: AsyncLedger) -> Job:
    """The job that reconstructs two halves of a job's data and compares them.

    It belongs to the parent's owner. Asked for again it is the same one, unless that ended
    without a result.

    Raises
    ------
    TransitionNotAllowed
        The parent has not succeeded, or is itself such a job.
    """
    parent = await ledger.get(parent_id)
    if parent.state is not JobState.SUCCEEDED or parent.spec.kind != "reconstruction":
        found = f"an frc of {parent.spec.parent}" if parent.spec.parent else parent.state.value
        raise TransitionNotAllowed(
            f"job {parent.id}: found {found}; expected a reconstruction that has succeeded"
        )
    key = f"frc of {parent.id}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    while (job := await ledger.submitted(parent.owner, key, digest)) is not None:
        if not job.state.terminal or job.state is JobState.SUCCEEDED:
            return job
        key = f"frc of {parent.id} after {job.id}"
        digest = hashlib.sha256(key.encode()).hexdigest()
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
    scan = parent.spec.scan
    if scan.n_frames is None and parent.result is not None:
        # Tiled was away when the parent came, and what its user typed may by now mean a
        # newer scan. The node's path ends with the scan, the job and the attempt.
        uid = parent.result.node.split("/")[-3]
        scan = scan.model_copy(update={"uid": uid})
    return parent.spec.model_copy(
        update={
            "scan": scan,
            "kind": "frc",
            "parent": parent.id,
            "halves": _halves(parent),
            "priority": PRIORITY,
            "tags": [],
        }
    )


def _halves(parent: Job) -> Halves:
    quality = None if parent.result is None else parent.result.quality
    overlap = None if quality is None else quality.overlap
    return "counts" if overlap is None or overlap < FRAMES_FROM_OVERLAP else "frames"
