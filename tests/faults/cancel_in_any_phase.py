"""F11: cancel in every phase of a job, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.faults.figures import Findings, Measured
from tests.faults.harness import REAL_RUNNER, ServiceHarness, running_service, scratch
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.real import Site, recipe, site

from exitwave.schema.job import Job, JobState, ScanRef

GRACE_S = 10.0
BATCH_S = 0.25
TO_CANCEL_S = 0.5
QUEUED_S = 0.2
TO_KILL_S = 2.0
LONG = ["seconds:120", "epochs:120", "batches:4"]


def cancel(seed: int) -> Measured:
    """Cancel: queued < 0.2 s; running and during a preemption < one batch + 0.5 s; hung engine,
    reading and writing with Tiled away < grace (10 s) + 2 s; twice and after the end: terminal
    stays
    """
    with scratch() as folder, site(folder / "tiled") as place:
        found = Findings()
        fake = WithFakeEngine(found, limited=True)
        fake.run(folder / "fake", repeats=5, grace_s=GRACE_S)
        real = WithRealEngine(found, limited=True)
        real.run(folder / "real", place, grace_s=GRACE_S)
        return found.measured()


@dataclass
class Cancels:
    """Cancels jobs and notes how long each took. Not `limited`: however long."""

    found: Findings
    limited: bool
    cancelled: list[str] = field(default_factory=list)

    @contextmanager
    def served(self, service: ServiceHarness) -> Iterator[None]:
        """With an API, and a worker that is idle."""
        self.service, self.api = service, service.api()
        service.worker("w")
        with self.api.http() as self.http:
            yield

    def ask(self, job_id: str) -> httpx.Response:
        return self.http.post(f"/api/v1/jobs/{job_id}/cancel")

    def took_s(self, job_id: str, *, times: int = 1) -> float:
        """From the request until the ledger has the job's end."""
        sent_at = time.time()
        for _ in range(times):
            answer = self.ask(job_id)
            self.found.check(
                answer.status_code == httpx.codes.ACCEPTED,
                f"a cancel was answered {answer.status_code}: {answer.text}",
            )
        (job,) = self.service.until_ended([job_id])
        assert job.ended_at is not None
        self.cancelled.append(job_id)
        self.found.check(job.state == JobState.CANCELLED, f"it ended as {job.state}")
        return job.ended_at.timestamp() - sent_at

    def report(self, phase: str, took_s: list[float], limit_s: float) -> None:
        worst_s = max(took_s)
        self.found.say(f"{phase} {worst_s:.2f} s")
        if self.limited:
            late = f"{phase}: {worst_s:.2f} s, < {limit_s:g} s wanted"
            self.found.check(worst_s < limit_s, late)

    def terminal_stays(self, job_id: str, within_s: float = 1.0) -> None:
        """However often one asks, and whatever the engine may still have to say."""
        before = self.service.ledger.get(job_id)
        answers = [self.ask(job_id) for _ in range(2)]
        time.sleep(within_s)
        after = self.service.ledger.get(job_id)
        self.found.check(after == before, f"an ended job changed: {before} to {after}")
        for answer in answers:
            if before.state == JobState.CANCELLED:
                right = answer.status_code == httpx.codes.ACCEPTED
            else:
                right = (answer.status_code, answer.json().get("state")) == (
                    httpx.codes.CONFLICT,
                    before.state,
                )
            self.found.check(right, f"{before.state}: {answer.status_code} {answer.text}")

    def all_ended_once(self) -> None:
        ends = [event.job_id for event in self.service.events() if event.kind == "ended"]
        wrong = [job_id for job_id in self.cancelled if ends.count(job_id) != 1]
        self.found.check(not wrong, f"{len(wrong)} cancelled jobs did not end exactly once")
        for job_id in self.cancelled:
            self.terminal_stays(job_id, within_s=0.0)

    def goes_on(self, job_id: str) -> None:
        (job,) = self.service.until_ended([job_id])
        self.found.check(
            job.state == JobState.SUCCEEDED, f"a job after it: {job.state} {job.failure}"
        )


