"""Jobs as they travel: requests, records, attempts, events. pydantic checks the edges."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from .strict import StrictModel
from .verdict import Judgement, Preparation, Start, Verdict


class JobState(StrEnum):
    """Where a job stands. The last four are terminal and never change."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in {JobState.QUEUED, JobState.RUNNING}


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {
            JobState.QUEUED,  # the attempt was lost or preempted; back to where the job stood
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
            JobState.DEAD,
        }
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.DEAD: frozenset(),
}
"""Every transition there is; the ledger's ``lua/records.lua`` has the same table."""

Outcome = Literal["succeeded", "failed", "cancelled", "preempted", "lost"]
"""How an attempt ends. After "preempted" and "lost" the job goes on with another one."""

JobKind = Literal["reconstruction", "frc"]

Halves = Literal["frames", "counts"]
"""What an FRC splits: every other frame, or every frame's counts by the throw of a coin."""

FRAMES_FROM_OVERLAP = 0.6


def halves_for(overlap: float | None) -> Halves:
    """What an FRC of a scan splits.

    Half of the frames of a sparse scan would hardly overlap: below 60 % overlap, or where it
    is not known, the counts are split.

    Examples
    --------
    >>> halves_for(0.7), halves_for(0.4), halves_for(None)
    ('frames', 'counts', 'counts')
    """
    return "counts" if overlap is None or overlap < FRAMES_FROM_OVERLAP else "frames"


Tag = Annotated[str, Field(min_length=1, max_length=80)]
Priority = Annotated[StrictInt, Field(ge=0, le=9)]


class JobRequest(StrictModel):
    """Body of ``POST /api/v1/jobs``."""

    scan: str | StrictInt = Field(
        description="Scan uid, a unique prefix of one, or a scan_id (the newest scan wins).",
        examples=["7f0c3f2e"],
    )
    recipe: str = Field("default", description="Name of a recipe.", min_length=1, max_length=80)
    overrides: dict[str, Any] = Field(
        default_factory=dict,
        description="Dotted keys under recipe., data. or geometry. with the values to use.",
        examples=[{"data.subset": "even", "recipe.seed": 3}],
    )
    priority: Priority = Field(5, description="0 (live) to 9 (lowest).")
    tags: list[Tag] = Field(default_factory=list, max_length=20)
    start: str | None = Field(
        None,
        description="Id of a succeeded job whose object and probe this one begins with.",
        max_length=26,
    )


class JobPatch(StrictModel):
    """Body of ``PATCH /api/v1/jobs/{id}``: only what is to change."""

    priority: Priority | None = Field(None, description="0 (live) to 9 (lowest).")
    paused: bool | None = Field(
        None, strict=True, description="Pause a queued job, or resume it."
    )


class StartRef(StrictModel):
    """Where a job's starting object and probe are."""

    job_id: str
    attempt: int
    node: str = Field(description="Tiled path of that job's result.")


class ScanRef(StrictModel):
    """The scan a job works on."""

    uid: str
    scan_id: int | None = None
    sample: str = ""
    path: str = Field(description="Tiled path of the run.")
    n_frames: int | None = Field(None, description="Known once Tiled has been asked.")


class JobSpec(StrictModel):
    """What a job must do, resolved at submission; never changes afterwards."""

    scan: ScanRef
    recipe: dict[str, Any] = Field(description="The whole recipe, overrides applied.")
    data: dict[str, Any] = Field(default_factory=dict, description="`data.*` parameters.")
    geometry: dict[str, Any] = Field(
        default_factory=dict, description="`geometry.*` overrides as asked for."
    )
    overrides: dict[str, Any] = Field(default_factory=dict, description="As submitted.")
    priority: int = 5
    tags: list[str] = Field(default_factory=list)
    kind: JobKind = Field(
        "reconstruction", description="frc: reconstruct two halves of the data, compare them."
    )
    parent: str | None = Field(None, description="Id of the job whose resolution an frc tells.")
    halves: Halves | None = Field(None, description="What an frc splits.")
    start: StartRef | None = Field(None, description="The job whose result it begins with.")
    retry_of: str | None = Field(None, description="Id of the ended job that it repeats.")


class ResumePoint(StrictModel):
    """A checkpoint: the state after an epoch of an attempt."""

    attempt: int
    epoch: int


class Progress(StrictModel):
    """How far the running attempt is."""

    phase: Literal["reading", "reconstructing", "writing"] = "reading"
    epoch: int = 0
    epochs: int = 0
    loss: float | None = None
    seconds_per_epoch: float | None = Field(None, description="Seconds of the last epoch.")
    checkpoint: ResumePoint | None = Field(None, description="The newest one on disk.")
    resumed_from: ResumePoint | None = Field(
        None, description="Where this attempt began; None: at the start."
    )
    note: str = Field("", description="Why it began at the start although there was more.")


