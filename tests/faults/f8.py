"""F8: a job that kills every engine it meets."""

from __future__ import annotations

from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import rig, scratch
from tests.faults.history import judge

from exitwave.schema.job import JobState


def poison(seed: int) -> Measured:
    """Poison job: `dead` after 3 losses, nobody else harmed"""
    with scratch() as folder:
        return poisoned(folder, jobs=60)


def poisoned(folder: Path, *, jobs: int, workers: int = 2) -> Measured:
    found = Findings()
    with rig(folder) as r:
        r.tick()
        trees = [r.worker(f"w{k}", wait=False) for k in range(workers)]
        r.until_listed(*trees)
        pids = [tree.pid for tree in trees]
        before = [r.submit() for _ in range(jobs // 3)]
        poisonous = r.submit(["poison", "seconds:0.4"])
        after = [r.submit() for _ in range(jobs - len(before))]
        (dead,) = r.until_ended([poisonous], within_s=240)
        good = r.until_ended(before + after, within_s=240)
        r.until_listed(*trees)
        states = {worker.state for worker in r.ledger.workers()}
        took_s = (dead.ended_at - dead.started_at).total_seconds() if dead.ended_at else 0.0
        harmed = [job for job in good if len(job.attempts) != 1]
        each = Findings()
        judge(r, before + after, each)
        found.say(f"{dead.state} after {dead.lost} losses in {took_s:.1f} s")
        found.say(f"{len(good) - len(harmed)} of {len(good)} other jobs: one attempt each")
        found.demand(
            (dead.state, dead.lost) == (JobState.DEAD, 3),
            f"the poison job is {dead.state} after {dead.lost} losses; dead after 3 wanted",
        )
        found.demand(not harmed, f"{len(harmed)} other jobs needed a further attempt")
        found.demand("quarantined" not in states, "a worker was quarantined")
        found.demand(pids == [tree.pid for tree in trees], "an agent ended")
        for miss in each.measured().misses:
            found.demand(False, miss)
    return found.measured()
