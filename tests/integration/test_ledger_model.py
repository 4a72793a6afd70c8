"""The ledger against a model, with outages and real kill -9 of its server in between.

Hypothesis makes up histories. After each step every accepted job is in exactly one of
ready, leased and ended, as the model says; at the end every job can be brought to an end.
"""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.integration.own_server import OwnServer

from exitwave.ledger import Ledger
from exitwave.schema.errors import StaleAttempt, TransitionNotAllowed
from exitwave.schema.job import TRANSITIONS, JobSpec, JobState, Outcome, Progress, ScanRef
from exitwave.settings.service import LedgerSettings

LEASE_S = 600.0
MAX_LOST = 2
WORKERS = ("w0", "w1", "w2")


@dataclass
class Modelled:
    place: tuple[int, int]
    state: JobState = JobState.QUEUED
    attempt: int = 0
    lost: int = 0
    worker: str = ""
    cancel_requested: bool = False

    def lose(self) -> None:
        self.lost += 1
        if self.cancel_requested:
            self.state = JobState.CANCELLED
        elif self.lost >= MAX_LOST:
            self.state = JobState.DEAD
        else:
            self.state = JobState.QUEUED


class LedgerMachine(RuleBasedStateMachine):
    server: OwnServer

    def __init__(self) -> None:
        super().__init__()
        prefix = uuid.uuid4().hex[:12]
        uri = self.server.uri
        values = {"uri": uri, "prefix": prefix, "lease_s": LEASE_S, "max_lost": MAX_LOST}
        configured = LedgerSettings.model_validate(values)
        self.root = f"{{{prefix}}}"
        self.raw = redis.Redis.from_url(uri, decode_responses=True)
        self.api = Ledger(configured)
        self.workers = {name: Ledger(configured) for name in WORKERS}
        self.jobs: dict[str, Modelled] = {}

    def in_state(self, state: JobState) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if job.state == state]

    def pick(self, data: st.DataObject, ids: list[str]) -> tuple[str, Modelled]:
        job_id = data.draw(st.sampled_from(ids))
        return job_id, self.jobs[job_id]

    @rule(priority=st.integers(0, 9))
    def submit(self, priority: int) -> None:
        spec = JobSpec(scan=ScanRef(uid="s", path="raw/s"), recipe={}, priority=priority)
        job, created = self.api.submit(spec, owner="me", idempotency_key=str(len(self.jobs)))
        assert created
        self.jobs[job.id] = Modelled((priority, len(self.jobs)))
        assert self.api.submit(spec, owner="me", idempotency_key=str(len(self.jobs) - 1)) == (
            job,
            False,
        )

    @rule(worker=st.sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        job = self.workers[worker].claim(worker, "cpu")
        held = [i for i in self.in_state(JobState.RUNNING) if self.jobs[i].worker == worker]
        queued = sorted(self.in_state(JobState.QUEUED), key=lambda i: self.jobs[i].place)
        expected = next(iter(held or queued), None)
        assert (job and job.id) == expected
        if job and not held:
            known = self.jobs[job.id]
            known.state, known.worker = JobState.RUNNING, worker
            known.attempt += 1

    @precondition(lambda self: self.in_state(JobState.RUNNING))
    @rule(data=st.data(), epoch=st.integers(0, 3))
    def beat(self, data: st.DataObject, epoch: int) -> None:
        job_id, job = self.pick(data, self.in_state(JobState.RUNNING))
        said = self.workers[job.worker].beat(
            job_id, job.attempt, job.worker, Progress(epoch=epoch)
        )
        assert said == ("cancel" if job.cancel_requested else "go")

    @precondition(lambda self: self.in_state(JobState.RUNNING))
    @rule(data=st.data(), outcome=st.sampled_from(["succeeded", "failed", "cancelled", "lost"]))
    def finish(self, data: st.DataObject, outcome: Outcome) -> None:
        job_id, job = self.pick(data, self.in_state(JobState.RUNNING))
        if outcome == "lost":
            job.lose()
        else:
            job.state = JobState(outcome)
        for _ in range(2):
            assert self.api.finish(job_id, job.attempt, job.worker, outcome).state == job.state

    @precondition(lambda self: any(job.attempt for job in self.jobs.values()))
    @rule(data=st.data())
    def finish_late(self, data: st.DataObject) -> None:
        """A worker that was replaced, or whose job has ended otherwise, wants to finish."""
        job_id, job = self.pick(data, [i for i, job in self.jobs.items() if job.attempt])
        current = job.state == JobState.RUNNING
        attempt = job.attempt - 1 if current else job.attempt
        outcome: Outcome = "failed" if job.state == JobState.SUCCEEDED else "succeeded"
        with pytest.raises(StaleAttempt):
            self.api.finish(job_id, attempt, job.worker, outcome)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id, job = self.pick(data, list(self.jobs))
        if job.state.terminal and job.state != JobState.CANCELLED:
            with pytest.raises(TransitionNotAllowed):
                self.api.cancel(job_id)
            return
        if job.state == JobState.QUEUED:
            job.state = JobState.CANCELLED
        elif job.state == JobState.RUNNING:
            job.cancel_requested = True
        assert self.api.cancel(job_id).state == job.state

    @precondition(lambda self: self.in_state(JobState.RUNNING))
    @rule(data=st.data())
    def worker_falls_silent(self, data: st.DataObject) -> None:
        job_id, job = self.pick(data, self.in_state(JobState.RUNNING))
        self.api.tick()
        self.raw.zadd(f"{self.root}:leased", {job_id: 1})  # as if its lease had passed
        self.api.tick()
        job.lose()

    @rule(leases=st.floats(1.5, 20))
    def outage(self, leases: float) -> None:
        """Nobody has called for `leases` leases: move everything that far into the past."""
        self.api.tick()
        past_ms = round(leases * LEASE_S * 1000)
        self.raw.decrby(f"{self.root}:clock", past_ms)
        for job_id in self.in_state(JobState.RUNNING):
            self.raw.zincrby(f"{self.root}:leased", -past_ms, job_id)
        self.api.tick()

    @rule()
    def server_is_killed(self) -> None:
        self.server.kill()
        self.server.start()

    @invariant()
    def each_job_is_in_one_place(self) -> None:
        ready = set(self.raw.zrange(f"{self.root}:ready", 0, -1))
        leased = set(self.raw.zrange(f"{self.root}:leased", 0, -1))
        assert ready == set(self.in_state(JobState.QUEUED))
        assert leased == set(self.in_state(JobState.RUNNING))
        listed = {job.id: job for job in self.api.list(limit=200).jobs}
        assert listed.keys() == self.jobs.keys()
        for job_id, job in self.jobs.items():
            assert (listed[job_id].state, listed[job_id].attempt) == (job.state, job.attempt)
            assert (listed[job_id].ended_at is not None) == job.state.terminal

    def teardown(self) -> None:
        for name in WORKERS:
            while job := self.workers[name].claim(name, "cpu"):
                self.api.finish(job.id, job.attempt, name, "succeeded")
                self.jobs[job.id].state = JobState.SUCCEEDED
                self.jobs[job.id].attempt = job.attempt
        self.each_job_is_in_one_place()
        assert all(job.state.terminal for job in self.jobs.values())
        events = self.api.events("0")
        ends = [event.job_id for event in events if event.kind == "ended"]
        seen: dict[str, JobState] = {}
        for event in events:
            before = seen.get(event.job_id, event.state)
            assert event.state == before or event.state in TRANSITIONS[before]
            seen[event.job_id] = event.state
        assert sorted(ends) == sorted(self.jobs)
        for ledger in (self.api, *self.workers.values()):
            ledger.close()
        self.raw.close()


def test_the_ledger_agrees_with_its_model() -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = OwnServer(Path(directory))
        machine: Any = type("Machine", (LedgerMachine,), {"server": server})
        try:
            machine.TestCase.settings = settings(
                max_examples=20,
                stateful_step_count=30,
                deadline=None,
                print_blob=True,
                phases=[
                    Phase.reuse,
                    Phase.generate,
                ],  # shrinking would restart the server for minutes
                suppress_health_check=list(HealthCheck),
            )
            machine.TestCase("runTest").runTest()
        finally:
            server.kill()