class Failure(StrictModel):
    """Why a job or an attempt ended without a result."""

    slug: str = Field(description="Kind of error, as in problem+json's type.")
    message: str


class HeldOutFigures(StrictModel):
    """How well patterns that were left out of the fit are modelled."""

    patterns: int
    epoch: int = Field(description="After which they were judged.")
    poisson: float = Field(description="Mean loss per pixel: missing log likelihood.")
    amplitude: float = Field(description="Mean loss per pixel.")


class FrcFigures(StrictModel):
    """Where the Fourier ring correlation of two halves falls below half a bit per pixel."""

    halves: Halves
    crossing_cycles_per_px: float = Field(description="0.5, the end of the band: nowhere.")
    half_period_nm: float = Field(description="Half a period of that frequency.")


class Quality(StrictModel):
    """How good a result is, as far as it can be told without a truth."""

    held_out: HeldOutFigures | None = Field(None, description="None: no pattern was left out.")
    raster_artefact: float | None = Field(
        None,
        description="Share of the object's power on the raster's reciprocal lattice; None: "
        "the views lie on no lattice.",
    )
    prtf_cycles_per_px: float | None = Field(
        None,
        description="Where modelled over measured amplitude falls below 1/e; 0.5: nowhere.",
    )
    overlap: float | None = Field(
        None, description="Of neighbouring views, 1 - step / probe diameter, estimated."
    )
    frc: FrcFigures | None = None


class Result(StrictModel):
    """Where the final result is."""

    node: str = Field(description="Tiled path of the final attempt's node.")
    attempt: int
    complete: bool = True
    epochs: int
    loss: float | None = None
    quality: Quality | None = None
    verdict: Verdict | None = Field(None, description="None: of an frc, or before its time.")
    preparation: Preparation | None = Field(None, description="What was left out, and why.")
    start: Start | None = Field(None, description="Where the run began.")


class Attempt(StrictModel):
    """One try at a job by one worker."""

    number: int
    worker: str
    device: str = ""
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    reason: str = ""
    progress: Progress | None = Field(None, description="The last it reported.")


class AttemptList(StrictModel):
    """Body of ``GET /api/v1/jobs/{id}/attempts``."""

    attempts: list[Attempt]


class Job(StrictModel):
    """A job's whole record: `GET /api/v1/jobs/{id}`."""

    id: str
    state: JobState
    spec: JobSpec
    owner: str
    submitted_at: datetime
    started_at: datetime | None = Field(None, description="Start of the first attempt.")
    ended_at: datetime | None = None
    attempt: int = Field(0, description="Number of the current or last attempt; 0 before any.")
    attempts: list[Attempt] = Field(default_factory=list)
    priority: int = Field(5, description="The current one; `spec` has the one submitted.")
    paused: bool = Field(False, description="Queued and paused.")
    cancel_requested: bool = False
    stop_requested: bool = Field(False, description="To end now and keep what there is.")
    preempt_requested: bool = Field(False, description="To be preempted by live work.")
    lost: int = Field(0, description="Attempts that died.")
    preemptions: int = Field(0, description="Attempts that live work preempted.")
    progress: Progress | None = None
    failure: Failure | None = None
    result: Result | None = None


class JobPage(StrictModel):
    """One page of jobs, newest first."""

    jobs: list[Job]
    cursor: str | None = Field(None, description="Pass it as `cursor` to get the next page.")
    corrupt: list[str] = Field(
        default_factory=list, description="Ids of records that cannot be read."
    )


class QueuedJob(StrictModel):
    """One line of the queue."""

    id: str
    position: int = Field(description="0 is the next to be claimed.")
    priority: int
    estimated_start: datetime | None = Field(
        None, description="From the duration of recent jobs; null: unknown."
    )


class QueueInfo(StrictModel):
    """``GET /api/v1/queue``."""

    paused: bool
    waiting: int = Field(description="Jobs that wait, paused ones among them.")
    running: int
    queued: list[QueuedJob] = Field(description="The next ones, in order.")


class QueuePatch(StrictModel):
    """Body of ``PATCH /api/v1/queue``."""

    paused: bool = Field(
        strict=True, description="No job is claimed while the queue is paused."
    )


EventKind = Literal[
    "submitted",
    "started",
    "progress",
    "requeued",
    "preempted",
    "ended",
    "cancel_requested",
    "stop_requested",
    "preempt_requested",
    "reprioritised",
    "paused",
    "resumed",
    "stale",
]
"""`stale`: the finish of a stale attempt was refused."""


class Event(StrictModel):
    """One line of the ledger's event stream. `id` is the SSE event id."""

    id: str
    at: datetime
    job_id: str
    kind: EventKind
    state: JobState
    attempt: int
    owner: str = Field("", description="Owner of the job.")
    progress: Progress | None = None
    verdict: Judgement | None = Field(
        None, description="Of `ended`, where the job has a result that was judged."
    )
