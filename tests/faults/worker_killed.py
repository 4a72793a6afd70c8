"""F7: a whole worker is killed."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import running_service, scratch
from tests.faults.history import judge


def worker_killed(seed: int) -> Measured:
    """Worker tree killed: re-claimed within lease + 2 s"""
    with scratch() as folder:
        return killed(folder, seed, lease_s=15.0, within_s=17.0)


def killed(
    folder: Path, seed: int, *, lease_s: float, workers: int = 4, within_s: float | None
) -> Measured:
    """As many workers again stand by. Without `within_s` no speed is demanded."""
    found, chance = Findings(), random.Random(seed)
    with running_service(folder, LEDGER__LEASE_S=str(lease_s)) as service:
        service.tick()
        first = [service.worker(f"w{k}", wait=False) for k in range(workers)]
        service.until_listed(*first)
        second = service.standby(*(f"v{k}" for k in range(workers)))
        jobs = [service.submit([f"seconds:{lease_s + 5}", "epochs:20"]) for _ in range(workers)]
        begun = [service.until(job_id, lambda job: job.progress is not None) for job_id in jobs]
        holder = {job.attempts[0].worker: job.id for job in begun}
        service.release(*second)
        service.until_listed(*second)
        killed_at = {}
        for worker in first:
            time.sleep(chance.uniform(0.0, 1.0))  # anywhere between two heartbeats
            worker.kill()
            killed_at[holder[worker.name]] = time.time()
        for job_id in jobs:
            service.until(job_id, lambda job: job.attempt == 2, within_s=20 * lease_s)
        starts = {
            e.job_id: e.at for e in service.events() if e.kind == "started" and e.attempt == 2
        }
        took_s = [starts[job_id].timestamp() - at for job_id, at in killed_at.items()]
        service.until_ended(jobs)
        judge(service, jobs, found)
        each = ", ".join(f"{s:.1f}" for s in took_s)
        found.say(f"re-claimed after {each} s (lease {lease_s:.0f} s)")
        if within_s is not None:
            late = f"re-claimed after {max(took_s):.1f} s, <= {within_s:.0f} s wanted"
            found.check(max(took_s) <= within_s, late)
    return found.measured()
