"""F15: Tiled goes away in the middle of a run, and again when its result is to be written."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from tests.faults.children import Worker
from tests.faults.figures import Findings, Measured
from tests.faults.harness import REAL_RUNNER, ServiceHarness, running_service, scratch
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.real import Site, recipe, same, site
from tiled.client import from_uri

from exitwave.results import FinalArrays, Spool
from exitwave.schema.job import Job, JobState

TRIAL_EPOCHS = 100
MARGIN = 1.3
EPOCH, VERSION = 0, 5
"""Columns of ``live/progress``."""


def tiled_away(seed: int) -> Measured:
    """Tiled away 60 s in mid-run: the run goes on, pictures coalesce, the final is delivered;
    `succeeded` only when it reads back
    """
    with scratch() as folder, site(folder / "tiled") as place:
        return away(folder, place, away_s=60.0, around_s=15.0, at_end_s=15.0)


@dataclass
class Outage:
    """What was seen while Tiled was away."""

    first_epoch: int
    last_epoch: int
    longest_pause_s: float
    """Without a new epoch."""
    ended: bool


def away(
    folder: Path,
    place: Site,
    *,
    away_s: float,
    around_s: float,
    at_end_s: float,
    lease_s: float = 15.0,
) -> Measured:
    """Some `around_s` before and after the first outage; then comes the second."""
    found = Findings()
    with proxy_to(place.tiled.uri.removeprefix("http://")) as proxy:
        through = place.tiled.settings.model_copy(update={"uri": f"http://{proxy.address}"})
        settings = {"LEDGER__LEASE_S": str(lease_s)}
        with running_service(
            folder / "service", tiled=through, runner=REAL_RUNNER, **settings
        ) as service:
            service.tick()
            worker = service.worker("w")
            # Whatever else the machine does, no epoch will be much shorter.
            epochs = math.ceil(MARGIN * (away_s + 2 * around_s) / _epoch_s(service, place))
            job_id = service.submit(scan=place.scan, recipe=recipe(epochs))
            service.until(job_id, lambda job: job.progress and job.progress.epoch > 0)
            time.sleep(around_s)
            outage = _watched(service, proxy, job_id, away_s)
            caught_up_s = _caught_up_s(place, service, job_id, outage.last_epoch)
            time.sleep(around_s)
            pictures = _pictures(place, service.ledger.get(job_id), outage)
            spooled, returned_at = _away_at_the_end(
                service, proxy, worker, job_id, at_end_s, found
            )
            (done,) = service.until_ended([job_id], within_s=300)
            _judge(place, done, spooled, returned_at, found)
    ran = outage.last_epoch - outage.first_epoch
    found.say(
        f"away {away_s:.0f} s: {ran} epochs meanwhile, longest pause "
        f"{outage.longest_pause_s:.1f} s, {pictures} picture{'s' * (pictures != 1)} of them "
        f"afterwards, caught up after {caught_up_s:.1f} s"
    )
    found.check(not outage.ended, "the run ended during the outage")
    found.check(
        outage.longest_pause_s < away_s / 2,
        f"no new epoch for {outage.longest_pause_s:.1f} s of the outage",
    )
    found.check(ran > 0, "the run stood still")
    found.check(pictures <= 2, f"{pictures} pictures of the outage's epochs, <= 2 wanted")
    return found.measured()


def _epoch_s(service: ServiceHarness, place: Site) -> float:
    """The shortest epoch of a run of its own, which warms the engine."""
    trial = service.submit(scan=place.scan, recipe=recipe(TRIAL_EPOCHS))
    (job,) = service.until_ended([trial], within_s=300)
    assert job.state == JobState.SUCCEEDED, f"the trial: {job.failure}"
    said = [e.progress.seconds_per_epoch for e in service.events(job.id) if e.progress]
    return min(seconds for seconds in said if seconds)


def _watched(service: ServiceHarness, proxy: Proxy, job_id: str, away_s: float) -> Outage:
    """Cut Tiled off for so long and watch the epochs go by."""
    before = service.ledger.get(job_id)
    assert before.progress is not None
    proxy.cut()
    first = newest = before.progress.epoch
    moved_s = began_s = time.monotonic()
    longest_s, ended = 0.0, False
    while time.monotonic() - began_s < away_s:
        job = service.ledger.get(job_id)
        ended |= job.state.terminal
        if job.progress is not None and job.progress.epoch > newest:
            newest, moved_s = job.progress.epoch, time.monotonic()
        longest_s = max(longest_s, time.monotonic() - moved_s)
        time.sleep(0.2)
    proxy.mend()
    return Outage(first, newest, longest_s, ended)


def _caught_up_s(place: Site, service: ServiceHarness, job_id: str, epoch: int) -> float:
    """Until Tiled has a line of that epoch."""
    began_s = time.monotonic()
    job = service.ledger.get(job_id)
    while time.monotonic() - began_s < 60:
        rows = _rows(place, job)
        if len(rows) and rows[-1, EPOCH] >= epoch:
            break
        time.sleep(0.2)
    return time.monotonic() - began_s


def _away_at_the_end(
    service: ServiceHarness,
    proxy: Proxy,
    worker: Worker,
    job_id: str,
    seconds: float,
    found: Findings,
) -> tuple[FinalArrays, float]:
    """Away again before the last epoch; the result waits on disk, and its worker is killed."""
    proxy.cut()
    job = service.until(
        job_id, lambda job: job.progress and job.progress.phase == "writing", 900
    )
    assert not job.state.terminal, f"it ended before Tiled was away again: {job}"
    time.sleep(seconds)
    worker.kill()
    spooled = Spool(service.folder / "spool").newest_before(job_id, 2)
    assert spooled is not None, "the result is not on disk while Tiled is away"
    worker.start()
    job = service.until(job_id, lambda job: job.progress and job.attempt == 2)
    time.sleep(seconds)
    assert job.progress is not None
    found.check("only delivered" in job.progress.note, f"attempt 2: {job.progress}")
    state = service.ledger.get(job_id).state
    found.check(state == JobState.RUNNING, f"{state} while Tiled was away")
    returned_at = time.time()
    proxy.mend()
    return spooled.final, returned_at


def _judge(
    place: Site, done: Job, spooled: FinalArrays, returned_at: float, found: Findings
) -> None:
    assert done.ended_at is not None
    late_s = done.ended_at.timestamp() - returned_at
    found.check(
        (done.state, done.attempt, done.lost) == (JobState.SUCCEEDED, 2, 1),
        f"{done.state} in attempt {done.attempt} ({done.failure}); succeeded in 2 wanted",
    )
    found.check(late_s > 0, f"it succeeded {-late_s:.1f} s before Tiled was back")
    found.check(place.complete(done.id, done.attempt), "the final node is not marked complete")
    computed = {
        "object": spooled.object_MYX,
        "probe": spooled.probe_NHW,
        "positions_m": spooled.positions_m,
    }
    alike = same(place.final(done.result), computed)
    found.check(alike, "Tiled's result differs from the one that was computed")
    rows = _rows(place, done)
    assert done.result is not None
    whole = np.array_equal(rows[:, EPOCH], np.arange(1, done.result.epochs + 1))
    found.check(whole, f"lines of live/progress: {rows[:, EPOCH]}")
    found.say(
        f"away at the end too, and the worker killed: attempt 2 only delivered, succeeded "
        f"{late_s:.1f} s after Tiled's return, {'bit for bit' if alike else 'not'} what was "
        f"computed, {len(rows)} of {done.result.epochs} lines of progress"
    )


def _pictures(place: Site, job: Job, outage: Outage) -> int:
    """How many of the epochs of the outage became pictures."""
    rows = _rows(place, job)
    within = (rows[:, EPOCH] > outage.first_epoch + 1) & (rows[:, EPOCH] <= outage.last_epoch)
    return int((rows[within, VERSION] > 0).sum())


def _rows(place: Site, job: Job) -> NDArray[Any]:
    """Lines of ``live/progress``."""
    path = f"ptycho/{place.scan.uid}/{job.id}/a{job.attempt}/live/progress"
    while True:
        root = from_uri(place.tiled.uri, api_key=place.tiled.api_key)
        try:
            return np.asarray(root[path].read())
        except httpx.HTTPStatusError:  # it was just being extended
            time.sleep(0.2)
