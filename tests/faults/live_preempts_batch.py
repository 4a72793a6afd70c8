"""F9: live work takes a worker from batch work."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import REAL_RUNNER, ServiceHarness, running_service, scratch
from tests.faults.history import judge
from tests.faults.quantiles import percentile
from tests.faults.real import Site, recipe, site

from exitwave.schema.job import Event, Job

EPOCH_S = 1.0
STARVATION_LIMIT_S = 5.0
CLAIMS_PER_STARVED = 10
"""Of so many claims in a row one is a batch job's, while one has waited for too long."""


def live_before_batch(seed: int) -> Measured:
    """Live start p95 < one epoch + 1 s, all workers busy on batch; batch jobs go on from their
    own place and lose at most one epoch; minimum run time and bound on starvation hold
    """
    with scratch() as folder:
        found = Findings()
        interrupted(folder / "live", seed, found, start_s=EPOCH_S + 1.0)
        flooded(folder / "flood", found)
        with site(folder / "tiled") as place:
            checkpointed(folder / "real", place, found)
        return found.measured()


def interrupted(
    folder: Path,
    seed: int,
    found: Findings,
    *,
    live_jobs: int = 24,
    live_every_s: tuple[float, float] = (8.0, 10.0),
    epoch_s: float = EPOCH_S,
    batch_epochs: int = 48,
    workers: int = 2,
    min_run_s: float = 5.0,
    start_s: float | None = None,
) -> None:
    """Live jobs, one after the other, while there is always batch work for every worker.

    They come further apart than the minimum run time, which would hold them up.

    Without `start_s` it does not matter when they start.
    """
    chance = random.Random(seed)
    with running_service(folder, LEDGER__MIN_RUN_BEFORE_PREEMPT_S=str(min_run_s)) as service:
        service.tick()
        trees = [service.worker(f"w{k}", wait=False) for k in range(workers)]
        service.until_listed(*trees)
        work_s = live_jobs * sum(live_every_s) / 2
        needed = round(workers * work_s / (batch_epochs * epoch_s)) + workers
        tags = [f"seconds:{batch_epochs * epoch_s}", f"epochs:{batch_epochs}"]
        batch = [service.submit(tags) for _ in range(needed)]
        for job_id in batch[:workers]:
            service.until(job_id, lambda job: job.progress and job.progress.epoch > 0)
        live, busy = [], 0
        for _ in range(live_jobs):
            time.sleep(chance.uniform(*live_every_s))
            running = service.ledger.list(state="running", limit=200).jobs
            busy += len(running) == workers and all(job.priority > 0 for job in running)
            live.append(service.submit(["seconds:0.5"], priority=0))
        service.until_ended(live, within_s=60)
        service.until_ended(batch, within_s=60 + 4 * needed * batch_epochs * epoch_s)
        _starts(service, live, found, start_s)
        found.say(
            f"all {workers} workers were on batch jobs of {batch_epochs * epoch_s:.0f} s at "
            f"{busy} of {live_jobs} submissions, {live_every_s[0]:g} to {live_every_s[1]:g} s "
            f"apart (minimum run time {min_run_s:g} s)"
        )
        if start_s is not None:
            found.check(busy >= 0.9 * live_jobs, f"all workers were on batch {busy} times only")
        jobs = [service.ledger.get(job_id) for job_id in batch]
        _went_on(service, jobs, found, min_run_s)
        each = Findings()
        judge(service, batch + live, each)
        for miss in each.measured().misses:
            found.check(False, miss)


def _starts(
    service: ServiceHarness, live: Sequence[str], found: Findings, start_s: float | None
) -> None:
    """From a live job's submission to its start in the engine, by one machine's clock."""
    submitted = {e.job_id: e.at.timestamp() for e in service.events() if e.kind == "submitted"}
    began = {e.job: e.at for e in service.executions("start")}
    took_s = [began[job_id] - submitted[job_id] for job_id in live]
    p95_s = percentile(took_s, 95)
    found.say(
        f"{len(live)} live jobs started after p50 {percentile(took_s, 50):.2f} s, "
        f"p95 {p95_s:.2f} s, at most {max(took_s):.2f} s (epoch {EPOCH_S:g} s)"
    )
    found.details["live_start_s"] = [round(s, 3) for s in took_s]
    if start_s is not None:
        found.check(p95_s < start_s, f"live start p95 {p95_s:.2f} s, < {start_s:g} s wanted")


def _went_on(
    service: ServiceHarness, jobs: Sequence[Job], found: Findings, min_run_s: float
) -> None:
    """What preemption cost the batch jobs."""
    preemptions = sum(job.preemptions for job in jobs)
    lost = sum(job.lost for job in jobs)
    outcomes = Counter(a.outcome for job in jobs for a in job.attempts)
    events = service.events()
    repeated = [_repeated_epochs(service, job) for job in jobs]
    overtaken = _overtaken(events, [job.id for job in jobs])
    ran_s = _run_before_order(events)
    found.say(
        f"{preemptions} preemptions (at most {max(job.preemptions for job in jobs)} of a job), "
        f"{lost} losses, at most {max(repeated)} epochs done twice by a job, {overtaken} "
        f"overtaken by a later batch job, preempted after {min(ran_s, default=0.0):.1f} s "
        "at the earliest"
    )
    found.check(preemptions > 0, "no batch job was preempted")
    found.check(lost == 0, f"{lost} preemptions counted as losses")
    found.check(
        outcomes["preempted"] == preemptions,
        f"{preemptions} preemptions, but attempts: {outcomes}",
    )
    found.check(
        all(again <= job.preemptions for again, job in zip(repeated, jobs, strict=True)),
        f"epochs done twice: {repeated}; at most one for each preemption wanted",
    )
    found.check(overtaken == 0, f"{overtaken} jobs did not go back to their own place")
    found.check(
        all(s >= min_run_s for s in ran_s),
        f"preempted after {min(ran_s, default=0.0):.2f} s, >= {min_run_s:g} s wanted",
    )


