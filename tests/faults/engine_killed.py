"""F6: the engine is killed, as the kernel does when memory runs out."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import datetime
from pathlib import Path

from tests.faults.children import Worker
from tests.faults.figures import Findings, Measured
from tests.faults.harness import REAL_RUNNER, ServiceHarness, running_service, scratch
from tests.faults.real import Site, recipe, site

from exitwave.schema.job import Event, Progress

WITHIN_S = (3.0, 15.0)
"""The next attempt in the ledger, and its first epoch."""

ENDLESS = 100_000


def engine_killed(seed: int) -> Measured:
    """Engine killed: the ledger shows attempt 2 in < 3 s, the first resumed epoch within 15 s
    on CPU, repeated epochs <= the checkpoint interval
    """
    with scratch() as folder, site(folder / "tiled") as place:
        return killed(
            folder / "service", place, seed, kills=3, checkpoints=2, checkpoint_s=10.0
        )


def killed(
    folder: Path,
    place: Site,
    seed: int,
    *,
    kills: int,
    checkpoints: int,
    checkpoint_s: float,
    within: tuple[float, float] | None = WITHIN_S,
) -> Measured:
    """One job, its engine killed some time after so many checkpoints of each attempt."""
    found, chance = Findings(), random.Random(seed)
    found.say(f"checkpoints every {checkpoint_s:.0f} s")
    settings = {
        "WORKER__CHECKPOINT_S": str(checkpoint_s),
        "LEDGER__MAX_LOST_ATTEMPTS": str(kills + 1),
    }
    with running_service(
        folder, tiled=place.tiled.settings, runner=REAL_RUNNER, **settings
    ) as service:
        service.tick()
        worker = service.worker("w1")
        job_id = service.submit(scan=place.scan, recipe=recipe(ENDLESS))
        for number in range(1, kills + 1):
            _await_checkpoints(service, job_id, number, checkpoints)
            time.sleep(chance.uniform(0.0, checkpoint_s))
            _kill(service, worker, job_id, number, checkpoint_s, found, within)
        service.ledger.cancel(job_id)
        service.until_ended([job_id])
    return found.measured()


def _await_checkpoints(
    service: ServiceHarness, job_id: str, attempt: int, checkpoints: int
) -> None:
    """Until an attempt has put so many of its own on disk."""
    seen: set[int] = set()
    deadline = time.monotonic() + 300
    while len(seen) < checkpoints:
        assert time.monotonic() < deadline, f"checkpoints: {seen}\n{service.logs()}"
        progress = service.ledger.get(job_id).progress
        newest = progress.checkpoint if progress is not None else None
        if newest is not None and newest.attempt == attempt:
            seen.add(newest.epoch)
        time.sleep(0.1)


def _kill(
    service: ServiceHarness,
    worker: Worker,
    job_id: str,
    attempt: int,
    checkpoint_s: float,
    found: Findings,
    within: tuple[float, float] | None,
) -> None:
    files = (service.folder / "checkpoints" / job_id).glob("*-e*.npz")
    kept_at = {int(path.stem.partition("-e")[2]): path.stat().st_mtime for path in files}
    killed_at = time.time()
    os.kill(worker.engine_pid(), signal.SIGKILL)
    service.until(
        job_id,
        lambda job: (
            job.attempt == attempt + 1
            and job.progress is not None
            and job.progress.epoch > _begun_at(job.progress)
        ),
    )
    job = service.ledger.get(job_id)
    before, after = job.attempts[attempt - 1].progress, job.attempts[attempt].progress
    assert before is not None and after is not None
    begun = _begun_at(after)
    repeated = before.epoch - begun
    began_at = job.attempts[attempt - 1].started_at.timestamp()
    repeated_s = killed_at - kept_at.get(begun, began_at)
    # A checkpoint waits for the end of an epoch, and takes a moment to be on the disk.
    at_most_s = checkpoint_s + 2 * (before.seconds_per_epoch or 0.0) + 0.2
    events = [e for e in service.events(job_id) if e.attempt == attempt + 1]
    shown_s = _first(events, 0) - killed_at
    resumed_s = _first(events, begun + 1) - killed_at
    found.say(
        f"attempt {attempt + 1} after {shown_s:.1f} s, its first epoch {resumed_s:.1f} s, "
        f"{repeated} epochs ({repeated_s:.1f} s) repeated"
    )
    found.check(
        "SIGKILL" in job.attempts[attempt - 1].reason,
        f"attempt {attempt} does not say that its engine was killed",
    )
    newest = max(kept_at, default=0)
    found.check(begun >= newest, f"it went on from epoch {begun}, kept was {newest}")
    if within is None:
        return
    again_s, first_epoch_s = within
    found.check(
        repeated_s <= at_most_s,
        f"{repeated_s:.1f} s of epochs were repeated, <= {checkpoint_s:.1f} s wanted",
    )
    found.check(
        shown_s < again_s,
        f"attempt {attempt + 1} shown after {shown_s:.1f} s, < {again_s:.0f} s wanted",
    )
    found.check(
        resumed_s <= first_epoch_s,
        f"first resumed epoch after {resumed_s:.1f} s, <= {first_epoch_s:.0f} s wanted",
    )


def _begun_at(progress: Progress) -> int:
    """Epochs that the attempt had not to do again."""
    return progress.resumed_from.epoch if progress.resumed_from else 0


def _first(events: list[Event], epoch: int) -> float:
    """When an attempt started (0), or was first seen to have done an epoch."""
    at: list[datetime] = [
        event.at
        for event in events
        if (event.kind == "started" and not epoch)
        or (event.progress is not None and event.progress.epoch >= epoch > 0)
    ]
    return at[0].timestamp() if at else float("inf")
