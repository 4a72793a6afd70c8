"""A ledger beside its model, and what must hold of the two."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant
from tests.integration.ledger_model import (
    LEASE_S,
    MAX_LOST_ATTEMPTS,
    MAX_PREEMPTIONS,
    MIN_RUN_BEFORE_PREEMPT_S,
    WORKERS,
    Model,
    Modelled,
    check_same,
)
from tests.integration.own_server import OwnServer
from tests.ledger_client import Ledger

from exitwave.schema.errors import TransitionNotAllowed
from exitwave.schema.job import TRANSITIONS, JobState
from exitwave.settings.service import LedgerSettings


class ComparedLedger(RuleBasedStateMachine):
    """A ledger with workers, its model, and what must hold of the two after each step."""

    server: OwnServer

    def __init__(self) -> None:
        super().__init__()
        self.prefix = uuid.uuid4().hex[:12]
        values = {
            "uri": self.server.uri,
            "prefix": self.prefix,
            "lease_s": LEASE_S,
            "max_lost_attempts": MAX_LOST_ATTEMPTS,
            "max_preemptions": MAX_PREEMPTIONS,
            "min_run_before_preempt_s": MIN_RUN_BEFORE_PREEMPT_S,
        }
        configured = LedgerSettings.model_validate(values)
        self.raw = redis.Redis.from_url(self.server.uri, decode_responses=True)
        self.api = Ledger(configured)
        self.workers = {name: Ledger(configured) for name in WORKERS}
        for name, ledger in self.workers.items():
            ledger.register_worker(name, "cpu", "idle")
        self.model = Model()

    def key(self, name: str) -> str:
        return f"{{{self.prefix}}}:{name}"

    def pick(self, data: st.DataObject, state: JobState | None = None) -> Modelled:
        found = [job for job in self.model.jobs.values() if state in {None, job.state}]
        return data.draw(st.sampled_from(found))

    def steer(self, job: Modelled, allowed: bool, act: Any, *arguments: object) -> bool:
        """Ask for something; refused with the state where it is not allowed."""
        if allowed:
            check_same(act(job.id, *arguments), job)
            return True
        with pytest.raises(TransitionNotAllowed) as refused:
            act(job.id, *arguments)
        assert refused.value.state == job.state
        return False

    @invariant()
    def each_job_is_in_one_place(self) -> None:
        expected = self.model.places()
        pipeline = self.raw.pipeline(transaction=False)
        for name in expected:
            pipeline.zrange(self.key(name), 0, -1)
        found = dict(zip(expected, pipeline.execute(), strict=True))
        for name, members in expected.items():
            assert set(found[name]) == {job.id for job in members}, name
        in_order = sorted(expected["ready"], key=lambda job: job.score)
        assert found["ready"] == [job.id for job in in_order]
        places = [*found["ready"], *found["paused"], *found["leased"], *found["ended"]]
        assert sorted(places) == sorted(self.model.jobs)
        page = self.api.list(limit=200)
        assert page.corrupt == []
        assert [job.id for job in page.jobs] == [
            job.id for job in sorted(expected["jobs"], key=lambda job: -job.seq)
        ]
        for job in page.jobs:
            check_same(job, self.model.jobs[job.id])

    def teardown(self) -> None:
        self.api.resume_queue()
        for name in WORKERS:
            self.api.drain(name, False)
        for job in list(self.model.jobs.values()):
            if job.paused:
                self.api.resume(job.id)
                job.paused = False
        for name in WORKERS:
            while job := self.workers[name].claim(name, "cpu"):
                self.api.finish(job.id, job.attempt, name, "succeeded")
                self.model.jobs[job.id].end(JobState.SUCCEEDED)
        assert all(job.state.terminal for job in self.model.jobs.values())
        self.each_job_ended_once()
        for ledger in (self.api, *self.workers.values()):
            ledger.close()
        self.raw.close()

    def each_job_ended_once(self) -> None:
        events = self.api.events("0")
        ended = [event.job_id for event in events if event.kind == "ended"]
        assert sorted(ended) == sorted([*self.model.jobs, *self.model.deleted])
        seen: dict[str, JobState] = {}
        for event in events:
            before = seen.get(event.job_id, event.state)
            assert event.state == before or event.state in TRANSITIONS[before]
            seen[event.job_id] = event.state
