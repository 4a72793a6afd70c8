"""Live before batch: who is preempted and who not, reserved workers, the starvation limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from tests.integration.ledger_bench import claim, kinds, settings_for, submit
from tests.ledger_client import Ledger

from exitwave.settings.service import LedgerSettings


@contextmanager
def queue(uri: str, **more: float) -> Iterator[tuple[Ledger, redis.Redis, str]]:
    settings: LedgerSettings = settings_for(uri, **{"min_run_before_preempt_s": 0.0, **more})
    raw = redis.Redis.from_url(uri, decode_responses=True)
    with Ledger(settings) as ledger:
        yield ledger, raw, f"{{{settings.prefix}}}"
    raw.close()


def busy(ledger: Ledger, worker: str, uri: str = "") -> str:
    ledger.register_worker(worker, "cpu", "idle")
    job = claim(ledger, worker)
    ledger.register_worker(worker, "cpu", "busy", job.id)
    return job.id


def preempting(ledger: Ledger) -> list[str]:
    return [job.id for job in ledger.list(state="running").jobs if job.preempt_requested]


def test_the_least_important_batch_job_makes_way_once(valkey_uri: str) -> None:
    with queue(valkey_uri) as (ledger, _, _):
        important, least = submit(ledger, priority=3), submit(ledger, priority=7)
        busy(ledger, "w0")
        busy(ledger, "w1")
        assert preempting(ledger) == []
        live = submit(ledger, priority=0)
        for _ in range(3):
            assert preempting(ledger) == [least.id]
            ledger.tick()
        assert ledger.wait_for_control("w1", 5)
        assert not ledger.wait_for_control("w0", 0.05)
        assert ledger.heartbeat(least.id, 1, "w1") == "preempt"
        assert ledger.heartbeat(important.id, 1, "w0") == "go"
        back = ledger.finish(least.id, 1, "w1", "preempted")
        assert (back.preemptions, back.preempt_requested) == (1, False)
        assert claim(ledger, "w1").id == live.id
        ledger.tick()
        assert preempting(ledger) == []
        assert kinds(ledger, least.id)[-2:] == ["preempt_requested", "preempted"]
        submit(ledger, priority=0)
        assert preempting(ledger) == [important.id]  # nothing preempts a live job
        submit(ledger, priority=0)
        assert preempting(ledger) == [important.id]


def test_nobody_is_preempted_while_a_worker_is_free_or_comes_free(valkey_uri: str) -> None:
    with queue(valkey_uri) as (ledger, _, _):
        for _ in range(2):
            submit(ledger)
        first, _ = busy(ledger, "w0"), busy(ledger, "w1")
        ledger.register_worker("idle", "cpu", "idle")
        submit(ledger, priority=0)
        assert preempting(ledger) == []
        ledger.cancel(first)
        submit(ledger, priority=0)
        assert preempting(ledger) == []
        submit(ledger, priority=0)
        assert len(preempting(ledger)) == 1


def test_a_drained_worker_is_no_help(valkey_uri: str) -> None:
    with queue(valkey_uri) as (ledger, _, _):
        jobs = [submit(ledger, priority=p) for p in (5, 6)]
        busy(ledger, "w0")
        busy(ledger, "w1")
        ledger.register_worker("w2", "cpu", "idle")
        ledger.drain("w1", True)
        submit(ledger, priority=0)
        assert preempting(ledger) == []
        ledger.drain("w2", True)
        assert preempting(ledger) == [jobs[0].id]


def test_a_drained_workers_cancelled_job_frees_nobody(valkey_uri: str) -> None:
    with queue(valkey_uri) as (ledger, _, _):
        stays, leaves = submit(ledger), submit(ledger)
        busy(ledger, "w0")
        busy(ledger, "w1")
        ledger.drain("w1", True)
        ledger.cancel(leaves.id)
        submit(ledger, priority=0)
        assert preempting(ledger) == [stays.id]


def test_a_batch_job_runs_for_a_minimum_before_it_is_preempted(valkey_uri: str) -> None:
    with queue(valkey_uri, min_run_before_preempt_s=60) as (ledger, raw, root):
        job = submit(ledger)
        busy(ledger, "w")
        submit(ledger, priority=0)
        ledger.tick()
        assert preempting(ledger) == []
        raw.hincrby(f"{root}:job:{job.id}", "a:1:started_at", -60_000)
        ledger.tick()
        assert preempting(ledger) == [job.id]


def test_a_batch_job_is_preempted_only_so_often(valkey_uri: str) -> None:
    with queue(valkey_uri, max_preemptions=2) as (ledger, _, _):
        job = submit(ledger)
        for number in (1, 2):
            assert busy(ledger, "w") == job.id
            submit(ledger, priority=0)
            assert ledger.heartbeat(job.id, number, "w") == "preempt"
            ledger.finish(job.id, number, "w", "preempted")
            live = claim(ledger)
            ledger.finish(live.id, 1, "w", "failed")
        assert busy(ledger, "w") == job.id
        submit(ledger, priority=0)
        ledger.tick()
        assert ledger.heartbeat(job.id, 3, "w") == "go"


@pytest.mark.parametrize("how", ["reprioritise", "resume", "resume_queue", "lost"])
def test_whatever_makes_a_live_job_ready_makes_way(valkey_uri: str, how: str) -> None:
    with queue(valkey_uri) as (ledger, _, _):
        batch = submit(ledger)
        busy(ledger, "w")
        if how == "reprioritise":
            ledger.reprioritise(submit(ledger).id, 0)
        elif how == "resume":
            other = submit(ledger)
            ledger.pause(other.id)
            ledger.reprioritise(other.id, 0)
            assert preempting(ledger) == []
            ledger.resume(other.id)
        elif how == "resume_queue":
            ledger.pause_queue()
            submit(ledger, priority=0)
            assert preempting(ledger) == []
            ledger.resume_queue()
        else:
            submit(ledger)
            ledger.register_worker("dying", "cpu", "idle")
            live = submit(ledger, priority=0)
            assert claim(ledger, "dying").id == live.id
            ledger.register_worker("dying", "cpu", "stopped")
            ledger.finish(live.id, 1, "dying", "lost")
        assert preempting(ledger) == [batch.id]
        ledger.reprioritise(batch.id, 0)
        assert preempting(ledger) == []


def test_the_reserve_takes_live_work_only_and_one_takes_batch(valkey_uri: str) -> None:
    with queue(valkey_uri, reserved_live_workers=1) as (ledger, _, _):
        for _ in range(4):
            submit(ledger)
        for name in ("w0", "w1", "w2"):
            ledger.register_worker(name, "cpu", "idle")
        claim(ledger, "w0")
        claim(ledger, "w1")
        assert ledger.claim("w2", "cpu") is None
        live = submit(ledger, priority=0)
        assert claim(ledger, "w2").id == live.id
    with queue(valkey_uri, reserved_live_workers=5) as (ledger, _, _):
        submit(ledger)
        submit(ledger)
        ledger.register_worker("w0", "cpu", "idle")
        claim(ledger, "w1")  # not listed yet, and yet it counts
        assert ledger.claim("w0", "cpu") is None


def test_every_tenth_claim_is_a_batch_job_that_has_waited_too_long(valkey_uri: str) -> None:
    with queue(valkey_uri, starvation_limit_s=60) as (ledger, raw, root):
        waiting = [submit(ledger, priority=priority) for priority in (9, 5, 5)]
        for _ in range(40):
            submit(ledger, priority=0)

        def served(number: int) -> list[str]:
            found = []
            for _ in range(number):
                job = claim(ledger)
                found.append(job.id)
                ledger.finish(job.id, job.attempt, "w", "failed")
            return found

        batch = {job.id for job in waiting}
        assert not batch & set(served(15))
        for job in waiting:
            raw.zincrby(f"{root}:waiting", -60_001, job.id)
        raw.zincrby(f"{root}:waiting", -1, waiting[0].id)
        assert [n for n, job_id in enumerate(served(21)) if job_id in batch] == [0, 10, 20]
        assert served(1)[0] not in batch


def test_a_held_job_is_not_claimed_for_having_waited_too_long(valkey_uri: str) -> None:
    with queue(valkey_uri, starvation_limit_s=60) as (ledger, raw, root):
        held = submit(ledger)
        raw.zincrby(f"{root}:waiting", -60_001, held.id)
        ledger.pause(held.id)
        for _ in range(12):
            live = submit(ledger, priority=0)
            assert claim(ledger).id == live.id
            ledger.finish(live.id, 1, "w", "failed")


def test_a_reprioritised_job_keeps_how_long_it_has_waited(valkey_uri: str) -> None:
    with queue(valkey_uri) as (ledger, raw, root):
        job = submit(ledger)
        raw.zadd(f"{root}:waiting", {job.id: 1})
        ledger.reprioritise(job.id, 9)
        assert raw.zscore(f"{root}:waiting", job.id) == 1
        ledger.reprioritise(job.id, 0)
        assert raw.zscore(f"{root}:waiting", job.id) is None
