"""F4: the queue's server goes away in the middle of a job."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import ServiceHarness, running_service, scratch
from tests.faults.history import judge

REMAINS_S = 20.0
"""The job goes on so long after the server's return: time enough for a second start."""


def outages(seed: int) -> Measured:
    """Server away 4 / 25 / 120 s in mid-job: one start"""
    with scratch() as folder:
        return outages_of(folder, seed, (4.0, 25.0, 120.0))


def outages_of(
    folder: Path,
    seed: int,
    away_s: Sequence[float],
    *,
    lease_s: float = 15.0,
    remains_s: float = REMAINS_S,
) -> Measured:
    """All at once, each with a queue of its own and a second worker that would take over."""
    found, chance = Findings(), random.Random(seed)
    with ExitStack() as stack:
        services = [
            stack.enter_context(
                running_service(folder / f"{s:.0f}", LEDGER__LEASE_S=str(lease_s))
            )
            for s in away_s
        ]
        jobs = [
            _begun(service, s + remains_s) for service, s in zip(services, away_s, strict=True)
        ]
        time.sleep(chance.uniform(0.0, 1.0))  # anywhere between two heartbeats
        gone_s = time.monotonic()
        for service in services:
            service.server.kill()
        for service, s in sorted(zip(services, away_s, strict=True), key=lambda pair: pair[1]):
            time.sleep(max(0.0, gone_s + s - time.monotonic()))
            service.server.start()
        for service, s, job_id in zip(services, away_s, jobs, strict=True):
            service.until_ended([job_id], within_s=6 * remains_s)
            starts = len(service.executions("start"))
            each = Findings()
            judge(service, [job_id], each)
            found.say(f"away {s:.0f} s: {starts} start{'s' * (starts != 1)}")
            found.check(starts == 1, f"away {s:.0f} s: {starts} starts, 1 wanted")
            for miss in each.measured().misses:
                found.check(False, f"away {s:.0f} s: {miss}")
    return found.measured()


def _begun(service: ServiceHarness, seconds: float) -> str:
    service.tick()
    first = service.worker("w1")
    (second,) = service.standby("w2")
    job_id = service.submit([f"seconds:{seconds}", f"epochs:{4 * seconds:.0f}"])
    service.until(job_id, lambda job: job.progress is not None and job.progress.epoch > 0)
    assert first.alive
    service.release(second)
    service.until_listed(second)
    return job_id