class WithFakeEngine(Cancels):
    """With an engine whose batches take a known time."""

    def run(self, folder: Path, *, repeats: int, grace_s: float) -> None:
        settings = {
            "WORKER__CANCEL_GRACE_S": str(grace_s),
            "LEDGER__MIN_RUN_BEFORE_PREEMPT_S": "0",
        }
        with running_service(folder, **settings) as service, self.served(service):
            self._queued_and_running(repeats)
            self._during_a_preemption(repeats)
            self._hung(grace_s)
            job_id = service.submit(["seconds:0.2"])
            self.goes_on(job_id)
            self.terminal_stays(job_id)
            self.all_ended_once()
            self._nothing_ran_on()

    def _queued_and_running(self, repeats: int) -> None:
        service = self.service
        queued_s, running_s, twice_s = [], [], []
        for number in range(repeats):
            job_id = service.submit(LONG)
            service.until(job_id, _computing)
            waiting, held = service.submit(), service.submit()
            service.ledger.pause(held)
            queued_s += [self.took_s(waiting), self.took_s(held, times=2)]
            if number % 2:
                twice_s.append(self.took_s(job_id, times=3))
            else:
                running_s.append(self.took_s(job_id))
        self.report("queued", queued_s, QUEUED_S)
        self.report("running", running_s, BATCH_S + TO_CANCEL_S)
        self.report("running, asked three times", twice_s, BATCH_S + TO_CANCEL_S)

    def _during_a_preemption(self, repeats: int) -> None:
        service, took_s = self.service, []
        for _ in range(repeats):
            # An epoch of 10 s: the command to preempt it stands for that long.
            batch = service.submit(["seconds:100", "epochs:10", "batches:40"])
            service.until(batch, lambda job: job.progress is not None)
            live = service.submit(["seconds:0.2"], priority=0)
            service.until(batch, lambda job: job.preempt_requested)
            time.sleep(0.3)  # the engine knows it
            took_s.append(self.took_s(batch))
            self.goes_on(live)
            preemptions = service.ledger.get(batch).preemptions
            self.found.check(preemptions == 0, "it was preempted although it was cancelled")
        self.report("during a preemption", took_s, BATCH_S + TO_CANCEL_S)

    def _hung(self, grace_s: float) -> None:
        service = self.service
        job_id = service.submit(["seconds:2", "epochs:4", "hang"])
        service.until(job_id, lambda job: job.progress is not None and job.progress.epoch >= 1)
        time.sleep(1.5)  # it is silent by now
        self.report("hung engine", [self.took_s(job_id)], grace_s + TO_KILL_S)

    def _nothing_ran_on(self) -> None:
        """No engine did anything for a job after its end."""
        ended = {
            job_id: self.service.until(job_id, _ended).ended_at for job_id in self.cancelled
        }
        late = [
            entry
            for entry in self.service.executions()
            if (at := ended.get(entry.job)) and entry.at > at.timestamp() + BATCH_S
        ]
        self.found.check(not late, f"engines went on after the end: {late[:3]}")


class WithRealEngine(Cancels):
    """With real reconstructions, and a Tiled that is slow or away."""

    def run(self, folder: Path, place: Site, *, grace_s: float) -> None:
        tiled, scan = place.tiled, place.scan
        with proxy_to(tiled.uri.removeprefix("http://")) as proxy:
            through = tiled.settings.model_copy(update={"uri": f"http://{proxy.address}"})
            settings = {"WORKER__CANCEL_GRACE_S": str(grace_s)}
            with (
                running_service(
                    folder, tiled=through, runner=REAL_RUNNER, **settings
                ) as service,
                self.served(service),
            ):
                self.limit_s = grace_s + TO_KILL_S
                self._running(scan)
                self._reading(scan, proxy)
                self._writing(scan, proxy)
                self.goes_on(service.submit(scan=scan, recipe=recipe(3)))
                self.all_ended_once()

    def _running(self, scan: ScanRef) -> None:
        service = self.service
        job_id = service.submit(scan=scan, recipe=recipe(100_000))
        job = service.until(job_id, _computing)
        assert job.progress is not None
        epoch_s = job.progress.seconds_per_epoch or 0.0
        took_s = self.took_s(job_id)
        self.report("real, running", [took_s], epoch_s + TO_CANCEL_S)

    def _reading(self, scan: ScanRef, proxy: Proxy) -> None:
        service = self.service
        proxy.delay_s = 1.0
        slow = service.submit(scan=scan, recipe=recipe(100_000))
        service.until(slow, _in_phase("reading"))
        slow_s = self.took_s(slow)
        proxy.delay_s = 0.0
        proxy.cut()
        away = service.submit(scan=scan, recipe=recipe(100_000))
        service.until(away, _in_phase("reading"))
        time.sleep(1.0)
        self.report("reading, Tiled slow", [slow_s], self.limit_s)
        self.report("reading, Tiled away", [self.took_s(away)], self.limit_s)
        proxy.mend()

    def _writing(self, scan: ScanRef, proxy: Proxy) -> None:
        service = self.service
        job_id = service.submit(scan=scan, recipe=recipe(60))
        service.until(job_id, _computing)
        proxy.cut()
        job = service.until(job_id, _in_phase("writing"))
        time.sleep(2.0)
        took_s = self.took_s(job_id)
        left = [path.name for path in (service.folder / "spool").rglob("*.npz")]
        self.found.check(not left, f"its result is still on disk: {left}")
        self.report("writing, Tiled away", [took_s], self.limit_s)
        proxy.mend()
        time.sleep(3.0)
        result = service.ledger.get(job_id).result
        self.found.check(result is None, f"attempt {job.attempt} got a result: {result}")


def _computing(job: Job) -> bool:
    return job.progress is not None and job.progress.epoch > 0


def _ended(job: Job) -> bool:
    return job.state.terminal


def _in_phase(phase: str) -> Callable[[Job], bool]:
    def there(job: Job) -> bool:
        assert not job.state.terminal, f"it ended before it was {phase}: {job}"
        return (
            job.state == JobState.RUNNING
            and (job.progress.phase if job.progress else "reading") == phase
        )

    return there
