"""Bodies of requests beside a single submission: a batch of scans, a changed rerun."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StrictInt

from .job import Job, JobRequest, Priority, Tag
from .problem import Problem
from .strict import StrictModel

MAX_SCANS = 200

Scan = Annotated[str, Field(min_length=1, max_length=200)] | StrictInt


class BatchRequest(StrictModel):
    """Body of ``POST /api/v1/jobs/batch``: the same work on many scans."""

    scans: list[Scan] = Field(
        min_length=1,
        max_length=MAX_SCANS,
        description="One job for each: a uid, a unique prefix of one, or a scan_id.",
    )
    recipe: str = Field("default", description="Name of a recipe.", min_length=1, max_length=80)
    overrides: dict[str, Any] = Field(
        default_factory=dict,
        description="Dotted keys under recipe., data. or geometry. with the values to use.",
    )
    priority: Priority = Field(5, description="0 (live) to 9 (lowest).")
    tags: list[Tag] = Field(default_factory=list, max_length=20)
    start: str | None = Field(
        None,
        description="Id of a succeeded job whose object and probe all begin with.",
        max_length=26,
    )

    def each(self) -> list[JobRequest]:
        """One request per scan."""
        common = self.model_dump(exclude={"scans"})
        return [JobRequest(scan=scan, **common) for scan in self.scans]


class BatchItem(StrictModel):
    """Outcome for one scan: a job, or the problem why there is none."""

    scan: str | int = Field(description="As it was given.")
    job: Job | None = None
    problem: Problem | None = None


class BatchReply(StrictModel):
    """Response to ``POST /api/v1/jobs/batch``, in the order of the scans."""

    items: list[BatchItem]


class RerunRequest(StrictModel):
    """Body of ``POST /api/v1/jobs/{id}/rerun``: only what is to change."""

    recipe: str | None = Field(None, description="Another recipe.", min_length=1, max_length=80)
    overrides: dict[str, Any] = Field(
        default_factory=dict,
        description="Added to the earlier job's overrides; null removes one of them.",
        examples=[{"recipe.seed": 4}],
    )
    priority: Priority | None = Field(None, description="0 (live) to 9 (lowest).")
    tags: list[Tag] | None = Field(
        None, max_length=20, description="Replace those of the earlier job."
    )
    start: str | None = Field(
        None,
        description="Id of a succeeded job whose object and probe it begins with; default "
        "what the earlier job began with.",
        max_length=26,
    )
