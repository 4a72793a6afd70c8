"""Requests about jobs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from exitwave.schema.job import (
    Attempt,
    AttemptList,
    Job,
    JobPage,
    JobPatch,
    JobRequest,
    JobState,
)
from exitwave.schema.requests import BatchItem, BatchReply, BatchRequest, RerunRequest
from exitwave.schema.result import Plane
from exitwave.schema.result_formats import ResultFormat

from .calls import (
    API,
    LONG_ANSWER_S,
    Call,
    job_path,
    no_content,
    validated,
    without_none,
)


def submit(
    scan: str | int,
    recipe: str,
    overrides: Mapping[str, Any] | None,
    priority: int,
    tags: Sequence[str],
    start: str | None,
    idempotency_key: str | None,
) -> Call[Job]:
    """A submission."""
    request = validated(
        JobRequest,
        scan=scan,
        recipe=recipe,
        overrides=dict(overrides or {}),
        priority=priority,
        tags=list(tags),
        start=start,
    )
    return _new_job(f"{API}/jobs", request, idempotency_key)


def submit_many(
    scans: Sequence[str | int],
    recipe: str,
    overrides: Mapping[str, Any] | None,
    priority: int,
    tags: Sequence[str],
    start: str | None,
    idempotency_key: str | None,
) -> Call[list[BatchItem]]:
    """The same work on many scans."""
    request = validated(
        BatchRequest,
        scans=list(scans),
        recipe=recipe,
        overrides=dict(overrides or {}),
        priority=priority,
        tags=list(tags),
        start=start,
    )
    return Call(
        "POST",
        f"{API}/jobs/batch",
        lambda body: BatchReply.model_validate_json(body).items,
        json=request.model_dump(mode="json"),
        headers=_idempotency_header(idempotency_key),
        timeout_s=LONG_ANSWER_S,  # each scan is looked up before it is accepted
    )


def job(job_id: str) -> Call[Job]:
    """One job's record."""
    return Call("GET", job_path(job_id), Job.model_validate_json)


def jobs(
    state: JobState | str | None,
    scan: str | None,
    tag: str | None,
    owner: str | None,
    limit: int,
    cursor: str | None,
) -> Call[JobPage]:
    """A page of jobs."""
    params = without_none(
        state=state, scan=scan, tag=tag, owner=owner, limit=limit, cursor=cursor
    )
    return Call("GET", f"{API}/jobs", JobPage.model_validate_json, params=params)


def attempts(job_id: str) -> Call[list[Attempt]]:
    """A job's attempts."""
    return Call(
        "GET",
        f"{job_path(job_id)}/attempts",
        lambda body: AttemptList.model_validate_json(body).attempts,
    )


def cancel(job_id: str) -> Call[Job]:
    """Cancel it; nothing is kept."""
    return Call("POST", f"{job_path(job_id)}/cancel", Job.model_validate_json)


def stop(job_id: str) -> Call[Job]:
    """End it now and keep its result so far."""
    return Call("POST", f"{job_path(job_id)}/stop", Job.model_validate_json)


def frc(job_id: str) -> Call[Job]:
    """Ask for its resolution. Asked again it is the same job: no key is needed."""
    return Call("POST", f"{job_path(job_id)}/frc", Job.model_validate_json)


def retry(job_id: str, idempotency_key: str | None) -> Call[Job]:
    """The same work again."""
    return _new_job(f"{job_path(job_id)}/retry", None, idempotency_key)


def rerun(
    job_id: str,
    recipe: str | None,
    overrides: Mapping[str, Any] | None,
    priority: int | None,
    tags: Sequence[str] | None,
    start: str | None,
    idempotency_key: str | None,
) -> Call[Job]:
    """The same work with changes."""
    asked = {
        "recipe": recipe,
        "overrides": dict(overrides or {}),
        "priority": priority,
        "tags": None if tags is None else list(tags),
        "start": start,
    }
    # What is left out stays as it was; a null would change it.
    changes = {key: value for key, value in asked.items() if value is not None}
    request = validated(RerunRequest, **changes)
    return _new_job(f"{job_path(job_id)}/rerun", request, idempotency_key)


def patch(job_id: str, *, priority: int | None = None, paused: bool | None = None) -> Call[Job]:
    """Change a job that has not ended."""
    body = validated(JobPatch, priority=priority, paused=paused)
    return Call(
        "PATCH",
        job_path(job_id),
        Job.model_validate_json,
        json=body.model_dump(mode="json", exclude_none=True),
    )


def delete(job_id: str) -> Call[None]:
    """Forget a job that has ended."""
    return Call("DELETE", job_path(job_id), no_content, not_found_is_success=True)


def result(job_id: str, format: ResultFormat, plane: Plane | None = None) -> Call[bytes]:
    """A result as a file."""
    return Call(
        "GET",
        f"{job_path(job_id)}/result",
        bytes,
        params=without_none(format=format, plane=plane),
        timeout_s=LONG_ANSWER_S,
    )


def _new_job(path: str, body: BaseModel | None, idempotency_key: str | None) -> Call[Job]:
    """A request for a job. It always carries a key: a repeated one makes no second job."""
    return Call(
        "POST",
        path,
        Job.model_validate_json,
        json=None if body is None else body.model_dump(mode="json", exclude_unset=True),
        headers=_idempotency_header(idempotency_key),
    )


def _idempotency_header(idempotency_key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
