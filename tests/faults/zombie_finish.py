"""F3: a worker is frozen until long after another one has done its job."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import REAL_RUNNER, ServiceHarness, running_service, scratch
from tests.faults.history import judge
from tests.faults.real import Site, recipe, same, site
from tests.support.stack import wait_until

from exitwave.schema.job import Event


def zombie_finish(seed: int) -> Measured:
    """Zombie (a tree stopped for 3 leases, then continued): stale finish refused and recorded,
    result untouched
    """
    with scratch() as folder, site(folder / "tiled") as place:
        fake = frozen(folder / "fake", leases=3.0, lease_s=15.0)
        real = frozen_with_its_result(folder / "real", place, leases=3.0, lease_s=15.0)
    text = f"fake engine: {fake.text}; real engine: {real.text}"
    return Measured(text, fake.misses + real.misses)


def frozen(folder: Path, *, leases: float, lease_s: float) -> Measured:
    """The zombie's engine heeds no command, so that it does finish late."""
    found = Findings()
    with running_service(folder, LEDGER__LEASE_S=str(lease_s)) as service:
        service.tick()
        first = service.worker("zombie")
        job_id = service.submit(["seconds:4", "epochs:4", "ignores_signals"])
        service.until(job_id, lambda job: job.progress is not None and job.progress.epoch > 0)
        first.freeze()
        frozen_s = time.monotonic()
        service.worker("other")
        (done,) = service.until_ended([job_id], within_s=leases * lease_s + 60)
        time.sleep(max(0.0, frozen_s + leases * lease_s - time.monotonic()))
        first.thaw()
        stale = _stale(service, job_id)
        after = service.ledger.get(job_id)
        judge(service, [job_id], found)
        runs = sum(e.what == "end" for e in service.executions())
        reason = after.attempts[0].reason
        found.say(f"{runs} runs came to their end, {len(stale)} stale finish recorded")
        found.check(done.attempt == 2, f"the other worker did not take over: {done.attempts}")
        found.check(runs == 2, f"{runs} runs came to their end: the zombie did not finish late")
        found.check(len(stale) == 1, f"{len(stale)} events say stale, 1 wanted")
        found.check("refused" in reason, f"attempt 1 says {reason!r}, not that it was refused")
        found.check(
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
    with running_service(
        folder, tiled=place.tiled.settings, runner=REAL_RUNNER, **settings
    ) as service:
        service.tick()
        first = service.worker("zombie")
        other = service.worker("other", wait=False)
        other.freeze()
        job_id = service.submit(scan=place.scan, recipe=recipe(40))
        begun = service.until(
            job_id, lambda job: job.progress is not None and job.progress.epoch > 0
        )
        os.kill(first.pid, signal.SIGSTOP)  # the agent alone
        frozen_s = time.monotonic()
        found.check(begun.attempts[0].worker == "zombie", "another worker took the job")
        wait_until(lambda: place.complete(job_id, 1), "the zombie's result", within_s=120)
        first.freeze()
        other.thaw()
        (done,) = service.until_ended([job_id], within_s=leases * lease_s + 240)
        time.sleep(max(0.0, frozen_s + leases * lease_s - time.monotonic()))
        before = place.final(done.result)
        first.thaw()
        stale = _stale(service, job_id)
        time.sleep(2.0)  # should it do any harm now
        after = service.ledger.get(job_id)
        node = "" if done.result is None else done.result.node
        found.say(
            f"final {node.rpartition('/')[2]} in Tiled, {len(stale)} stale finish recorded"
        )
        found.check(node.endswith("/a2"), f"the final is {node}, attempt 2's wanted")
        found.check(len(stale) == 1, f"{len(stale)} events say stale, 1 wanted")
        found.check(after.result == done.result, f"the result is {after.result} now")
        found.check(same(before, place.final(after.result)), "the final's arrays changed")
    return found.measured()


def _stale(service: ServiceHarness, job_id: str) -> list[Event]:
    """Events that say that a finish was refused; waits a while for the first one."""
    deadline = time.monotonic() + 60
    while True:
        stale = [event for event in service.events(job_id) if event.kind == "stale"]
        if stale or time.monotonic() > deadline:
            return stale
        time.sleep(0.2)
