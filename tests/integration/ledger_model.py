"""A model of the ledger, and the machine that compares the two step by step.

Hypothesis makes up histories with outages and real kill -9 of the server in between. After
each step every accepted job is in exactly one of ready, paused, leased and ended, as the model
says, and every index agrees; at the end every job can be brought to an end, and ended once.
"""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.integration.own_server import OwnServer

from exitwave.ledger import Ledger
from exitwave.schema.errors import JobNotFound, StaleAttempt, TransitionNotAllowed
from exitwave.schema.job import TRANSITIONS, Job, JobSpec, JobState, Outcome, Progress, ScanRef
from exitwave.settings.service import LedgerSettings

LEASE_S = 600.0
MIN_RUN_S = 300.0
MAX_LOST = 2
MAX_YIELDS = 1
WORKERS = ("w0", "w1")
OWNERS = ("ann", "bob")
TAGS = ("a", "b")


@dataclass
class Modelled:
    """A job as it should be."""

    id: str
    seq: int
    priority: int
    owner: str
    tag: str
    state: JobState = JobState.QUEUED
    attempt: int = 0
    lost: int = 0
    yields: int = 0
    worker: str = ""
    paused: bool = False
    ripe: bool = False
    """Whether it has run for the minimum."""
    cancel: bool = False
    stop: bool = False
    yielding: bool = False

    @property
    def place(self) -> tuple[int, int]:
        return self.priority, self.seq

    @property
    def waits(self) -> bool:
        return self.state == JobState.QUEUED and not self.paused

    def end(self, state: JobState) -> None:
        self.state, self.paused, self.yielding = state, False, False


