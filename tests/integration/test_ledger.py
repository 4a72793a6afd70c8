"""The ledger on a real server: order, keys, cancelling, lists, events."""

from __future__ import annotations

import json
import math
import threading
import time

import pytest
import redis
from tests.integration.ledger_bench import RESULT, claim, kinds, settings_for, spec, submit
from tests.ledger_client import Ledger
from tests.support.stack import wait_until
from tests.support.verdicts import NO_PICTURE, PREPARATION, START

from exitwave.ledger import ServiceLedger, command, lua_functions
from exitwave.ledger.commands import Command
from exitwave.schema.errors import (
    InvalidInput,
    JobNotFound,
    TransitionNotAllowed,
)
from exitwave.schema.job import TRANSITIONS, Job, JobState, Progress
from exitwave.settings.service import LedgerSettings


def test_both_tables_of_transitions_are_the_same(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    table, _, _ = lua_functions.SOURCE.partition("local TRANSITIONS = ")[2].partition("\n}\n")
    uri = ledger_settings.uri.get_secret_value()
    with redis.Redis.from_url(uri) as raw:
        found = json.loads(str(raw.eval(f"return cjson.encode({table}\n}})", 0), "utf-8"))
    assert {state: set(then) for state, then in found.items()} == TRANSITIONS


def test_a_job_goes_its_way(ledger: Ledger) -> None:
    job, created = ledger.submit(spec(), owner="me")
    assert created
    assert (job.state, job.attempt, job.owner) == (JobState.QUEUED, 0, "me")
    assert job.spec == spec()  # empty lists and mappings come back as they were

    running = claim(ledger)
    assert (running.id, running.state, running.attempt) == (job.id, JobState.RUNNING, 1)
    assert running.attempts[0].worker == "w"
    progress = Progress(phase="reconstructing", epoch=1, epochs=3, loss=0.7)
    assert ledger.heartbeat(job.id, 1, "w", progress) == "go"
    assert ledger.get(job.id).progress == progress

    done = ledger.finish(job.id, 1, "w", "succeeded", result=RESULT)
    assert (done.state, done.result) == (JobState.SUCCEEDED, RESULT)
    assert done.attempts[0].outcome == "succeeded"
    assert done.started_at is not None
    assert done.ended_at is not None
    assert done.submitted_at <= done.started_at <= done.ended_at
    assert ledger.get(job.id) == done
    assert kinds(ledger, job.id) == ["submitted", "started", "progress", "ended"]
    assert ledger.claim("w", "cpu") is None


def test_the_end_tells_the_verdict(ledger: Ledger) -> None:
    figures = {**NO_PICTURE.figures, "ratio": math.inf, "share": math.nan}
    judged = RESULT.model_copy(
        update={
            "verdict": NO_PICTURE.model_copy(update={"figures": figures}),
            "preparation": PREPARATION,
            "start": START,
        }
    )
    told = {}
    for name, result in (("judged", judged), ("not judged", RESULT)):
        job = submit(ledger)
        claim(ledger)
        ledger.finish(job.id, 1, "w", "succeeded", result=result)
        told[name] = [(e.kind, e.verdict) for e in ledger.events("0", job_id=job.id)]
        found = ledger.get(job.id).result
        assert found is not None and repr(found) == repr(result)  # NaN is not itself
    assert told["judged"] == [("submitted", None), ("started", None), ("ended", "no picture")]
    assert told["not judged"][-1] == ("ended", None)


def test_an_event_of_an_earlier_release_has_no_verdict(
    ledger: Ledger, ledger_settings: LedgerSettings, valkey_uri: str
) -> None:
    job = submit(ledger)
    with redis.Redis.from_url(valkey_uri, decode_responses=True) as server:
        (events,) = server.scan_iter(f"*{ledger_settings.prefix}*:events")
        fields = server.xrange(events)[-1][1]
        del fields["verdict"]
        server.xadd(events, fields)
    assert [e.verdict for e in ledger.events("0", job_id=job.id)] == [None, None]


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
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    submit(ledger, "a")
    submit(ledger, "b")
    held = claim(ledger)
    assert claim(ledger) == held
    with Ledger(ledger_settings) as namesake:  # a restarted process with the same name
        assert claim(namesake).spec.scan.uid == "b"


def test_progress_is_an_event_only_when_it_moves(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    for epoch, loss in ((1, 0.9), (1, 0.8), (2, 0.7), (2, 0.7)):
        ledger.heartbeat(
            job.id, 1, "w", Progress(phase="reconstructing", epoch=epoch, loss=loss)
        )
    ledger.heartbeat(job.id, 1, "w")
    moved = [e.progress for e in ledger.events("0", job_id=job.id) if e.kind == "progress"]
    assert [p.epoch for p in moved if p] == [1, 2]
    assert ledger.get(job.id).progress.loss == 0.7


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
    assert ledger.heartbeat(running.id, 1, "w") == "cancel"
    assert ledger.finish(running.id, 1, "w", "cancelled").state == JobState.CANCELLED
    assert kinds(ledger, running.id).count("cancel_requested") == 1

    done = submit(ledger)
    claim(ledger)
    ledger.finish(done.id, 1, "w", "succeeded", result=RESULT)
    with pytest.raises(TransitionNotAllowed, match="succeeded"):
        ledger.cancel(done.id)
    with pytest.raises(JobNotFound):
        ledger.cancel("nobody")


def test_a_waiting_claim_is_woken_by_a_submission(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LONGEST_BLOCK_S", 60.0)  # only a notification can wake it
    found: list[Job | None] = []

    def wait() -> None:
        with Ledger(ledger_settings) as own:
            found.append(own.claim("w", "cpu", wait_s=60))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    with Ledger(ledger_settings) as ledger:
        job = submit(ledger)
    thread.join()
    assert [each and each.id for each in found] == [job.id]


def test_notifications_neither_pile_up_nor_outlive_their_job(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    job = submit(ledger)
    claim(ledger)
    for _ in range(3):
        ledger.cancel(job.id)
    wakeup = f"{{{ledger_settings.prefix}}}:wakeup:w"
    assert ledger.run(Command(("LLEN", wakeup), int)) == 1
    assert ledger.run(Command(("TTL", wakeup), int)) > 0
    ledger.finish(job.id, 1, "w", "cancelled")
    submit(ledger)
    claim(ledger)
    assert not ledger.wait_for_control("w", 0.05)


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


async def test_events_replay_without_a_gap_in_both_faces(
    ledger_settings: LedgerSettings,
) -> None:
    async with ServiceLedger(ledger_settings) as ledger:
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
    with Ledger(ledger_settings) as ledger_sync:
        assert ledger_sync.events("0") == everything


def test_workers_appear_and_vanish(valkey_uri: str) -> None:
    with Ledger(settings_for(valkey_uri, lease_s=0.5)) as ledger:
        ledger.register_worker("w1", "cuda:0", "idle")
        ledger.register_worker("w2", "cpu", "busy", "job")
        assert [(w.name, w.state, w.job_id) for w in ledger.workers()] == [
            ("w1", "idle", None),
            ("w2", "busy", "job"),
        ]
        ledger.register_worker("w1", "cuda:0", "stopped")
        assert [w.name for w in ledger.workers()] == ["w2"]
        wait_until(lambda: not ledger.workers(), "a silent worker to vanish", within_s=10)
        ledger.tick()
        assert ledger.workers() == []


def test_cursors_of_triggers_are_kept(ledger: Ledger) -> None:
    assert ledger.trigger_cursor("tiled") is None
    ledger.set_trigger_cursor("tiled", "123")
    assert ledger.trigger_cursor("tiled") == "123"
