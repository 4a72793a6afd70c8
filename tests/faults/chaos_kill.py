"""F1a: many short jobs while workers and server are killed."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

from tests.faults.children import Nemesis
from tests.faults.figures import Findings, Measured
from tests.faults.harness import ServiceHarness, running_service, scratch
from tests.faults.history import judge

WITHIN_S = 150.0
GIVE_UP_S = 400.0


def chaos(seed: int) -> Measured:
    """500 jobs of 0.2-1 s with a fake engine under the real agent, 4 workers, a worker tree
    killed every 2 s, the server killed 5 times, submissions throughout: 0 lost, 0 double
    finals, every extra run recorded as an attempt, < 150 s
    """
    with scratch() as folder:
        return disturbed(folder, seed, within_s=WITHIN_S)


def disturbed(
    folder: Path,
    seed: int,
    *,
    jobs: int = 500,
    workers: int = 4,
    jobs_per_s: float = 6.0,
    kill_every_s: float = 2.0,
    server_kills: int = 5,
    lease_s: float = 15.0,
    within_s: float | None = None,
) -> Measured:
    """Without `within_s` no speed is demanded."""
    found, chance = Findings(), random.Random(seed)
    settings = {"LEDGER__LEASE_S": str(lease_s), "LEDGER__MAX_LOST_ATTEMPTS": "20"}
    with running_service(folder, **settings) as service:
        service.tick()
        trees = [service.worker(f"w{k}", wait=False) for k in range(workers)]
        service.until_listed(*trees)
        nemesis = Nemesis(trees, seed)
        began_s = time.monotonic()
        busy_s = jobs / jobs_per_s
        server_dies_s = sorted(chance.uniform(2.0, 0.95 * busy_s) for _ in range(server_kills))
        accepted: list[str] = []
        submitter = threading.Thread(
            target=_submit, args=(service, jobs, jobs_per_s, accepted), daemon=True
        )
        submitter.start()
        ended, killed = 0, 0
        while ended < jobs and time.monotonic() - began_s < GIVE_UP_S:
            round_s = time.monotonic()
            nemesis.strike()
            if killed < server_kills and round_s - began_s >= server_dies_s[killed]:
                service.restart_server(chance.uniform(0.2, 1.5))
                killed += 1
            ended = service.ledger.counts().get("ended:succeeded", 0)
            time.sleep(max(0.0, round_s + kill_every_s - time.monotonic()))
        seconds = time.monotonic() - began_s
        submitter.join(30)
        judge(service, accepted, found)
        found.say(f"{nemesis.kills} trees and {killed} servers killed, {seconds:.0f} s")
        found.check(killed == server_kills, f"the server was killed {killed} times only")
        found.check(len(accepted) == jobs, f"{len(accepted)} of {jobs} were accepted")
        if within_s is not None:
            late = f"it took {seconds:.0f} s, < {within_s:.0f} s wanted"
            found.check(seconds < within_s, late)
        return found.measured()


def _submit(service: ServiceHarness, jobs: int, jobs_per_s: float, accepted: list[str]) -> None:
    """At a steady pace; what the server does not take is tried again with the same key."""
    for number in range(jobs):
        accepted.append(service.submit(key=f"chaos-{number}"))
        time.sleep(1 / jobs_per_s)