class LedgerMachine(RuleBasedStateMachine):
    """Does the same to the ledger and to the model."""

    server: OwnServer

    def __init__(self) -> None:
        super().__init__()
        self.prefix = uuid.uuid4().hex[:12]
        values = {
            "uri": self.server.uri,
            "prefix": self.prefix,
            "lease_s": LEASE_S,
            "max_lost": MAX_LOST,
            "max_yields": MAX_YIELDS,
            "min_run_s": MIN_RUN_S,
        }
        configured = LedgerSettings.model_validate(values)
        self.raw = redis.Redis.from_url(self.server.uri, decode_responses=True)
        self.api = Ledger(configured)
        self.workers = {name: Ledger(configured) for name in WORKERS}
        for name, ledger in self.workers.items():
            ledger.presence(name, "cpu", "idle")
        self.jobs: dict[str, Modelled] = {}
        self.submitted = 0
        self.deleted: list[str] = []
        self.draining: set[str] = set()
        self.queue_paused = False

    # What the model knows

    def key(self, name: str) -> str:
        return f"{{{self.prefix}}}:{name}"

    def running(self) -> list[Modelled]:
        return [job for job in self.jobs.values() if job.state == JobState.RUNNING]

    def pick(self, data: st.DataObject, state: JobState | None = None) -> Modelled:
        found = [job for job in self.jobs.values() if state in {None, job.state}]
        return data.draw(st.sampled_from(found))

    def make_way(self) -> None:
        needed = sum(job.waits and job.priority == 0 for job in self.jobs.values())
        if self.queue_paused or needed == 0:
            return
        free = set(WORKERS) - self.draining
        candidates = []
        for job in self.running():
            free.discard(job.worker)
            if job.worker in self.draining:
                continue
            if job.cancel or job.stop or job.yielding:
                needed -= 1
            elif job.priority > 0 and job.ripe and job.yields < MAX_YIELDS:
                candidates.append(job)
        needed = max(0, needed - len(free))
        for job in sorted(candidates, key=lambda each: each.place, reverse=True)[:needed]:
            job.yielding = True

    def requeue(self, job: Modelled) -> None:
        if job.cancel:
            job.end(JobState.CANCELLED)
            return
        job.state, job.yielding = JobState.QUEUED, False
        if job.priority == 0:
            self.make_way()

    def lose(self, job: Modelled) -> None:
        job.lost += 1
        if job.lost >= MAX_LOST and not job.cancel:
            job.end(JobState.DEAD)
        else:
            self.requeue(job)

    # What workers do

    @initialize(priorities=st.lists(st.sampled_from([0, 1, 5]), min_size=1, max_size=3))
    def some_work(self, priorities: list[int]) -> None:
        for priority in priorities:
            self.submit(priority, OWNERS[0], TAGS[0])
        self.claim(WORKERS[0])

    @rule(worker=st.sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        held = [job for job in self.running() if job.worker == worker]
        may = worker not in self.draining and not self.queue_paused
        waiting = sorted(
            (job for job in self.jobs.values() if job.waits and may), key=lambda job: job.place
        )
        expected = next(iter(held or waiting), None)
        job = self.workers[worker].claim(worker, "cpu")
        assert (job and job.id) == (expected and expected.id)
        if expected and not held:
            expected.state, expected.worker = JobState.RUNNING, worker
            expected.attempt, expected.ripe = expected.attempt + 1, False

    @precondition(lambda self: self.running())
    @rule(data=st.data(), epoch=st.integers(0, 3))
    def beat(self, data: st.DataObject, epoch: int) -> None:
        job = self.pick(data, JobState.RUNNING)
        said = self.api.beat(job.id, job.attempt, job.worker, Progress(epoch=epoch))
        wishes = [
            ("cancel", job.cancel),
            ("stop", job.stop),
            ("yield", job.yielding),
            ("go", True),
        ]
        assert said == next(signal for signal, wished in wishes if wished)

    @precondition(lambda self: self.running())
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["succeeded", "failed", "cancelled", "lost", "yielded"]),
    )
    def finish(self, data: st.DataObject, outcome: Outcome) -> None:
        job = self.pick(data, JobState.RUNNING)
        if outcome == "lost":
            self.lose(job)
        elif outcome == "yielded":
            job.yields += 1
            self.requeue(job)
        else:
            job.end(JobState(outcome))
        for _ in range(2):  # the first reply may have been lost
            found = self.api.finish(job.id, job.attempt, job.worker, outcome)
            self.same(found, job)

    @precondition(lambda self: any(job.yielding for job in self.running()))
    @rule()
    def make_way_as_told(self) -> None:
        for job in [job for job in self.running() if job.yielding]:
            job.yields += 1
            self.requeue(job)
            found = self.api.finish(job.id, job.attempt, job.worker, "yielded")
            self.same(found, job)
            self.claim(job.worker)

    @precondition(lambda self: any(job.attempt for job in self.jobs.values()))
    @rule(data=st.data(), how=st.sampled_from(["late", "another's", "made up"]))
    def finish_wrongly(self, data: st.DataObject, how: str) -> None:
        """A worker that was replaced, that names another's attempt, or that makes one up."""
        job = data.draw(st.sampled_from([j for j in self.jobs.values() if j.attempt]))
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
        assert self.api.beat(job.id, attempt, worker) == "stale"

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def worker_falls_silent(self, data: st.DataObject) -> None:
        job = self.pick(data, JobState.RUNNING)
        self.tick()
        self.raw.zadd(self.key("leased"), {job.id: 1})  # as if its lease had passed
        self.api.tick()
        self.lose(job)
        self.make_way()

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
        idempotency_key = str(self.submitted)
        job, created = self.api.submit(spec, owner=owner, idempotency_key=idempotency_key)
        assert created
        self.submitted += 1
        self.jobs[job.id] = Modelled(job.id, self.submitted, priority, owner, tag)
        if priority == 0:
            self.make_way()
        again = self.api.submit(spec, owner=owner, idempotency_key=idempotency_key)
        assert again == (job, False)

    def steer(self, job: Modelled, allowed: bool, act: Any, *arguments: object) -> bool:
        """Ask for something; refused with the state where it is not allowed."""
        if allowed:
            self.same(act(job.id, *arguments), job)
            return True
        with pytest.raises(TransitionNotAllowed) as refused:
            act(job.id, *arguments)
        assert refused.value.state == job.state
        return False

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = self.pick(data)
        allowed = not job.state.terminal or job.state == JobState.CANCELLED
        if job.state == JobState.QUEUED:
            job.end(JobState.CANCELLED)
        elif job.state == JobState.RUNNING:
            job.cancel = True
        self.steer(job, allowed, self.api.cancel)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        job = self.pick(data)
        allowed = job.state == JobState.RUNNING or job.stop
        job.stop = allowed
        self.steer(job, allowed, self.api.stop)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), priority=st.sampled_from([0, 1, 5, 9]))
    def reprioritise(self, data: st.DataObject, priority: int) -> None:
        job = self.pick(data)
        if not job.state.terminal and job.priority != priority:
            job.priority = priority
            if job.waits and priority == 0:
                self.make_way()
            elif job.state == JobState.RUNNING and priority == 0:
                job.yielding = False
        self.steer(job, not job.state.terminal, self.api.reprioritise, priority)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), paused=st.booleans())
    def hold(self, data: st.DataObject, paused: bool) -> None:
        job = self.pick(data)
        if job.state == JobState.QUEUED:
            resumed = job.paused and not paused
            job.paused = paused
            if resumed and job.priority == 0:
                self.make_way()
        act = self.api.pause if paused else self.api.resume
        self.steer(job, job.state == JobState.QUEUED, act)

    @rule(paused=st.booleans())
    def hold_queue(self, paused: bool) -> None:
        resumed = self.queue_paused and not paused
        self.queue_paused = paused
        if paused:
            self.api.pause_queue()
        else:
            self.api.resume_queue()
        if resumed:
            self.make_way()

    @rule(worker=st.sampled_from(WORKERS), draining=st.booleans())
    def drain(self, worker: str, draining: bool) -> None:
        self.api.drain(worker, draining)
        if draining:
            self.draining.add(worker)
            self.make_way()
        else:
            self.draining.discard(worker)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        job = self.pick(data)
        if not job.state.terminal:
            with pytest.raises(TransitionNotAllowed):
                self.api.delete(job.id)
            return
        for _ in range(2):
            self.api.delete(job.id)
        del self.jobs[job.id]
        self.deleted.append(job.id)
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
        self.make_way()

    @rule()
    def time_passes(self) -> None:
        """Running jobs have run for the minimum."""
        for job in self.running():
            field = f"a:{job.attempt}:started_at"
            self.raw.hincrby(self.key(f"job:{job.id}"), field, -round(MIN_RUN_S * 1000))
            job.ripe = True
        self.tick()

    @rule(leases=st.floats(1.5, 20))
    def outage(self, leases: float) -> None:
        """Nobody has called for `leases` leases: move everything that far into the past."""
        self.tick()
        past_ms = round(leases * LEASE_S * 1000)
        self.raw.decrby(self.key("clock"), past_ms)
        for job in self.running():
            self.raw.zincrby(self.key("leased"), -past_ms, job.id)
        self.tick()

    @rule()
    def server_is_killed(self) -> None:
        self.server.kill()
        self.server.start()

    # What must hold

    def same(self, found: Job, job: Modelled) -> None:
        assert (found.state, found.attempt, found.priority, found.paused, found.owner) == (
            (job.state, job.attempt, job.priority, job.paused, job.owner)
        )
        assert (found.lost, found.yields) == (job.lost, job.yields)
        assert (found.cancel_requested, found.stop_requested, found.yield_requested) == (
            (job.cancel, job.stop, job.yielding)
        )
        assert (found.ended_at is not None) == job.state.terminal
        assert [attempt.outcome is None for attempt in found.attempts] == (
            [False] * (job.attempt - 1) + [job.state == JobState.RUNNING] if job.attempt else []
        )

    @invariant()
    def each_job_is_in_one_place(self) -> None:
        jobs = list(self.jobs.values())
        expected = {
            "ready": [job for job in jobs if job.waits],
            "waiting": [job for job in jobs if job.waits and job.priority > 0],
            "paused": [job for job in jobs if job.paused],
            "leased": self.running(),
            "ended": [job for job in jobs if job.state.terminal],
            "damaged": [],
            "jobs": jobs,
            "by:scan:s": jobs,
        }
        expected |= {
            f"by:state:{state}": [job for job in jobs if job.state == state]
            for state in JobState
        }
        expected |= {f"by:owner:{x}": [j for j in jobs if j.owner == x] for x in OWNERS}
        expected |= {f"by:tag:{x}": [j for j in jobs if j.tag == x] for x in TAGS}
        pipeline = self.raw.pipeline(transaction=False)
        for name in expected:
            pipeline.zrange(self.key(name), 0, -1)
        found = dict(zip(expected, pipeline.execute(), strict=True))
        for name, members in expected.items():
            assert set(found[name]) == {job.id for job in members}, name
        in_order = sorted(expected["ready"], key=lambda job: job.place)
        assert found["ready"] == [job.id for job in in_order]
        places = [*found["ready"], *found["paused"], *found["leased"], *found["ended"]]
        assert sorted(places) == sorted(self.jobs)
        page = self.api.list(limit=200)
        assert page.damaged == []
        assert [job.id for job in page.jobs] == [
            job.id for job in sorted(jobs, key=lambda job: -job.seq)
        ]
        for job in page.jobs:
            self.same(job, self.jobs[job.id])

    def teardown(self) -> None:
        self.hold_queue(False)
        for name in WORKERS:
            self.drain(name, False)
        for job in list(self.jobs.values()):
            if job.paused:
                self.api.resume(job.id)
                job.paused = False
        for name in WORKERS:
            while job := self.workers[name].claim(name, "cpu"):
                self.api.finish(job.id, job.attempt, name, "succeeded")
                self.jobs[job.id].end(JobState.SUCCEEDED)
        assert all(job.state.terminal for job in self.jobs.values())
        self.each_job_ended_once()
        for ledger in (self.api, *self.workers.values()):
            ledger.close()
        self.raw.close()

    def each_job_ended_once(self) -> None:
        events = self.api.events("0")
        ended = [event.job_id for event in events if event.kind == "ended"]
        assert sorted(ended) == sorted([*self.jobs, *self.deleted])
        seen: dict[str, JobState] = {}
        for event in events:
            before = seen.get(event.job_id, event.state)
            assert event.state == before or event.state in TRANSITIONS[before]
            seen[event.job_id] = event.state


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
