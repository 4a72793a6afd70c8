"""When a queued job may start."""

from __future__ import annotations

from tests.unit.api.made import after, attempt, done_job, made_job, worker

from exitwave.api.jobs.start_estimate import duration_s, estimated_starts
from exitwave.schema.job import JobState


def test_waiting_jobs_are_dealt_to_the_workers_that_are_free_first() -> None:
    running = made_job("r", state=JobState.RUNNING, attempts=[attempt(0)])
    starts = estimated_starts(
        4,
        recent=[done_job(90), done_job(100), done_job(3000)],
        running=[running],
        workers=[worker("a", "busy", "r"), worker("b"), worker("c", "quarantined")],
        now=after(40),
    )
    # b is free at 40 s, a when its job has had the median of 100 s.
    assert starts == [after(40), after(100), after(140), after(200)]


def test_a_job_that_takes_longer_than_usual_may_end_any_moment() -> None:
    running = made_job("r", state=JobState.RUNNING, attempts=[attempt(0)])
    (start,) = estimated_starts(
        1,
        recent=[done_job(10)],
        running=[running],
        workers=[worker("a", "busy", "r")],
        now=after(500),
    )
    assert start == after(500)


def test_nothing_is_said_without_workers_or_experience() -> None:
    nobody = [worker("a", "draining"), worker("b", "quarantined")]
    for recent, workers in (
        ([], [worker("a")]),
        ([done_job(10)], []),
        ([done_job(10)], nobody),
    ):
        starts = estimated_starts(2, recent=recent, running=[], workers=workers, now=after(0))
        assert starts == [None, None]


def test_a_jobs_duration_is_that_of_all_its_attempts() -> None:
    job = made_job(attempts=[attempt(0, 30), attempt(100, 110, number=2)])
    assert duration_s(job) == 40
