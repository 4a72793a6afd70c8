"""F3: a worker is frozen until long after another one has done its job."""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import rig, scratch
from tests.faults.history import judge


def zombie(seed: int) -> Measured:
    """Zombie (a tree stopped for 3 leases, then continued): late finish refused and recorded,
    result untouched
    """
    with scratch() as folder:
        return frozen(folder, leases=3.0, lease_s=15.0)


def frozen(folder: Path, *, leases: float, lease_s: float) -> Measured:
    """The zombie's body hears no order, so that it does finish late."""
    found = Findings()
    with rig(folder, LEDGER__LEASE_S=str(lease_s)) as r:
        r.tick()
        first = r.worker("zombie")
        job_id = r.submit(["seconds:6", "epochs:6", "deaf"])
        r.until(job_id, lambda job: job.progress is not None and job.progress.epoch > 0)
        first.freeze()
        frozen_s = time.monotonic()
        r.worker("other")
        (done,) = r.until_ended([job_id], within_s=leases * lease_s + 60)
        time.sleep(max(0.0, frozen_s + leases * lease_s - time.monotonic()))
        first.thaw()
        deadline = time.monotonic() + 60
        while not (late := [e for e in r.events(job_id) if e.kind == "late"]):
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        after = r.ledger.get(job_id)
        judge(r, [job_id], found)
        runs = sum(e.what == "end" for e in r.executions())
        reason = after.attempts[0].reason
        found.say(f"{runs} runs came to their end, {len(late)} late finish recorded")
        found.demand(done.attempt == 2, f"the other worker did not take over: {done.attempts}")
        found.demand(
            runs == 2, f"{runs} runs came to their end: the zombie did not finish late"
        )
        found.demand(len(late) == 1, f"{len(late)} events say late, 1 wanted")
        found.demand("refused" in reason, f"attempt 1 says {reason!r}, not that it was refused")
        found.demand(
            (after.state, after.result) == (done.state, done.result),
            f"the result changed from {done.result} to {after.result}",
        )
    return found.measured()
