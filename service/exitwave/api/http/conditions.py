"""Conditional requests (RFC 9110, 13): entity tags of jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

from exitwave.schema.digest import sha256_hex
from exitwave.schema.errors import PreconditionFailed
from exitwave.schema.job import Job

IfNoneMatch = Annotated[
    str | None, Header(description="ETags already known; 304 if one of them still holds.")
]
IfMatch = Annotated[
    str | None,
    Header(description="Do it only if the job still has one of these ETags; else 412."),
]


def etag_of(job: Job) -> str:
    """The entity tag of a job's record as it stands, quotes included."""
    return f'"{sha256_hex(job.model_dump_json())[:24]}"'


def known(header: str | None, etag: str) -> bool:
    """Whether the caller of a GET has this version. Weak comparison, as the RFC demands."""
    return header is not None and _names(header, etag, weak=True)


def check_unchanged(header: str | None, job: Job) -> None:
    """Hold a change to what its caller looked at.

    The comparison comes before the ledger's call and is not one step with it: it guards
    against what a person overlooked, not against two programs in the same millisecond.

    Raises
    ------
    PreconditionFailed
        The job's record is another by now.
    """
    if header is not None and not _names(header, etag_of(job), weak=False):
        raise PreconditionFailed(
            f"job {job.id}: found another version than If-Match names; look at it again"
        )


def _names(header: str, etag: str, *, weak: bool) -> bool:
    tags = [tag.strip() for tag in header.split(",")]
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    return "*" in tags or etag in tags
