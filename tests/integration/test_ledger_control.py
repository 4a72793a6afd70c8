"""Steering: stop, move, hold, drain, delete; lists by index; the queue at a glance."""

from __future__ import annotations

import threading
import time

import pytest
import redis
from tests.integration.ledger_bench import RESULT, claim, kinds, spec, submit
from tests.ledger_client import Ledger
from tests.support.stack import wait_until

from exitwave.schema.errors import (
    JobNotFound,
    NotFound,
    StaleAttempt,
    TransitionNotAllowed,
)
from exitwave.schema.job import JobState, Progress, ResumePoint
from exitwave.settings.service import LedgerSettings


def test_stop_is_for_running_jobs_and_can_be_repeated(ledger: Ledger) -> None:
    job = submit(ledger)
    with pytest.raises(TransitionNotAllowed, match="queued") as refused:
        ledger.stop(job.id)
    assert refused.value.state == "queued"
    claim(ledger)
    for _ in range(2):
        assert ledger.stop(job.id).stop_requested
    assert ledger.heartbeat(job.id, 1, "w") == "stop"
    partial = RESULT.model_copy(update={"complete": False})
    done = ledger.finish(job.id, 1, "w", "succeeded", result=partial)
    assert (done.state, done.result) == (JobState.SUCCEEDED, partial)
    assert ledger.stop(job.id) == done  # the first reply may have been lost
    assert kinds(ledger, job.id) == ["submitted", "started", "stop_requested", "ended"]
    other = submit(ledger)
    ledger.cancel(other.id)
    with pytest.raises(TransitionNotAllowed, match="cancelled"):
        ledger.stop(other.id)


