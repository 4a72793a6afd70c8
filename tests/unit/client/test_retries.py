"""Tries again where that is safe, for a bounded time, and as the service asks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from tests.unit.client.http_server import KEY, Answer, job, problem, serving

from exitwave.client import AsyncClient, Client, retry
from exitwave.schema.errors import JobNotFound, TooManyRequests, Unavailable
from exitwave.schema.job import JobState

AWAY = problem(503, "ledger-unavailable", "away")
LOST = Answer("", 202, cut=True)
NEW_KEY = json.dumps(
    {
        "key": "ab12xyz",
        "info": {
            "id": "ab12",
            "owner": "eva",
            "scopes": ["admin"],
            "created_at": "2026-11-22T10:00:00Z",
        },
    }
)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.submit("7f0c"),
        lambda client: client.submit_many(["7f0c"]),
        lambda client: client.retry("j1"),
        lambda client: client.rerun("j1", {"recipe.seed": 4}),
    ],
    ids=["submit", "submit_many", "retry", "rerun"],
)
async def test_what_makes_jobs_is_repeated_under_one_key(
    call: Callable[[Client | AsyncClient], object],
) -> None:
    good = Answer('{"items": []}') if call.__code__.co_names[0] == "submit_many" else None
    answers = [LOST, AWAY, Answer("<html>", 502), good or Answer(job("queued"), 202)]
    with serving(*answers, *answers) as server:
        with server.client() as client:
            call(client)
        async with AsyncClient(server.url, KEY) as client:
            await call(client)
    keys = [seen.headers["Idempotency-Key"] for seen in server.seen]
    assert len(set(keys[:4])) == len(set(keys[4:])) == 1
    assert len(set(keys)) == 2, "every call has a key of its own"
    assert len({seen.body for seen in server.seen}) == 1


def test_a_key_of_the_callers_is_kept() -> None:
    with serving(LOST, Answer(job("queued"), 202)) as server, server.client() as client:
        client.submit("7f0c", idempotency_key="mine")
    assert [seen.headers["Idempotency-Key"] for seen in server.seen] == ["mine", "mine"]


@pytest.mark.parametrize(
    "busy",
    [
        problem(429, "too-many-requests", "slow down", {"Retry-After": "1"}),
        problem(503, "ledger-unavailable", "away", {"Retry-After": "1"}),
    ],
    ids=["429", "503"],
)
async def test_the_service_says_when_to_come_back(busy: Answer) -> None:
    with serving(busy, Answer(job()), busy, Answer(job())) as server:
        began_s = time.monotonic()
        with server.client() as client:
            client.job("j1")
        async with AsyncClient(server.url, KEY) as client:
            await client.job("j1")
        assert time.monotonic() - began_s >= 2.0


def test_a_wait_longer_than_the_retry_timeout_is_an_error_at_once() -> None:
    busy = problem(429, "too-many-requests", "slow down", {"Retry-After": "600"})
    slow = pytest.raises(TooManyRequests, match="slow down")
    with serving(busy) as server, server.client() as client, slow as caught:
        client.job("j1")
    assert caught.value.retry_after_s == 600
    assert len(server.seen) == 1


async def test_nobody_there() -> None:
    with serving() as server:
        pass
    nobody = pytest.raises(Unavailable, match="is the service running")
    with server.client(retry_timeout_s=0.1) as client, nobody:
        client.jobs()
    async with AsyncClient(server.url, KEY, retry_timeout_s=0.1) as client:
        with pytest.raises(Unavailable):
            await client.jobs()


def test_retries_end() -> None:
    with (
        serving(answer_to=lambda _: AWAY) as server,
        server.client(retry_timeout_s=0.3) as client,
        pytest.raises(Unavailable, match="away"),
    ):
        client.submit("7f0c")
    assert len(server.seen) > 3


@pytest.mark.parametrize("lost", [LOST, AWAY], ids=["answer lost", "503"])
def test_a_new_key_is_never_asked_for_twice(lost: Answer) -> None:
    unsure = pytest.raises(Unavailable)
    with serving(lost, Answer(NEW_KEY, 201)) as server, server.client() as client, unsure:
        client.create_key("eva", ["admin"])
    assert len(server.seen) == 1


def test_a_new_key_that_was_refused_for_haste_is_asked_for_again() -> None:
    busy = problem(429, "too-many-requests", "slow down")
    with serving(busy, Answer(NEW_KEY, 201)) as server, server.client() as client:
        assert client.create_key("eva", ["admin"]).key == "ab12xyz"
    assert len(server.seen) == 2


def test_what_is_gone_after_a_lost_answer_was_deleted() -> None:
    gone = problem(404, "job-not-found", "no job j1")
    with serving(LOST, gone, gone) as server, server.client() as client:
        client.delete("j1")
        with pytest.raises(JobNotFound):
            client.delete("j1")


async def test_waiting_outlives_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = problem(429, "too-many-requests", "slow down", {"Retry-After": "0"})
    answers = Answer(job()), AWAY, LOST, busy, AWAY, Answer(job("failed"))
    with serving(*answers, *answers) as server:
        with server.client() as client:
            assert client.wait("j1").state is JobState.FAILED
        async with AsyncClient(server.url, KEY) as client:
            assert (await client.wait("j1")).state is JobState.FAILED
    monkeypatch.setattr(retry, "MAX_OUTAGE_S", 0.1)
    with (
        serving(answer_to=lambda _: AWAY) as server,
        server.client() as client,
        pytest.raises(Unavailable),
    ):
        client.wait("j1")


async def test_waiting_has_an_end() -> None:
    late = pytest.raises(TimeoutError, match=r"still running after 0\.1 s")
    with serving(answer_to=lambda _: Answer(job())) as server, server.client() as client, late:
        client.wait("j1", timeout_s=0.1)
    began_s = time.monotonic()
    with serving(answer_to=lambda _: AWAY) as server:
        async with AsyncClient(server.url, KEY) as client:
            with pytest.raises(TimeoutError, match="out of reach"):
                await client.wait("j1", timeout_s=0.1)
    assert time.monotonic() - began_s < 15, "the patience of calls does not add to it"
