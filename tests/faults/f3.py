"""F3: a worker is frozen until long after another one has done its job."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import REAL_BODY, Rig, rig, scratch
from tests.faults.history import judge
from tests.faults.real import Site, recipe, same, site
from tests.stack import wait_until

from exitwave.schema.job import Event


def zombie(seed: int) -> Measured:
    """Zombie (a tree stopped for 3 leases, then continued): stale finish refused and recorded,
    result untouched
    """
    with scratch() as folder, site(folder / "tiled") as place:
        light = frozen(folder / "light", leases=3.0, lease_s=15.0)
        real = frozen_with_its_result(folder / "real", place, leases=3.0, lease_s=15.0)
    text = f"deaf body: {light.text}; real engine: {real.text}"
    return Measured(text, light.misses + real.misses)


def frozen(folder: Path, *, leases: float, lease_s: float) -> Measured:
    """The zombie's body hears no order, so that it does finish late."""
    found = Findings()
    with rig(folder, LEDGER__LEASE_S=str(lease_s)) as r:
        r.tick()
        first = r.worker("zombie")
        job_id = r.submit(["seconds:4", "epochs:4", "deaf"])
        r.until(job_id, lambda job: job.progress is not None and job.progress.epoch > 0)
        first.freeze()
        frozen_s = time.monotonic()
        r.worker("other")
        (done,) = r.until_ended([job_id], within_s=leases * lease_s + 60)
        time.sleep(max(0.0, frozen_s + leases * lease_s - time.monotonic()))
        first.thaw()
        stale = _stale(r, job_id)
        after = r.ledger.get(job_id)
        judge(r, [job_id], found)
        runs = sum(e.what == "end" for e in r.executions())
        reason = after.attempts[0].reason
        found.say(f"{runs} runs came to their end, {len(stale)} stale finish recorded")
        found.demand(done.attempt == 2, f"the other worker did not take over: {done.attempts}")
        found.demand(
            runs == 2, f"{runs} runs came to their end: the zombie did not finish late"
        )
        found.demand(len(stale) == 1, f"{len(stale)} events say stale, 1 wanted")
        found.demand("refused" in reason, f"attempt 1 says {reason!r}, not that it was refused")
        found.demand(
            (after.state, after.result) == (done.state, done.result),
            f"the result changed from {done.result} to {after.result}",
        )
    return found.measured()


def frozen_with_its_result(
    folder: Path, place: Site, *, leases: float, lease_s: float
) -> Measured:
    """Its engine delivers the result while its agent is stopped, which then says so late."""
    found = Findings()
    settings = {"LEDGER__LEASE_S": str(lease_s)}
    with rig(folder, tiled=place.tiled.settings, body=REAL_BODY, **settings) as r:
        r.tick()
        first = r.worker("zombie")
        other = r.worker("other", wait=False)
        other.freeze()
        job_id = r.submit(scan=place.scan, recipe=recipe(40))
        begun = r.until(job_id, lambda job: job.progress is not None and job.progress.epoch > 0)
        os.kill(first.pid, signal.SIGSTOP)  # the agent alone
        frozen_s = time.monotonic()
        found.demand(begun.attempts[0].worker == "zombie", "another worker took the job")
        wait_until(lambda: place.complete(job_id, 1), "the zombie's result", within_s=120)
        first.freeze()
        other.thaw()
        (done,) = r.until_ended([job_id], within_s=leases * lease_s + 240)
        time.sleep(max(0.0, frozen_s + leases * lease_s - time.monotonic()))
        before = place.final(done.result)
        first.thaw()
        stale = _stale(r, job_id)
        time.sleep(2.0)  # should it do any harm now
        after = r.ledger.get(job_id)
        node = "" if done.result is None else done.result.node
        found.say(
            f"final {node.rpartition('/')[2]} in Tiled, {len(stale)} stale finish recorded"
        )
        found.demand(node.endswith("/a2"), f"the final is {node}, attempt 2's wanted")
        found.demand(len(stale) == 1, f"{len(stale)} events say stale, 1 wanted")
        found.demand(after.result == done.result, f"the result is {after.result} now")
        found.demand(same(before, place.final(after.result)), "the final's arrays changed")
    return found.measured()


def _stale(r: Rig, job_id: str) -> list[Event]:
    """Events that say that a finish was refused; waits a while for the first one."""
    deadline = time.monotonic() + 60
    while True:
        stale = [event for event in r.events(job_id) if event.kind == "stale"]
        if stale or time.monotonic() > deadline:
            return stale
        time.sleep(0.2)
