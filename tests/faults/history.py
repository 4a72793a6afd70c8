"""What must hold of every history, however it was disturbed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.faults.figures import Findings
from tests.faults.harness import ServiceHarness

from exitwave.schema.errors import JobNotFound
from exitwave.schema.job import Job, JobState


def judge(service: ServiceHarness, job_ids: Iterable[str], found: Findings) -> list[Job]:
    """Nothing lost, one final each, every run in the record. The jobs that there are."""
    accepted = list(job_ids)
    jobs, missing = [], 0
    for job_id in accepted:
        try:
            jobs.append(service.ledger.get(job_id))
        except JobNotFound:
            missing += 1
    unfinished = sum(job.state != JobState.SUCCEEDED for job in jobs)
    finals = Counter(event.job_id for event in service.events() if event.kind == "ended")
    double = sum(count > 1 for count in finals.values())
    unrecorded = _unrecorded_runs(service, jobs)
    wrong = sum(not _result_is_of_the_last_attempt(job) for job in jobs)
    attempts = sum(len(job.attempts) for job in jobs)
    found.say(f"{missing + unfinished} of {len(accepted)} lost, {double} double finals")
    found.say(f"{attempts - len(jobs)} further attempts, {unrecorded} runs not recorded")
    found.check(not missing, f"{missing} accepted jobs are not in the ledger, 0 wanted")
    found.check(not unfinished, f"{unfinished} accepted jobs did not succeed, 0 wanted")
    found.check(not double, f"{double} jobs ended more than once, 0 wanted")
    found.check(len(set(accepted)) == len(accepted), "two submissions share a job")
    found.check(not unrecorded, f"{unrecorded} runs are in no job's attempts, 0 wanted")
    found.check(not wrong, f"{wrong} results are not those of the attempt that ended last")
    found.details["attempts"] = attempts
    return jobs


def _unrecorded_runs(service: ServiceHarness, jobs: Iterable[Job]) -> int:
    """Runs of a fake engine that the ledger does not know, or knows of another worker."""
    known = {(job.id, a.number, a.worker) for job in jobs for a in job.attempts}
    ids = {job.id for job in jobs}
    runs = Counter(
        (e.job, e.attempt, e.worker) for e in service.executions("start") if e.job in ids
    )
    return sum(count if run not in known else count - 1 for run, count in runs.items())


def _result_is_of_the_last_attempt(job: Job) -> bool:
    if job.state != JobState.SUCCEEDED:
        return True  # counted as unfinished
    outcomes = [attempt.outcome for attempt in job.attempts]
    one_final = outcomes.count("succeeded") == 1 and outcomes[-1] == "succeeded"
    return one_final and job.result is not None and job.result.attempt == job.attempt
