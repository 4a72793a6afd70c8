"""F1b: real reconstructions while workers are killed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.faults.children import Nemesis
from tests.faults.figures import Findings, Measured
from tests.faults.harness import REAL_RUNNER, ServiceHarness, running_service, scratch
from tests.faults.history import judge
from tests.faults.real import Site, recipe, same, site

from exitwave.schema.job import Job

CHECKPOINT_S = 2.0
"""The runs are short: with the usual 10 s they would never go on from a checkpoint."""

GIVE_UP_S = 1200.0


def chaos_of_real_runs(seed: int) -> Measured:
    """40 real short reconstructions, 2 real workers, a tree killed every 30 s: 0 lost, 0 double
    finals, every final in Tiled equals an undisturbed run's bit for bit
    """
    with scratch() as folder, site(folder / "tiled") as place:
        return disturbed(folder, place, seed, jobs=40, kinds=8, epochs=100, kill_every_s=30.0)


def disturbed(
    folder: Path,
    place: Site,
    seed: int,
    *,
    jobs: int,
    kinds: int,
    epochs: int,
    kill_every_s: float,
    lease_s: float = 15.0,
) -> Measured:
    """`kinds` different recipes; each is also run once undisturbed."""
    found = Findings()
    recipes = [recipe(epochs + 5 * kind, seed=kind) for kind in range(kinds)]
    settings = {
        "LEDGER__LEASE_S": str(lease_s),
        "LEDGER__MAX_LOST_ATTEMPTS": "20",
        "WORKER__CHECKPOINT_S": str(CHECKPOINT_S),
    }

    def queue(name: str) -> AbstractContextManager[ServiceHarness]:
        return running_service(
            folder / name, tiled=place.tiled.settings, runner=REAL_RUNNER, **settings
        )

    with queue("disturbed") as service:
        service.tick()
        trees = [service.worker(f"w{k}", wait=False) for k in range(2)]
        service.until_listed(*trees)
        nemesis = Nemesis(trees, seed)
        began_s = time.monotonic()
        ids = [service.submit(scan=place.scan, recipe=recipes[k % kinds]) for k in range(jobs)]
        next_s = began_s + kill_every_s
        while service.ledger.counts().get("ended:succeeded", 0) < jobs:
            if time.monotonic() - began_s > GIVE_UP_S:
                break
            if time.monotonic() >= next_s:
                nemesis.strike()
                next_s += kill_every_s
            time.sleep(0.2)
        seconds = time.monotonic() - began_s
        done = judge(service, ids, found)
    with queue("undisturbed") as service:
        service.tick()
        service.worker("alone")
        alone = service.until_ended(
            [service.submit(scan=place.scan, recipe=one) for one in recipes], within_s=600
        )
    _compare(place, done, alone, found)
    resumed = sum(
        bool(a.progress and a.progress.resumed_from) for j in done for a in j.attempts
    )
    found.say(f"{nemesis.kills} trees killed, {resumed} attempts resumed, {seconds:.0f} s")
    return found.measured()


def _compare(place: Site, done: Sequence[Job], alone: Sequence[Job], found: Findings) -> None:
    whole = [job for job in done if job.result is not None]
    wanted = {str(job.spec.recipe): place.final(job.result) for job in alone}
    equal = sum(same(place.final(job.result), wanted[str(job.spec.recipe)]) for job in whole)
    found.say(f"{equal} of {len(done)} finals equal the undisturbed runs'")
    found.check(equal == len(done), f"{len(done) - equal} finals differ from undisturbed ones")
