"""Agents with a fake engine in real processes: signals, deaths and what becomes of jobs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from tests.integration.processes import is_there
from tests.ledger_client import Ledger
from tests.support import fake_engine
from tests.support.stack import clean_environment, exitwave, running, wait_until
from tests.support.worker_process import WorkerProcess

from exitwave.schema.job import JobSpec, JobState, ScanRef
from exitwave.schema.worker import WorkerInfo
from exitwave.settings.service import LedgerSettings

ENDLESS = ("epochs:1000000", "seconds:100000")
NAME = "agent"


@dataclass
class Agent(WorkerProcess):
    """A worker with a fake engine."""

    folder: Path

    def submit(self, *tags: str, priority: int = 5) -> str:
        """A job of 0.15 s, unless its tags say otherwise; see the fake engine for them."""
        scan = ScanRef(uid="u", path="raw/u")
        tags = ("seconds:0.15", *tags)
        spec = JobSpec(scan=scan, recipe={}, tags=list(tags), priority=priority)
        return self.ledger.submit(spec, owner="tests")[0].id

    def until_hanging(self, job_id: str) -> None:
        def hangs() -> bool:
            log = fake_engine.read_log(self.folder)
            return any(entry.job == job_id and entry.what == "hang" for entry in log)

        wait_until(hangs, "the engine's hanging", log=self.log)

    def info(self) -> WorkerInfo | None:
        return next((worker for worker in self.ledger.workers()), None)


@contextmanager
def working(valkey_uri: str, folder: Path, **more: str) -> Iterator[Agent]:
    prefix = f"a{uuid4().hex[:8]}"
    values = {
        "DATA_DIR": str(folder),
        "LEDGER__URI": valkey_uri,
        "LEDGER__PREFIX": prefix,
        "LEDGER__LEASE_S": "3",
        "LEDGER__MIN_RUN_BEFORE_PREEMPT_S": "0",
        "WORKER__NAME": NAME,
        "WORKER__RUNNER": fake_engine.FAKE_RUNNER,
        "WORKER__HEARTBEAT_INTERVAL_S": "0.5",
        "WORKER__CANCEL_GRACE_S": "1",
        **more,
    }
    env = clean_environment(
        PYTHONPATH=str(Path(__file__).parents[2]),
        **{f"EXITWAVE__{name}": value for name, value in values.items()},
    )
    settings = LedgerSettings.model_validate(
        {"uri": valkey_uri, "prefix": prefix, "lease_s": 3, "min_run_before_preempt_s": 0}
    )
    log = folder / "worker.log"
    with (
        Ledger(settings) as ledger,
        running(exitwave("worker"), owner=folder, env=env, log=log) as process,
    ):
        agent = Agent(process, ledger, log, folder)
        wait_until(lambda: (info := agent.info()) and info.state == "idle", "agent", log=log)
        yield agent


@pytest.fixture(scope="module")
def agent(valkey_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with working(valkey_uri, tmp_path_factory.mktemp("agent")) as one:
        yield one


@pytest.mark.parametrize(
    ("tag", "slug"),
    [("out_of_memory", "out-of-memory"), ("out_of_host_memory", "out-of-memory")],
)
def test_a_job_that_does_not_fit_fails_at_once(agent: Agent, tag: str, slug: str) -> None:
    job = agent.until_ended(agent.submit(tag))
    assert job.state == JobState.FAILED and job.attempt == 1
    assert job.failure and job.failure.slug == slug and "does not fit" in job.failure.message


def test_a_broken_device_costs_an_attempt_and_a_new_engine_goes_on(agent: Agent) -> None:
    before = agent.engine_pid()
    job_id = agent.submit("broken_device")
    job = agent.until(job_id, lambda job: job.attempt == 2)
    assert job.attempts[0].outcome == "lost" and "illegal memory" in job.attempts[0].reason
    assert agent.until_ended(job_id).state == JobState.DEAD
    assert agent.until_ended(agent.submit()).state == JobState.SUCCEEDED
    assert agent.engine_pid() != before


def test_cancel_ends_a_batch_or_a_hung_engine(agent: Agent) -> None:
    job_id = agent.submit(*ENDLESS)
    agent.until_computing(job_id)
    engine = agent.engine_pid()
    agent.ledger.cancel(job_id)
    assert agent.until_ended(job_id).attempts[0].outcome == "cancelled"
    assert is_there(engine)

    hung = agent.submit("hang")
    agent.until_hanging(hung)
    agent.ledger.cancel(hung)
    assert agent.until_ended(hung).state == JobState.CANCELLED
    assert not is_there(engine)
    assert agent.until_ended(agent.submit()).state == JobState.SUCCEEDED


def test_live_work_takes_over_and_the_job_goes_on_where_it_was(agent: Agent) -> None:
    batch = agent.submit("epochs:40", "seconds:4")
    agent.until_computing(batch)
    live = agent.submit(priority=0)
    assert agent.until_ended(live).state == JobState.SUCCEEDED
    job = agent.until_ended(batch)
    assert job.state == JobState.SUCCEEDED and (job.lost, job.preemptions) == (0, 1)
    assert [attempt.outcome for attempt in job.attempts] == ["preempted", "succeeded"]
    assert job.progress and job.progress.resumed_from
    assert job.progress.resumed_from.epoch == job.attempts[0].progress.epoch
    wait_until(lambda: not (agent.folder / "checkpoints" / batch).exists(), "tidy", within_s=5)


def test_stop_keeps_what_there_is(agent: Agent) -> None:
    job_id = agent.submit(*ENDLESS)
    agent.until_computing(job_id)
    agent.ledger.stop(job_id)
    job = agent.until_ended(job_id)
    assert job.state == JobState.SUCCEEDED and job.result
    assert job.result.complete is False and job.result.epochs > 0


def test_a_replaced_attempt_is_dropped(agent: Agent) -> None:
    job_id = agent.submit(*ENDLESS)
    agent.until_computing(job_id)
    agent.ledger.finish(job_id, 1, NAME, "lost")  # as if it had been silent for too long
    agent.until_computing(job_id, attempt=2)
    agent.ledger.cancel(job_id)
    job = agent.until_ended(job_id)
    assert [attempt.outcome for attempt in job.attempts] == ["lost", "cancelled"]


def test_a_drained_worker_claims_nothing_until_it_may(agent: Agent) -> None:
    running_one = agent.submit("epochs:10", "seconds:1")
    agent.until_computing(running_one)
    agent.ledger.drain(NAME, True)
    assert agent.until_ended(running_one).state == JobState.SUCCEEDED
    waiting = agent.submit()
    time.sleep(1.5)
    assert agent.ledger.get(waiting).state == JobState.QUEUED
    assert agent.info().state == "draining"
    agent.ledger.drain(NAME, False)
    assert agent.until_ended(waiting).state == JobState.SUCCEEDED


def test_an_unhealthy_device_is_quarantined_until_it_is_well(
    valkey_uri: str, tmp_path: Path
) -> None:
    with working(valkey_uri, tmp_path, WORKER__UNHEALTHY_AFTER="2") as agent:
        (tmp_path / fake_engine.UNHEALTHY).touch()
        os.kill(agent.engine_pid(), signal.SIGKILL)
        wait_until(lambda: (info := agent.info()) and info.state == "quarantined", "quarantine")
        assert "1 + 1 gives 3" in agent.info().note
        job_id = agent.submit()
        time.sleep(1)
        assert agent.ledger.get(job_id).state == JobState.QUEUED
        (tmp_path / fake_engine.UNHEALTHY).unlink()
        assert agent.until_ended(job_id).state == JobState.SUCCEEDED
        assert agent.info().note == ""


def test_told_to_end_it_gives_its_job_back(valkey_uri: str, tmp_path: Path) -> None:
    with working(valkey_uri, tmp_path) as agent:
        job_id = agent.submit(*ENDLESS)
        agent.until_computing(job_id)
        agent.process.terminate()
        assert agent.process.wait(10) == 0
        job = agent.ledger.get(job_id)
        assert job.state == JobState.QUEUED and (job.lost, job.preemptions) == (0, 1)
        assert (tmp_path / "checkpoints" / job_id / fake_engine.CHECKPOINT).exists()
        assert agent.info() is None
    with working(valkey_uri, tmp_path) as agent:
        job_id = agent.submit("hang")
        agent.until_hanging(job_id)
        agent.process.terminate()
        time.sleep(1)
        assert agent.process.poll() is None and agent.info().state == "draining"
        agent.process.terminate()
        assert agent.process.wait(5) == 0
        assert agent.ledger.get(job_id).attempts[0].outcome == "preempted"


def test_a_job_whose_engine_dies_is_claimed_while_the_next_one_starts(
    valkey_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_engine.START_S, "4")
    with working(valkey_uri, tmp_path) as agent:
        job_id = agent.submit(*ENDLESS)
        agent.until_computing(job_id)
        os.kill(agent.engine_pid(), signal.SIGKILL)
        agent.until(job_id, lambda job: job.attempt == 2)
        assert agent.log.read_text().count("engine.ready") == 1  # the next is not there yet
        job = agent.until_computing(job_id, attempt=2)  # the lease, 3 s, was kept
        assert job.lost == 1