def _repeated_epochs(service: ServiceHarness, job: Job) -> int:
    done = [e.epoch for e in service.executions("epoch") if e.job == job.id]
    return len(done) - len(set(done))


def _overtaken(events: Sequence[Event], batch: Sequence[str]) -> int:
    """Jobs that waited for their turn again when one that was submitted later got one."""
    place = {job_id: number for number, job_id in enumerate(batch)}
    waiting: set[str] = set()
    overtaken: set[str] = set()
    for event in events:
        if event.job_id not in place:
            continue
        if event.kind == "preempted":
            waiting.add(event.job_id)
        elif event.kind == "started":
            waiting.discard(event.job_id)
            overtaken |= {j for j in waiting if place[j] < place[event.job_id]}
    return len(overtaken)


def _run_before_order(events: Sequence[Event]) -> list[float]:
    """How long each attempt had run when it was to be preempted."""
    started = {(e.job_id, e.attempt): e.at for e in events if e.kind == "started"}
    return [
        (e.at - started[e.job_id, e.attempt]).total_seconds()
        for e in events
        if e.kind == "preempt_requested"
    ]


def checkpointed(
    folder: Path, place: Site, found: Findings, *, live_jobs: int = 3, min_run_s: float = 5.0
) -> None:
    """The same with a real reconstruction, which goes on from its checkpoint."""
    settings = {"LEDGER__MIN_RUN_BEFORE_PREEMPT_S": str(min_run_s)}
    with running_service(
        folder, tiled=place.tiled.settings, runner=REAL_RUNNER, **settings
    ) as service:
        service.tick()
        service.worker("w")
        batch = service.submit(scan=place.scan, recipe=recipe(100_000))
        live = []
        for number in range(live_jobs):
            service.until(batch, _computing(attempt=number + 1))
            time.sleep(min_run_s + 1.0)
            live.append(service.submit(scan=place.scan, recipe=recipe(3), priority=0))
            service.until_ended(live[-1:])
        job = service.until(batch, _computing(attempt=live_jobs + 1))
        events = service.events()
        service.ledger.stop(batch)
        (stopped,) = service.until_ended([batch])
    begun = {e.job_id: e.at for e in events if e.kind == "started" and e.job_id in live}
    asked = {e.job_id: e.at for e in events if e.kind == "submitted"}
    took_s = [(at - asked[job_id]).total_seconds() for job_id, at in begun.items()]
    repeated = [
        before.progress.epoch - after.progress.resumed_from.epoch
        if before.progress and after.progress and after.progress.resumed_from
        else None
        for before, after in pairwise(job.attempts)
    ]
    epoch_s = job.progress.seconds_per_epoch if job.progress else None
    found.say(
        f"real reconstruction (epoch {epoch_s or 0.0:.2f} s): {live_jobs} live jobs claimed "
        f"after at most {max(took_s):.2f} s, epochs done twice {repeated}"
    )
    found.check(
        all(again is not None and again <= 1 for again in repeated),
        f"a real run repeated {repeated} epochs, at most one for each preemption wanted",
    )
    found.check(
        (stopped.lost, stopped.preemptions) == (0, live_jobs),
        f"a real run: {stopped.preemptions} preemptions, {stopped.lost} losses",
    )


def _computing(attempt: int) -> Callable[[Job], object]:
    def does(job: Job) -> bool:
        return job.attempt == attempt and bool(job.progress and job.progress.epoch > 0)

    return does


def flooded(folder: Path, found: Findings, *, live_jobs: int = 60, batch_jobs: int = 4) -> None:
    """One worker, and live work without end: batch work that waits gets its share."""
    with running_service(folder, LEDGER__STARVATION_LIMIT_S=str(STARVATION_LIMIT_S)) as service:
        service.tick()
        service.worker("w")
        service.ledger.pause_queue()
        batch = [service.submit(["seconds:0.3"]) for _ in range(batch_jobs)]
        live = [service.submit(["seconds:0.3"], priority=0) for _ in range(live_jobs)]
        service.ledger.resume_queue()
        jobs = service.until_ended(batch + live, within_s=600)
        events = service.events()
        overdue = {job.id: job.submitted_at.timestamp() + STARVATION_LIMIT_S for job in jobs}
        in_a_row, longest = 0, 0
        left = set(batch)
        for event in events:
            if event.kind != "started":
                continue
            waits = [j for j in left if overdue[j] < event.at.timestamp()]
            in_a_row = in_a_row + 1 if event.job_id in live and waits else 0
            longest = max(longest, in_a_row)
            left.discard(event.job_id)
        last_live = max(
            k for k, e in enumerate(events) if e.kind == "started" and e.job_id in live
        )
        before = {e.job_id for e in events[:last_live] if e.kind == "started"} & set(batch)
        found.say(
            f"flood of {live_jobs} live jobs: {len(before)} of {batch_jobs} batch jobs ran in "
            f"its midst, at most {longest} live starts in a row while one was overdue"
        )
        found.check(
            longest < CLAIMS_PER_STARVED,
            f"{longest} live starts in a row while a batch job was overdue, < "
            f"{CLAIMS_PER_STARVED} wanted",
        )
        found.check(
            len(before) == batch_jobs, f"only {len(before)} batch jobs ran during the flood"
        )