def test_the_strongest_wish_is_told(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    ledger.stop(job.id)
    ledger.cancel(job.id)
    assert ledger.heartbeat(job.id, 1, "w") == "cancel"


def test_reprioritise_moves_what_waits_and_leaves_what_runs(ledger: Ledger) -> None:
    running, first, second = submit(ledger), submit(ledger), submit(ledger)
    claim(ledger)
    assert ledger.reprioritise(second.id, 1).priority == 1
    assert [each.id for each in ledger.queue().queued] == [second.id, first.id]
    moved = ledger.reprioritise(running.id, 9)
    assert (moved.state, moved.priority) == (JobState.RUNNING, 9)
    assert len(ledger.queue().queued) == 2
    ledger.finish(running.id, 1, "w", "lost")
    assert [each.id for each in ledger.queue().queued] == [second.id, first.id, running.id]
    ledger.cancel(first.id)
    with pytest.raises(TransitionNotAllowed, match="cancelled"):
        ledger.reprioritise(first.id, 0)
    with pytest.raises(JobNotFound):
        ledger.reprioritise("nobody", 0)
    assert kinds(ledger, second.id) == ["submitted", "reprioritised"]


def test_a_held_job_is_skipped_and_keeps_its_place(ledger: Ledger) -> None:
    first, second = submit(ledger), submit(ledger)
    for _ in range(2):
        assert ledger.pause(first.id).paused
    ledger.reprioritise(first.id, 4)
    view = ledger.queue()
    assert ([each.id for each in view.queued], view.waiting) == ([second.id], 2)
    assert (view.depths[4], view.depths[5]) == (1, 1)
    assert claim(ledger).id == second.id
    with pytest.raises(TransitionNotAllowed, match="running"):
        ledger.pause(second.id)
    for _ in range(2):
        assert not ledger.resume(first.id).paused
    assert claim(ledger, "other").id == first.id
    assert kinds(ledger, first.id) == [
        "submitted",
        "paused",
        "reprioritised",
        "resumed",
        "started",
    ]
    held = submit(ledger)
    ledger.pause(held.id)
    assert ledger.cancel(held.id).state == JobState.CANCELLED
    assert not ledger.get(held.id).paused


def test_nothing_is_claimed_from_a_paused_queue(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    running, waiting = submit(ledger), submit(ledger)
    claim(ledger)
    ledger.pause_queue()
    assert ledger.queue().paused
    assert ledger.heartbeat(running.id, 1, "w") == "go"
    assert claim(ledger).id == running.id  # held already
    found: list[str] = []

    def work() -> None:
        with Ledger(ledger_settings) as own:
            job = own.claim("other", "cpu", wait_s=30)
            found.append(job.id if job else "")

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.2)
    assert not found
    ledger.resume_queue()
    thread.join()
    assert found == [waiting.id]
    assert not ledger.queue().paused


def test_a_draining_worker_claims_nothing_until_it_may(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="'w'"):
        ledger.drain("w", True)
    ledger.register_worker("w", "cpu", "idle")
    for _ in range(2):
        ledger.drain("w", True)
    assert [worker.state for worker in ledger.workers()] == ["draining"]
    assert ledger.wait_for_control("w", 5)
    submit(ledger)
    assert ledger.claim("w", "cpu", wait_s=0.05) is None
    ledger.drain("w", False)
    assert [worker.state for worker in ledger.workers()] == ["idle"]
    claim(ledger)
    ledger.drain("w", True)
    ledger.register_worker("w", "cpu", "stopped")
    ledger.register_worker("w", "cpu", "idle")
    assert [worker.state for worker in ledger.workers()] == ["idle"]  # started anew


def test_a_registration_tells_why_a_worker_is_in_quarantine(ledger: Ledger) -> None:
    ledger.register_worker("w", "cuda:0", "quarantined", note="3 probes failed")
    ledger.drain("w", True)
    assert [(w.state, w.note) for w in ledger.workers()] == [("quarantined", "3 probes failed")]


def test_a_signal_wakes_the_worker_at_once(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    job = submit(ledger)
    claim(ledger)
    woken: list[bool] = []

    def wait() -> None:
        with Ledger(ledger_settings) as own:
            woken.append(own.wait_for_control("w", 5))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    assert ledger.heartbeat(job.id, 1, "w") == "go"  # others' calls go on meanwhile
    ledger.cancel(job.id)
    thread.join()
    assert woken == [True]
    assert ledger.heartbeat(job.id, 1, "w") == "cancel"
    assert not ledger.wait_for_control("w", 0.05)


def test_delete_is_for_what_has_ended(ledger: Ledger) -> None:
    job, _ = ledger.submit(spec(), owner="me", idempotency_key="k")
    with pytest.raises(TransitionNotAllowed, match="queued"):
        ledger.delete(job.id)
    claim(ledger)
    with pytest.raises(TransitionNotAllowed, match="running"):
        ledger.delete(job.id)
    ledger.finish(job.id, 1, "w", "succeeded", result=RESULT)
    for _ in range(2):  # the first reply may have been lost
        ledger.delete(job.id)
    with pytest.raises(JobNotFound):
        ledger.get(job.id)
    with pytest.raises(JobNotFound):
        ledger.delete("nobody")
    assert ledger.list().jobs == []
    again, created = ledger.submit(spec(), owner="me", idempotency_key="k")
    assert created
    assert again.id != job.id


def test_another_workers_finish_is_refused_and_recorded(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    for _ in range(2):
        with pytest.raises(StaleAttempt, match="of w"):
            ledger.finish(job.id, 1, "thief", "succeeded", result=RESULT)
        with pytest.raises(StaleAttempt):
            ledger.finish(job.id, 99, "w", "succeeded", result=RESULT)  # made up
    assert ledger.get(job.id).state == JobState.RUNNING
    assert kinds(ledger, job.id) == ["submitted", "started", "stale"]
    done = ledger.finish(job.id, 1, "w", "succeeded", result=RESULT)
    with pytest.raises(StaleAttempt):
        ledger.finish(job.id, 1, "thief", "succeeded", result=RESULT)
    assert ledger.get(job.id) == done


def test_each_late_worker_leaves_a_mark_of_its_own(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    ledger.finish(job.id, 1, "w", "lost")
    for worker in ("thief", "w", "other thief"):
        for _ in range(2):
            with pytest.raises(StaleAttempt):
                ledger.finish(job.id, 1, worker, "succeeded", result=RESULT)
    assert kinds(ledger, job.id).count("stale") == 3
    (attempt,) = ledger.get(job.id).attempts
    assert attempt.reason.count("refused") == 1


def test_attempts_keep_their_last_progress(ledger: Ledger) -> None:
    job = submit(ledger)
    claim(ledger)
    kept = Progress(epoch=4, checkpoint=ResumePoint(attempt=1, epoch=3))
    ledger.heartbeat(job.id, 1, "w", kept)
    assert ledger.finish(job.id, 1, "w", "lost").progress is None
    again = claim(ledger)
    assert (again.progress, again.attempts[0].progress, again.lost) == (None, kept, 1)
    now = Progress(epoch=4, resumed_from=kept.checkpoint)
    ledger.heartbeat(job.id, 2, "w", now)
    done = ledger.finish(job.id, 2, "w", "succeeded", result=RESULT)
    assert [each.progress for each in done.attempts] == [kept, now]
    assert done.progress == now


def test_a_preemption_is_no_loss(ledger: Ledger) -> None:
    first, _ = submit(ledger), submit(ledger)
    for number in range(1, 5):
        assert claim(ledger).attempt == number
        back = ledger.finish(first.id, number, "w", "preempted")
        assert ledger.finish(first.id, number, "w", "preempted") == back
        assert (back.state, back.lost, back.preemptions) == (JobState.QUEUED, 0, number)
    assert ledger.get(first.id).attempts[0].outcome == "preempted"
    claim(ledger)
    ledger.cancel(first.id)
    assert ledger.finish(first.id, 5, "w", "preempted").state == JobState.CANCELLED


def slow_commands(settings: LedgerSettings) -> list[int]:
    """How often commands were used that look at every key."""
    with redis.Redis.from_url(settings.uri.get_secret_value()) as raw:
        used = raw.info("commandstats")
    return [used.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("keys", "scan")]


def test_lists_by_every_index_and_together(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    jobs = [
        ledger.submit(
            spec(f"scan{n % 2}", tags=["all", f"t{n % 3}"]), owner="ann" if n < 6 else "bob"
        )[0].id
        for n in range(12)
    ]
    ledger.cancel(jobs[5])
    before = slow_commands(ledger_settings)
    newest_first = jobs[::-1]

    def ids(**filters: str) -> list[str]:
        found, cursor = [], None
        while True:
            page = ledger.list(limit=2, cursor=cursor, **filters)
            found += [job.id for job in page.jobs]
            cursor = page.cursor
            if cursor is None:
                return found

    assert ids(owner="ann") == jobs[5::-1]
    assert ids(tag="t1") == [jobs[n] for n in (10, 7, 4, 1)]
    assert ids(tag="all", scan="scan1") == [jobs[n] for n in (11, 9, 7, 5, 3, 1)]
    assert ids(tag="t2", scan="scan1", owner="ann") == [jobs[5]]
    assert ids(state=JobState.CANCELLED) == [jobs[5]]
    assert ids(state=JobState.QUEUED, scan="7") == [i for i in newest_first if i != jobs[5]]
    assert ids(owner="nobody") == ids(tag="") == ids(scan="state:queued") == []
    assert slow_commands(ledger_settings) == before


def test_the_queue_at_a_glance(ledger: Ledger) -> None:
    view = ledger.queue()
    assert (view.paused, view.waiting, view.running, view.queued) == (False, 0, 0, [])
    assert view.oldest_waiting_since is None
    jobs = [submit(ledger, priority=priority) for priority in (9, 0, 5, 5)]
    view = ledger.queue(limit=3)
    assert [(q.id, q.position, q.priority) for q in view.queued] == [
        (jobs[1].id, 0, 0),
        (jobs[2].id, 1, 5),
        (jobs[3].id, 2, 5),
    ]
    assert (view.waiting, view.depths[5], view.depths[1]) == (4, 2, 0)
    assert view.oldest_waiting_since == jobs[0].submitted_at
    claim(ledger)
    assert (ledger.queue().waiting, ledger.queue().running) == (3, 1)


def test_events_are_counted(ledger: Ledger) -> None:
    assert ledger.counts() == {}
    job = submit(ledger)
    claim(ledger)
    ledger.finish(job.id, 1, "w", "lost")
    claim(ledger)
    ledger.finish(job.id, 2, "w", "succeeded", result=RESULT)
    assert ledger.counts() == {
        "submitted": 1,
        "started": 2,
        "requeued": 1,
        "lost": 1,
        "ended:succeeded": 1,
    }


def test_events_tell_whose_job_it_is(ledger: Ledger) -> None:
    ledger.submit(spec(), owner="ann")
    assert [event.owner for event in ledger.events("0")] == ["ann"]


def test_a_worker_of_a_waiting_claim_sees_a_drain(
    ledger: Ledger, ledger_settings: LedgerSettings
) -> None:
    """While it drains it does not take the wakeup from those who may claim."""
    ledger.register_worker("drained", "cpu", "idle")
    ledger.drain("drained", True)
    ledger.wait_for_control("drained", 0.05)
    got: list[object] = []

    def drained() -> None:
        with Ledger(ledger_settings) as own:
            got.append(own.claim("drained", "cpu", wait_s=1.0))

    thread = threading.Thread(target=drained)
    thread.start()
    job = submit(ledger)
    thread.join()
    assert got == [None]
    with redis.Redis.from_url(ledger_settings.uri.get_secret_value()) as raw:
        assert raw.llen(f"{{{ledger_settings.prefix}}}:wakeup") == 1
    wait_until(lambda: claim(ledger).id == job.id, "the job", within_s=5)
