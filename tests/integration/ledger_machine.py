"""The ledger beside its model: a machine that compares the two step by step.

Hypothesis makes up histories with outages and real kill -9 of the server in between. After
each step every accepted job is in exactly one of ready, paused, leased and ended, as the model
says, and every index agrees; at the end every job can be brought to an end, and ended once.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.integration.ledger_check import ComparedLedger
from tests.integration.ledger_model import (
    LEASE_S,
    MIN_RUN_BEFORE_PREEMPT_S,
    OWNERS,
    TAGS,
    WORKERS,
    Modelled,
    check_same,
)
from tests.integration.own_server import OwnServer

from exitwave.schema.errors import JobNotFound, StaleAttempt, TransitionNotAllowed
from exitwave.schema.job import JobSpec, JobState, Outcome, Progress, ScanRef


class LedgerMachine(ComparedLedger):
    """Does the same to the ledger and to the model."""

    # What workers do

    @initialize(priorities=st.lists(st.sampled_from([0, 1, 5]), min_size=1, max_size=3))
    def some_work(self, priorities: list[int]) -> None:
        for priority in priorities:
            self.submit(priority, OWNERS[0], TAGS[0])
        self.claim(WORKERS[0])

    @rule(worker=st.sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        held = [job for job in self.model.running() if job.worker == worker]
        may = worker not in self.model.draining and not self.model.queue_paused
        waiting = sorted(
            (job for job in self.model.jobs.values() if job.waits and may),
            key=lambda job: job.score,
        )
        expected = next(iter(held or waiting), None)
        job = self.workers[worker].claim(worker, "cpu")
        assert (job and job.id) == (expected and expected.id)
        if expected and not held:
            expected.state, expected.worker = JobState.RUNNING, worker
            expected.attempt, expected.ripe = expected.attempt + 1, False

    @precondition(lambda self: self.model.running())
    @rule(data=st.data(), epoch=st.integers(0, 3))
    def heartbeat(self, data: st.DataObject, epoch: int) -> None:
        job = self.pick(data, JobState.RUNNING)
        said = self.api.heartbeat(job.id, job.attempt, job.worker, Progress(epoch=epoch))
        wishes = [
            ("cancel", job.cancel),
            ("stop", job.stop),
            ("preempt", job.preempting),
            ("go", True),
        ]
        assert said == next(signal for signal, wished in wishes if wished)

    @precondition(lambda self: self.model.running())
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["succeeded", "failed", "cancelled", "lost", "preempted"]),
    )
    def finish(self, data: st.DataObject, outcome: Outcome) -> None:
        job = self.pick(data, JobState.RUNNING)
        if outcome == "lost":
            self.model.requeue_lost(job)
        elif outcome == "preempted":
            job.preemptions += 1
            self.model.requeue(job)
        else:
            job.end(JobState(outcome))
        for _ in range(2):  # the first reply may have been lost
            found = self.api.finish(job.id, job.attempt, job.worker, outcome)
            check_same(found, job)

    @precondition(lambda self: any(job.preempting for job in self.model.running()))
    @rule()
    def are_preempted_as_told(self) -> None:
        for job in [job for job in self.model.running() if job.preempting]:
            job.preemptions += 1
            self.model.requeue(job)
            found = self.api.finish(job.id, job.attempt, job.worker, "preempted")
            check_same(found, job)
            self.claim(job.worker)

    @precondition(lambda self: any(job.attempt for job in self.model.jobs.values()))
    @rule(data=st.data(), how=st.sampled_from(["stale", "another's", "made up"]))
    def finish_wrongly(self, data: st.DataObject, how: str) -> None:
        """A worker that was replaced, that names another's attempt, or that makes one up."""
        job = data.draw(st.sampled_from([j for j in self.model.jobs.values() if j.attempt]))
        attempt, worker = job.attempt, job.worker
        if how == "another's":
            worker = "somebody"
        elif how == "made up":
            attempt += 1
        elif job.state == JobState.RUNNING:
            attempt -= 1
        outcome: Outcome = "failed" if job.state == JobState.SUCCEEDED else "succeeded"
        with pytest.raises(StaleAttempt):
            self.api.finish(job.id, attempt, worker, outcome)
        assert self.api.heartbeat(job.id, attempt, worker) == "stale"

    @precondition(lambda self: self.model.running())
    @rule(data=st.data())
    def worker_falls_silent(self, data: st.DataObject) -> None:
        job = self.pick(data, JobState.RUNNING)
        self.tick()
        self.raw.zadd(self.key("leased"), {job.id: 1})  # as if its lease had passed
        self.api.tick()
        self.model.requeue_lost(job)
        self.model.preempt()

    # What people ask for

    @rule(
        priority=st.sampled_from([0, 0, 1, 5, 9]),
        owner=st.sampled_from(OWNERS),
        tag=st.sampled_from(TAGS),
    )
    def submit(self, priority: int, owner: str, tag: str) -> None:
        spec = JobSpec(
            scan=ScanRef(uid="s", path="raw/s"), recipe={}, priority=priority, tags=[tag]
        )
        idempotency_key = str(self.model.submitted)
        job, created = self.api.submit(spec, owner=owner, idempotency_key=idempotency_key)
        assert created
        self.model.submitted += 1
        self.model.jobs[job.id] = Modelled(job.id, self.model.submitted, priority, owner, tag)
        if priority == 0:
            self.model.preempt()
        again = self.api.submit(spec, owner=owner, idempotency_key=idempotency_key)
        assert again == (job, False)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = self.pick(data)
        allowed = not job.state.terminal or job.state == JobState.CANCELLED
        if job.state == JobState.QUEUED:
            job.end(JobState.CANCELLED)
        elif job.state == JobState.RUNNING:
            job.cancel = True
        self.steer(job, allowed, self.api.cancel)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        job = self.pick(data)
        allowed = job.state == JobState.RUNNING or job.stop
        job.stop = allowed
        self.steer(job, allowed, self.api.stop)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data(), priority=st.sampled_from([0, 1, 5, 9]))
    def reprioritise(self, data: st.DataObject, priority: int) -> None:
        job = self.pick(data)
        if not job.state.terminal and job.priority != priority:
            job.priority = priority
            if job.waits and priority == 0:
                self.model.preempt()
            elif job.state == JobState.RUNNING and priority == 0:
                job.preempting = False
        self.steer(job, not job.state.terminal, self.api.reprioritise, priority)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data(), paused=st.booleans())
    def pause(self, data: st.DataObject, paused: bool) -> None:
        job = self.pick(data)
        if job.state == JobState.QUEUED:
            resumed = job.paused and not paused
            job.paused = paused
            if resumed and job.priority == 0:
                self.model.preempt()
        act = self.api.pause if paused else self.api.resume
        self.steer(job, job.state == JobState.QUEUED, act)

    @rule(paused=st.booleans())
    def pause_queue(self, paused: bool) -> None:
        resumed = self.model.queue_paused and not paused
        self.model.queue_paused = paused
        if paused:
            self.api.pause_queue()
        else:
            self.api.resume_queue()
        if resumed:
            self.model.preempt()

    @rule(worker=st.sampled_from(WORKERS), draining=st.booleans())
    def drain(self, worker: str, draining: bool) -> None:
        self.api.drain(worker, draining)
        if draining:
            self.model.draining.add(worker)
            self.model.preempt()
        else:
            self.model.draining.discard(worker)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        job = self.pick(data)
        if not job.state.terminal:
            with pytest.raises(TransitionNotAllowed):
                self.api.delete(job.id)
            return
        for _ in range(2):
            self.api.delete(job.id)
        del self.model.jobs[job.id]
        self.model.deleted.append(job.id)
        with pytest.raises(JobNotFound):
            self.api.get(job.id)

    # What happens

    @rule()
    def live_work_finds_everybody_busy(self) -> None:
        for worker in WORKERS:
            self.claim(worker)
        self.time_passes()
        self.submit(0, OWNERS[1], TAGS[1])

    @rule()
    def tick(self) -> None:
        self.api.tick()
        self.model.preempt()

    @rule()
    def time_passes(self) -> None:
        """Running jobs have run for the minimum."""
        for job in self.model.running():
            field = f"a:{job.attempt}:started_at"
            self.raw.hincrby(
                self.key(f"job:{job.id}"), field, -round(MIN_RUN_BEFORE_PREEMPT_S * 1000)
            )
            job.ripe = True
        self.tick()

    @rule(leases=st.floats(1.5, 20))
    def outage(self, leases: float) -> None:
        """Nobody has called for `leases` leases: move everything that far into the past."""
        self.tick()
        past_ms = round(leases * LEASE_S * 1000)
        self.raw.decrby(self.key("clock"), past_ms)
        for job in self.model.running():
            self.raw.zincrby(self.key("leased"), -past_ms, job.id)
        self.tick()

    @rule()
    def server_is_killed(self) -> None:
        self.server.kill()
        self.server.start()


def run_model(examples: int, steps: int, *, random_seed: int | None = None) -> None:
    """Compare ledger and model over made-up histories, on a server of its own.

    Parameters
    ----------
    examples, steps : int
        How many histories, and how long they are at most.
    random_seed : int, optional
        For the same histories again.
    """
    with tempfile.TemporaryDirectory() as directory:
        server = OwnServer(Path(directory))
        machine: Any = type("Machine", (LedgerMachine,), {"server": server})
        if random_seed is not None:
            machine = seed(random_seed)(machine)
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    database=None,
                    print_blob=True,
                    report_multiple_bugs=False,
                    phases=[Phase.generate],  # shrinking would restart the server for minutes
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            server.kill()
