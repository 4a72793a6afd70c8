"""F8: a job that kills every engine it meets."""

from __future__ import annotations

from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import running_service, scratch
from tests.faults.history import judge

from exitwave.schema.job import JobState


def crash_job(seed: int) -> Measured:
    """Crash job: `dead` after 3 losses, nobody else harmed"""
    with scratch() as folder:
        return crashed(folder, jobs=60)


def crashed(folder: Path, *, jobs: int, workers: int = 2) -> Measured:
    found = Findings()
    with running_service(folder) as service:
        service.tick()
        trees = [service.worker(f"w{k}", wait=False) for k in range(workers)]
        service.until_listed(*trees)
        pids = [tree.pid for tree in trees]
        before = [service.submit() for _ in range(jobs // 3)]
        crashing = service.submit(["crash_job", "seconds:0.4"])
        after = [service.submit() for _ in range(jobs - len(before))]
        (dead,) = service.until_ended([crashing], within_s=240)
        good = service.until_ended(before + after, within_s=240)
        service.until_listed(*trees)
        states = {worker.state for worker in service.ledger.workers()}
        took_s = (dead.ended_at - dead.started_at).total_seconds() if dead.ended_at else 0.0
        harmed = [job for job in good if len(job.attempts) != 1]
        each = Findings()
        judge(service, before + after, each)
        found.say(f"{dead.state} after {dead.lost} losses in {took_s:.1f} s")
        found.say(f"{len(good) - len(harmed)} of {len(good)} other jobs: one attempt each")
        found.check(
            (dead.state, dead.lost) == (JobState.DEAD, 3),
            f"the crash job is {dead.state} after {dead.lost} losses; dead after 3 wanted",
        )
        found.check(not harmed, f"{len(harmed)} other jobs needed a further attempt")
        found.check("quarantined" not in states, "a worker was quarantined")
        found.check(pids == [tree.pid for tree in trees], "an agent ended")
        for miss in each.measured().misses:
            found.check(False, miss)
    return found.measured()
