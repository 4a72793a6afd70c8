"""The ledger on a real server: order, fence, leases, lost replies, restarts."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tests.integration.own_server import OwnServer
from tests.stack import wait_until

from exitwave.ledger import AsyncLedger, Ledger, calls, library
from exitwave.schema.errors import (
    InvalidInput,
    JobNotFound,
    LedgerUnavailable,
    StaleAttempt,
    TransitionNotAllowed,
)
from exitwave.schema.job import (
    Failure,
    Job,
    JobSpec,
    JobState,
    Progress,
    Result,
    ScanRef,
)
from exitwave.settings.service import LedgerSettings

RESULT = Result(node="ptycho/s/j/a1", attempt=1, epochs=3, loss=0.5)


def spec(scan: str = "s", priority: int = 5) -> JobSpec:
    ref = ScanRef(uid=scan, scan_id=7, path=f"raw/{scan}")
    return JobSpec(scan=ref, recipe={"stages": [], "start": {}}, priority=priority)


def settings_for(uri: str, lease_s: float = 30.0, max_lost: int = 3) -> LedgerSettings:
    prefix = f"t{uuid.uuid4().hex[:12]}"
    values = {"uri": uri, "prefix": prefix, "lease_s": lease_s, "max_lost": max_lost}
    return LedgerSettings.model_validate(values)


@pytest.fixture
def settings(valkey_uri: str) -> LedgerSettings:
    return settings_for(valkey_uri)


@pytest.fixture
def ledger(settings: LedgerSettings) -> Iterator[Ledger]:
    with Ledger(settings) as opened:
        yield opened


def submit(ledger: Ledger, scan: str = "s", priority: int = 5) -> Job:
    return ledger.submit(spec(scan, priority), owner="me")[0]


def claim(ledger: Ledger, worker: str = "w") -> Job:
    job = ledger.claim(worker, "cpu")
    assert job is not None
    return job


def kinds(ledger: Ledger, job_id: str) -> list[str]:
    return [event.kind for event in ledger.events("0", job_id=job_id)]


def test_a_job_goes_its_way(ledger: Ledger) -> None:
    job, created = ledger.submit(spec(), owner="me")
    assert created
    assert (job.state, job.attempt, job.owner) == (JobState.QUEUED, 0, "me")
    assert job.spec == spec()  # empty lists and mappings come back as they were

    running = claim(ledger)
    assert (running.id, running.state, running.attempt) == (job.id, JobState.RUNNING, 1)
    assert running.attempts[0].worker == "w"
    progress = Progress(phase="reconstructing", epoch=1, epochs=3, loss=0.7)
    assert ledger.beat(job.id, 1, "w", progress) == "go"
    assert ledger.get(job.id).progress == progress

    done = ledger.finish(job.id, 1, "succeeded", result=RESULT)
    assert (done.state, done.result) == (JobState.SUCCEEDED, RESULT)
    assert done.attempts[0].outcome == "succeeded"
    assert done.submitted_at <= done.started_at <= done.ended_at
    assert ledger.get(job.id) == done
    assert kinds(ledger, job.id) == ["submitted", "started", "progress", "ended"]
    assert ledger.claim("w", "cpu") is None


def test_order_is_priority_then_submission(ledger: Ledger) -> None:
    names = [("a", 5), ("b", 9), ("c", 0), ("d", 5), ("e", 0)]
    for name, priority in names:
        submit(ledger, name, priority)
    claimed = [claim(ledger, f"w{i}").spec.scan.uid for i in range(5)]
    assert claimed == ["c", "e", "a", "d", "b"]


def test_idempotency_key_gives_the_first_job_or_refuses(ledger: Ledger) -> None:
    first, created = ledger.submit(spec(), owner="me", idempotency_key="k")
    again, created_again = ledger.submit(spec(), owner="me", idempotency_key="k")
    assert (created, created_again, again.id) == (True, False, first.id)
    with pytest.raises(InvalidInput, match=first.id):
        ledger.submit(spec("other"), owner="me", idempotency_key="k")
    other_owner, _ = ledger.submit(spec(), owner="you", idempotency_key="k")
    assert other_owner.id != first.id
    assert len(ledger.list().jobs) == 2


def test_same_request_counts_even_if_resolved_otherwise(ledger: Ledger) -> None:
    keyed = {"owner": "me", "idempotency_key": "k", "request_digest": "d"}
    first, _ = ledger.submit(spec("7f"), **keyed)
    assert ledger.submit(spec("7f0c"), **keyed) == (first, False)
    assert ledger.submitted("me", "k", "d") == first
    assert ledger.submitted("me", "new", "d") is None
    with pytest.raises(InvalidInput):
        ledger.submitted("me", "k", "other")


def test_claim_again_gives_the_held_job_to_the_same_worker_only(
    ledger: Ledger, settings: LedgerSettings
) -> None:
    submit(ledger, "a")
    submit(ledger, "b")
    held = claim(ledger)
    assert claim(ledger) == held
    with Ledger(settings) as namesake:  # a restarted process with the same name
        assert claim(namesake).spec.scan.uid == "b"


def test_finish_repeated_is_the_same_and_otherwise_stale(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    done = ledger.finish(job.id, 1, "succeeded", result=RESULT)
    assert ledger.finish(job.id, 1, "succeeded", result=RESULT) == done
    with pytest.raises(StaleAttempt):
        ledger.finish(job.id, 1, "failed", failure=Failure(slug="x", message="y"))
    assert ledger.get(job.id).state == JobState.SUCCEEDED
    assert kinds(ledger, job.id).count("ended") == 1
    with pytest.raises(JobNotFound):
        ledger.finish("nobody", 1, "succeeded")


def test_the_fence_refuses_and_records_a_replaced_attempt(
    ledger: Ledger, settings: LedgerSettings
) -> None:
    job = submit(ledger)
    claim(ledger, "old")
    ledger.finish(job.id, 1, "lost", failure=Failure(slug="engine-died", message="exit -9"))
    assert claim(ledger, "new").attempt == 2
    assert ledger.beat(job.id, 1, "old") == "stale"
    assert ledger.beat(job.id, 2, "old") == "stale"  # speaks for another's attempt
    for _ in range(2):
        with pytest.raises(StaleAttempt, match="attempt 2"):
            ledger.finish(job.id, 1, "succeeded", result=RESULT)
    now = ledger.get(job.id)
    assert (now.state, now.result, now.attempt) == (JobState.RUNNING, None, 2)
    assert now.attempts[0].outcome == "lost"
    assert now.attempts[0].reason == 'exit -9; a late "succeeded" was refused'
    assert ledger.beat(job.id, 2, "new") == "go"


def test_a_lost_job_returns_to_its_own_place_and_dies_after_max_lost(ledger: Ledger) -> None:
    job = submit(ledger, "poison")
    submit(ledger, "next")
    died = Failure(slug="engine-died", message="exit code -9")
    for number in (1, 2, 3):
        assert (claim(ledger).id, ledger.get(job.id).attempt) == (job.id, number)
        ledger.finish(job.id, number, "lost", failure=died)
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
    settings = settings_for(valkey_uri, lease_s=0.6)
    with Ledger(settings) as ledger:
        job = submit(ledger)
        claim(ledger, "silent")
        ledger.beat(job.id, 1, "silent", Progress(epoch=4))

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
            assert ledger.beat(job.id, 1, "w") == "go"
            ledger.tick()
            time.sleep(0.02)


def test_the_clock_stops_while_nobody_calls(valkey_uri: str) -> None:
    with Ledger(settings_for(valkey_uri, lease_s=0.5)) as ledger:
        job = submit(ledger)
        claim(ledger)
        time.sleep(1.2)  # two leases without a word from anyone: the queue was away
        ledger.tick()
        assert ledger.get(job.id).state == JobState.RUNNING
        assert ledger.beat(job.id, 1, "w") == "go"


def test_progress_is_an_event_only_when_it_moves(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    for epoch, loss in ((1, 0.9), (1, 0.8), (2, 0.7), (2, 0.7)):
        ledger.beat(job.id, 1, "w", Progress(phase="reconstructing", epoch=epoch, loss=loss))
    ledger.beat(job.id, 1, "w")
    moved = [e.progress for e in ledger.events("0", job_id=job.id) if e.kind == "progress"]
    assert [p.epoch for p in moved if p] == [1, 2]
    assert ledger.get(job.id).progress.loss == 0.7  # type: ignore[union-attr]


def test_cancel_in_every_state(ledger: Ledger) -> None:
    queued = submit(ledger)
    assert ledger.cancel(queued.id).state == JobState.CANCELLED
    assert ledger.cancel(queued.id).state == JobState.CANCELLED
    assert ledger.claim("w", "cpu") is None
    assert kinds(ledger, queued.id) == ["submitted", "ended"]

    running = submit(ledger)
    claim(ledger)
    for _ in range(2):
        asked = ledger.cancel(running.id)
        assert (asked.state, asked.cancel_requested) == (JobState.RUNNING, True)
    assert ledger.beat(running.id, 1, "w") == "cancel"
    assert ledger.finish(running.id, 1, "cancelled").state == JobState.CANCELLED
    assert kinds(ledger, running.id).count("cancel_requested") == 1

    done = submit(ledger)
    claim(ledger)
    ledger.finish(done.id, 1, "succeeded", result=RESULT)
    with pytest.raises(TransitionNotAllowed, match="succeeded"):
        ledger.cancel(done.id)
    with pytest.raises(JobNotFound):
        ledger.cancel("nobody")


def test_a_job_to_be_cancelled_is_not_run_again_when_its_engine_dies(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    ledger.cancel(job.id)
    assert ledger.finish(job.id, 1, "lost").state == JobState.CANCELLED
    assert ledger.claim("w", "cpu") is None


def test_two_workers_never_get_the_same_job(settings: LedgerSettings) -> None:
    with Ledger(settings) as ledger:
        wanted = {submit(ledger).id for _ in range(60)}
    claimed: Counter[str] = Counter()

    def work(name: str) -> None:
        with Ledger(settings) as own:
            while job := own.claim(name, "cpu"):
                claimed[job.id] += 1
                own.finish(job.id, job.attempt, "succeeded", result=RESULT)

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claimed == Counter(wanted)


def test_a_waiting_claim_is_woken_by_a_submission(
    settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LONGEST_BLOCK_S", 60.0)  # only the bell can wake it
    found: list[Job | None] = []

    def wait() -> None:
        with Ledger(settings) as own:
            found.append(own.claim("w", "cpu", wait_s=60))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    with Ledger(settings) as ledger:
        job = submit(ledger)
    thread.join()
    assert [each and each.id for each in found] == [job.id]


def test_lists_filter_and_turn_pages(ledger: Ledger) -> None:
    ids = [submit(ledger, scan="even" if i % 2 == 0 else "odd").id for i in range(7)]
    ledger.cancel(ids[3])
    pages, cursor = [], None
    while True:
        page = ledger.list(limit=3, cursor=cursor)
        pages.append([job.id for job in page.jobs])
        cursor = page.cursor
        if cursor is None:
            break
    assert [job_id for page in pages for job_id in page] == ids[::-1]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [j.id for j in ledger.list(state=JobState.CANCELLED).jobs] == [ids[3]]
    assert [j.id for j in ledger.list(scan="odd", limit=2).jobs] == [ids[5], ids[3]]
    assert len(ledger.list(scan="7").jobs) == 7


async def test_events_replay_without_a_gap_in_both_faces(settings: LedgerSettings) -> None:
    async with AsyncLedger(settings) as ledger:
        assert await ledger.last_event_id() == "0-0"
        assert await ledger.events("0") == []
        first, _ = await ledger.submit(spec(), owner="me")
        middle = await ledger.last_event_id()
        second, _ = await ledger.submit(spec(), owner="me")
        await ledger.cancel(second.id)
        everything = await ledger.events("0")
        assert [e.job_id for e in everything] == [first.id, second.id, second.id]
        assert await ledger.events(middle) == everything[1:]
        assert await ledger.events("0", job_id=second.id, limit=1) == everything[1:2]
        assert await ledger.events(everything[-1].id, wait_s=0.05) == []
        assert await ledger.first_event_id() == everything[0].id
    with Ledger(settings) as ledger_sync:
        assert ledger_sync.events("0") == everything


def test_workers_appear_and_vanish(valkey_uri: str) -> None:
    with Ledger(settings_for(valkey_uri, lease_s=0.5)) as ledger:
        ledger.presence("w1", "cuda:0", "idle")
        ledger.presence("w2", "cpu", "busy", "job")
        assert [(w.name, w.state, w.job_id) for w in ledger.workers()] == [
            ("w1", "idle", None),
            ("w2", "busy", "job"),
        ]
        ledger.presence("w1", "cuda:0", "stopped")
        assert [w.name for w in ledger.workers()] == ["w2"]
        wait_until(lambda: not ledger.workers(), "a silent worker to vanish", within_s=10)
        ledger.tick()
        assert ledger.workers() == []


def test_codes_work_once_and_sessions_expire(ledger: Ledger) -> None:
    code = ledger.create_code(60)
    assert [ledger.redeem_code(code), ledger.redeem_code(code)] == [True, False]
    token = ledger.create_session(1)
    assert ledger.session_valid(token)
    assert not ledger.session_valid(token + "x")
    wait_until(lambda: not ledger.session_valid(token), "the session to expire", within_s=10)


def test_trigger_points_are_kept(ledger: Ledger) -> None:
    assert ledger.trigger_point("tiled") is None
    ledger.set_trigger_point("tiled", "123")
    assert ledger.trigger_point("tiled") == "123"


def test_functions_that_vanished_are_loaded_again(
    ledger: Ledger, settings: LedgerSettings
) -> None:
    job = submit(ledger)
    server = redis.Redis.from_url(settings.uri.get_secret_value())
    server.function_delete("exitwave")
    assert ledger.get(job.id) == job
    server.close()


def test_a_newer_server_is_refused_politely(ledger: Ledger, settings: LedgerSettings) -> None:
    submit(ledger)
    server = redis.Redis.from_url(settings.uri.get_secret_value())
    newer = library.SOURCE.replace(f"VERSION = '{library.VERSION}'", "VERSION = '999'")
    server.function_load(newer, replace=True)
    try:
        with pytest.raises(LedgerUnavailable, match="update this program"):
            ledger.list()
    finally:
        server.function_load(library.SOURCE, replace=True)
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
        ledger.finish(done.id, 1, "succeeded", result=RESULT)
        claim(ledger, "w2")
        before = {job.id: job for job in ledger.list().jobs}
        own_server.kill()
        with pytest.raises(LedgerUnavailable):
            ledger.get(done.id)
        time.sleep(1.5)  # longer than the lease: it was the queue that was away
        own_server.start()
        ledger.tick()
        assert {job.id: job for job in ledger.list().jobs} == before
        assert ledger.beat(held.id, 1, "w2") == "go"
        assert claim(ledger, "w1").id == queued.id
