"""The ledger when something dies: fence, leases, lost replies, races, restarts."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tests.integration.ledger_bench import RESULT, claim, kinds, settings_for, submit
from tests.integration.own_server import OwnServer
from tests.ledger_client import Ledger
from tests.support.stack import wait_until

from exitwave.ledger import lua_functions
from exitwave.schema.errors import (
    JobNotFound,
    LedgerUnavailable,
    StaleAttempt,
)
from exitwave.schema.job import Failure, JobState, Progress
from exitwave.settings.service import LedgerSettings


def test_finish_repeated_is_the_same_and_otherwise_stale(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    done = ledger.finish(job.id, 1, "w", "succeeded", result=RESULT)
    assert ledger.finish(job.id, 1, "w", "succeeded", result=RESULT) == done
    with pytest.raises(StaleAttempt):
        ledger.finish(job.id, 1, "w", "failed", failure=Failure(slug="x", message="y"))
    assert ledger.get(job.id).state == JobState.SUCCEEDED
    assert kinds(ledger, job.id).count("ended") == 1
    with pytest.raises(JobNotFound):
        ledger.finish("nobody", 1, "w", "succeeded")


def test_the_fence_refuses_and_records_a_replaced_attempt(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    job = submit(ledger)
    claim(ledger, "old")
    ledger.finish(
        job.id, 1, "old", "lost", failure=Failure(slug="engine-died", message="exit -9")
    )
    assert claim(ledger, "new").attempt == 2
    assert ledger.heartbeat(job.id, 1, "old") == "stale"
    assert ledger.heartbeat(job.id, 2, "old") == "stale"  # speaks for another's attempt
    for _ in range(2):
        with pytest.raises(StaleAttempt, match="attempt 2"):
            ledger.finish(job.id, 1, "old", "succeeded", result=RESULT)
    now = ledger.get(job.id)
    assert (now.state, now.result, now.attempt) == (JobState.RUNNING, None, 2)
    assert now.attempts[0].outcome == "lost"
    assert now.attempts[0].reason == 'exit -9; a stale "succeeded" was refused'
    assert ledger.heartbeat(job.id, 2, "new") == "go"


def test_a_lost_job_returns_to_its_own_place_and_dies_after_too_many(ledger: Ledger) -> None:
    job = submit(ledger, "poison")
    submit(ledger, "next")
    died = Failure(slug="engine-died", message="exit code -9")
    for number in (1, 2, 3):
        assert (claim(ledger).id, ledger.get(job.id).attempt) == (job.id, number)
        ledger.finish(job.id, number, "w", "lost", failure=died)
    dead = ledger.get(job.id)
    assert dead.state == JobState.DEAD
    assert dead.failure is not None
    assert dead.failure.slug == "attempts-lost"
    assert "3 attempts" in dead.failure.message
    assert "exit code -9" in dead.failure.message
    assert [a.outcome for a in dead.attempts] == ["lost"] * 3
    assert claim(ledger).spec.scan.uid == "next"
    assert kinds(ledger, job.id)[-3:] == ["requeued", "started", "ended"]


def test_a_silent_worker_loses_its_job(valkey_uri: str) -> None:
    with Ledger(settings_for(valkey_uri, lease_s=0.6)) as ledger:
        job = submit(ledger)
        claim(ledger, "silent")
        ledger.heartbeat(job.id, 1, "silent", Progress(epoch=4))

        def back() -> bool:
            ledger.tick()
            return ledger.get(job.id).state == JobState.QUEUED

        wait_until(back, "the job to go back", within_s=20)
        lost = ledger.get(job.id)
        assert lost.attempts[0].outcome == "lost"
        assert "silent" in lost.attempts[0].reason
        assert lost.progress is None
        assert claim(ledger, "other").attempt == 2


def test_beats_keep_a_job_for_longer_than_its_lease(valkey_uri: str) -> None:
    with Ledger(settings_for(valkey_uri, lease_s=0.6)) as ledger:
        job = submit(ledger)
        claim(ledger)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert ledger.heartbeat(job.id, 1, "w") == "go"
            ledger.tick()
            time.sleep(0.02)


def test_the_clock_stops_while_nobody_calls(valkey_uri: str) -> None:
    with Ledger(settings_for(valkey_uri, lease_s=0.5)) as ledger:
        job = submit(ledger)
        claim(ledger)
        time.sleep(1.2)  # two leases without a word from anyone: the queue was away
        ledger.tick()
        assert ledger.get(job.id).state == JobState.RUNNING
        assert ledger.heartbeat(job.id, 1, "w") == "go"


def test_a_job_to_be_cancelled_is_not_run_again_when_its_engine_dies(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    ledger.cancel(job.id)
    assert ledger.finish(job.id, 1, "w", "lost").state == JobState.CANCELLED
    assert ledger.claim("w", "cpu") is None


def test_two_workers_never_get_the_same_job(ledger_settings: LedgerSettings) -> None:
    with Ledger(ledger_settings) as ledger:
        wanted = {submit(ledger).id for _ in range(60)}
    claimed: Counter[str] = Counter()

    def work(name: str) -> None:
        with Ledger(ledger_settings) as own:
            while job := own.claim(name, "cpu"):
                claimed[job.id] += 1
                own.finish(job.id, job.attempt, name, "succeeded", result=RESULT)

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claimed == Counter(wanted)


def test_functions_that_vanished_are_loaded_again(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    job = submit(ledger)
    server = redis.Redis.from_url(ledger_settings.uri.get_secret_value())
    server.function_delete("exitwave")
    assert ledger.get(job.id) == job
    server.close()


def test_a_newer_server_is_refused_politely(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    submit(ledger)
    server = redis.Redis.from_url(ledger_settings.uri.get_secret_value())
    newer = lua_functions.SOURCE.replace(
        f"VERSION = '{lua_functions.VERSION}'", "VERSION = '999'"
    )
    server.function_load(newer, replace=True)
    try:
        with pytest.raises(LedgerUnavailable, match="update this program"):
            ledger.list()
    finally:
        server.function_load(lua_functions.SOURCE, replace=True)
        server.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[OwnServer]:
    server = OwnServer(tmp_path)
    yield server
    server.kill()


def test_everything_answered_survives_kill_9_of_the_server(own_server: OwnServer) -> None:
    with Ledger(settings_for(own_server.uri, lease_s=1.0)) as ledger:
        done, held, queued = (submit(ledger, name) for name in "abc")
        claim(ledger, "w1")
        ledger.finish(done.id, 1, "w1", "succeeded", result=RESULT)
        claim(ledger, "w2")
        before = {job.id: job for job in ledger.list().jobs}
        own_server.kill()
        with pytest.raises(LedgerUnavailable):
            ledger.get(done.id)
        time.sleep(1.5)  # longer than the lease: it was the queue that was away
        own_server.start()
        ledger.tick()
        assert {job.id: job for job in ledger.list().jobs} == before
        assert ledger.heartbeat(held.id, 1, "w2") == "go"
        assert claim(ledger, "w1").id == queued.id
