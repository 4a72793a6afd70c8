"""Streams of events go on behind the last event that was read."""

from __future__ import annotations

import logging
import random

import pytest
from tests.unit.client.http_server import (
    KEY,
    STREAM,
    Answer,
    Seen,
    event,
    problem,
    serving,
)

from exitwave.client import AsyncClient, retry
from exitwave.schema.errors import AccessDenied, JobNotFound, Unavailable

RESET = b'event: reset\nid: 2-0\ndata: {"why": "trimmed"}\n\n'
AWAY = problem(503, "ledger-unavailable", "away")


async def test_events_resume_behind_the_last_one_seen() -> None:
    busy = problem(429, "too-many-requests", "too many streams", {"Retry-After": "0"})
    answers = [
        Answer(b": hello\n\n" + event(1), headers=STREAM, cut=True),
        AWAY,
        busy,
        Answer(RESET + event(3), headers=STREAM),
        Answer(event(4) + event(5, "succeeded", "ended"), headers=STREAM),
    ]
    with serving(*answers, *answers) as server:
        with server.client() as client:
            numbers = [found.id for found in client.events("j1")]
        async with AsyncClient(server.url, KEY) as client:
            assert [found.id async for found in client.events("j1")] == numbers
    assert numbers == ["1-0", "3-0", "4-0", "5-0"]
    resumed = [seen.headers.get("Last-Event-ID") for seen in server.seen]
    assert resumed == [None, "1-0", "1-0", "1-0", "3-0"] * 2


class Stream:
    """The events of one job, cut at any byte; it resumes as the service does."""

    def __init__(self, seed: int, n_events: int) -> None:
        self.random = random.Random(seed)
        self.events = [event(number) for number in range(1, n_events)]
        self.events.append(event(n_events, "succeeded", "ended"))
        self.drops = 0

    def answer(self, seen: Seen) -> Answer:
        after = int(seen.headers.get("Last-Event-ID", "0").partition("-")[0])
        content = b": hello\n\n" + b": still here\n\n".join(self.events[after:])
        cut_at = self.random.randrange(1500)
        if cut_at >= len(content):
            return Answer(content, headers=STREAM)
        self.drops += 1
        # Some connections break, others end like a finished answer.
        return Answer(content[:cut_at], headers=STREAM, cut=self.random.random() < 0.5)


@pytest.mark.parametrize("seed", range(3))
async def test_a_stream_cut_at_random_has_no_gap_and_nothing_twice(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "RECONNECT_S", 0.0)
    expected = [f"{number}-0" for number in range(1, 101)]
    stream = Stream(seed, 100)
    with serving(answer_to=stream.answer) as server, server.client() as client:
        assert [found.id for found in client.events("j1")] == expected
    assert stream.drops >= 20
    stream = Stream(seed, 100)
    with serving(answer_to=stream.answer) as server:
        async with AsyncClient(server.url, KEY) as client:
            assert [found.id async for found in client.events("j1")] == expected


def test_a_stream_lost_before_its_first_event_leaves_no_gap() -> None:
    begun = Answer(b"id: 7-0\n\n", headers=STREAM, cut=True)
    with serving(begun, Answer(event(8), headers=STREAM)) as server, server.client() as client:
        assert next(iter(client.events())).id == "8-0"
    assert server.seen[1].headers["Last-Event-ID"] == "7-0"


def test_lost_events_are_told(caplog: pytest.LogCaptureFixture) -> None:
    answer = Answer(RESET + event(5, "failed", "ended"), headers=STREAM)
    told: list[str] = []
    with serving(answer, answer) as server, server.client() as client:
        list(client.events("j1", "1-0", on_reset=lambda: told.append("reset")))
        assert told == ["reset"]
        assert not caplog.records
        with caplog.at_level(logging.WARNING):
            list(client.events("j1", "1-0"))
        assert "no longer kept" in caplog.text


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(404, "job-not-found", "no job j9"), JobNotFound),
        (problem(401, "access-denied", "the key was revoked"), AccessDenied),
    ],
)
def test_a_refused_stream_is_an_error(answer: Answer, kind: type[Exception]) -> None:
    with (
        serving(Answer(event(1), headers=STREAM), answer) as server,
        server.client() as client,
        pytest.raises(kind),
    ):
        list(client.events("j9"))


async def test_a_stream_that_stays_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "MAX_OUTAGE_S", 0.1)
    with serving() as server:
        pass
    with server.client() as client, pytest.raises(Unavailable, match="no answer from"):
        list(client.events())
    with serving(answer_to=lambda _: AWAY) as server:
        async with AsyncClient(server.url, KEY) as client:
            with pytest.raises(Unavailable, match="away"):
                [found async for found in client.events()]
