"""What the ledger should do, said a second time in plain Python: its model."""

from __future__ import annotations

from dataclasses import dataclass, field

from exitwave.schema.job import Job, JobState

LEASE_S = 600.0
MIN_RUN_BEFORE_PREEMPT_S = 300.0
MAX_LOST_ATTEMPTS = 2
MAX_PREEMPTIONS = 1
WORKERS = ("w0", "w1")
OWNERS = ("ann", "bob")
TAGS = ("a", "b")


@dataclass
class Modelled:
    """A job as it should be."""

    id: str
    seq: int
    priority: int
    owner: str
    tag: str
    state: JobState = JobState.QUEUED
    attempt: int = 0
    lost: int = 0
    preemptions: int = 0
    worker: str = ""
    paused: bool = False
    ripe: bool = False
    """Whether it has run for the minimum."""
    cancel: bool = False
    stop: bool = False
    preempting: bool = False

    @property
    def score(self) -> tuple[int, int]:
        return self.priority, self.seq

    @property
    def waits(self) -> bool:
        return self.state == JobState.QUEUED and not self.paused

    def end(self, state: JobState) -> None:
        self.state, self.paused, self.preempting = state, False, False


@dataclass
class Model:
    """The queue as it should be."""

    jobs: dict[str, Modelled] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    submitted: int = 0
    draining: set[str] = field(default_factory=set)
    queue_paused: bool = False

    def running(self) -> list[Modelled]:
        return [job for job in self.jobs.values() if job.state == JobState.RUNNING]

    def preempt(self) -> None:
        needed = sum(job.waits and job.priority == 0 for job in self.jobs.values())
        if self.queue_paused or needed == 0:
            return
        free = set(WORKERS) - self.draining
        candidates = []
        for job in self.running():
            free.discard(job.worker)
            if job.worker in self.draining:
                continue
            if job.cancel or job.stop or job.preempting:
                needed -= 1
            elif job.priority > 0 and job.ripe and job.preemptions < MAX_PREEMPTIONS:
                candidates.append(job)
        needed = max(0, needed - len(free))
        for job in sorted(candidates, key=lambda each: each.score, reverse=True)[:needed]:
            job.preempting = True

    def requeue(self, job: Modelled) -> None:
        if job.cancel:
            job.end(JobState.CANCELLED)
            return
        job.state, job.preempting = JobState.QUEUED, False
        if job.priority == 0:
            self.preempt()

    def requeue_lost(self, job: Modelled) -> None:
        job.lost += 1
        if job.lost >= MAX_LOST_ATTEMPTS and not job.cancel:
            job.end(JobState.DEAD)
        else:
            self.requeue(job)

    def places(self) -> dict[str, list[Modelled]]:
        """The jobs that each sorted set of the ledger should hold."""
        jobs = list(self.jobs.values())
        places = {
            "ready": [job for job in jobs if job.waits],
            "waiting": [job for job in jobs if job.waits and job.priority > 0],
            "paused": [job for job in jobs if job.paused],
            "leased": self.running(),
            "ended": [job for job in jobs if job.state.terminal],
            "quarantined": [],
            "jobs": jobs,
            "by:scan:s": jobs,
        }
        for state in JobState:
            places[f"by:state:{state}"] = [job for job in jobs if job.state == state]
        for owner in OWNERS:
            places[f"by:owner:{owner}"] = [job for job in jobs if job.owner == owner]
        for tag in TAGS:
            places[f"by:tag:{tag}"] = [job for job in jobs if job.tag == tag]
        return places


def check_same(found: Job, job: Modelled) -> None:
    assert (found.state, found.attempt, found.priority, found.paused, found.owner) == (
        (job.state, job.attempt, job.priority, job.paused, job.owner)
    )
    assert (found.lost, found.preemptions) == (job.lost, job.preemptions)
    assert (found.cancel_requested, found.stop_requested, found.preempt_requested) == (
        (job.cancel, job.stop, job.preempting)
    )
    assert (found.ended_at is not None) == job.state.terminal
    assert [attempt.outcome is None for attempt in found.attempts] == (
        [False] * (job.attempt - 1) + [job.state == JobState.RUNNING] if job.attempt else []
    )
