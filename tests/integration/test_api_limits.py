"""Limits: requests and streams of a key, failed log-ins, sessions' length, other sites."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import pytest
from tests.integration.api_process import KEY, Api, nowhere, problem, running_api
from tests.integration.callers import (
    Listener,
    browser,
    caller,
    client_of,
    close_code,
    live_socket,
    make_key,
    next_problem,
    page_socket,
)
from tests.support.stack import wait_until
from websockets.exceptions import InvalidStatus

SITE = "https://logbook.example.org"
SESSION_S = 6
STREAMS = 3


@pytest.fixture(scope="module")
def strict(valkey_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API that allows little."""
    with running_api(
        tmp_path_factory.mktemp("api-strict"),
        valkey_uri,
        nowhere(),
        REQUESTS_PER_S="10",
        STREAMS=str(STREAMS),
        SESSION_HOURS=str(SESSION_S / 3600),
        CORS_ORIGINS=f'["{SITE}"]',
    ) as started:
        yield started


def test_a_key_that_asks_too_often_must_wait(strict: Api) -> None:
    with caller(strict, "read:jobs") as busy, caller(strict, "read:jobs") as calm:
        answers = [busy.get("/api/v1/session") for _ in range(150)]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert refused
        assert [answer.status_code for answer in answers[:30]] == [200] * 30, "a burst may pass"
        problem(refused[0], 429, "too-many-requests")
        assert 1 <= int(refused[0].headers["retry-after"]) <= 3
        assert calm.get("/api/v1/session").status_code == 200
        wait_until(lambda: busy.get("/api/v1/session").status_code == 200, "the next turn")


def test_a_socket_that_asks_too_often_must_wait(strict: Api) -> None:
    key = make_key(strict, "read:jobs")["key"]
    with live_socket(strict, key) as socket:
        for _ in range(150):
            socket.send('{"subscribe": []}')
        assert next_problem(socket)["status"] == 429


def test_a_key_has_so_many_streams(strict: Api) -> None:
    key = make_key(strict, "read:jobs")["key"]
    with client_of(strict, key) as client, contextlib.ExitStack() as sockets:
        for _ in range(STREAMS - 1):
            sockets.enter_context(live_socket(strict, key))
        with client.stream("GET", "/api/v1/events") as stream:
            assert stream.status_code == 200
            refused = problem(client.get("/api/v1/events"), 429, "too-many-requests")
            assert str(STREAMS) in refused["detail"]
            assert client.get("/api/v1/events").headers["retry-after"]
            with pytest.raises(InvalidStatus) as closed, live_socket(strict, key):
                pass
            assert closed.value.response.status_code == 429
            with caller(strict, "read:jobs") as another:
                Listener(another)
        wait_until(lambda: opens(client), "a stream that has become free", within_s=30)


def opens(client: httpx.Client) -> bool:
    with client.stream("GET", "/api/v1/events") as stream:
        return stream.status_code == 200


def test_a_session_ends_by_itself_and_its_streams_with_it(strict: Api) -> None:
    key = make_key(strict, "read:jobs")["key"]
    with browser(strict, key) as page, page_socket(strict, page) as socket:
        cookie = page.cookies["exitwave_session"]
        assert page.get("/api/v1/jobs").status_code == 200
        stream = Listener(page)
        assert stream.ended.wait(SESSION_S + 20)
        assert close_code(socket) == 1008
        headers = {"Cookie": f"exitwave_session={cookie}"}
        answer = httpx.get(f"{strict.url}/api/v1/jobs", headers=headers)
        problem(answer, 401, "access-denied")
    with client_of(strict, key) as client:
        assert client.get("/api/v1/jobs").status_code == 200, "the key goes on"


def test_pages_of_named_sites_may_call_with_a_key(strict: Api, api_alone: Api) -> None:
    asks = {
        "Origin": SITE,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, idempotency-key",
    }
    allowed = httpx.options(f"{strict.url}/api/v1/jobs/x", headers=asks)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == SITE
    assert "access-control-allow-credentials" not in allowed.headers
    listed = strict.client.get("/api/v1/jobs", headers={"Origin": SITE})
    assert listed.headers["access-control-allow-origin"] == SITE
    problem(
        httpx.get(f"{strict.url}/api/v1/jobs", headers={"Origin": SITE}), 401, "access-denied"
    )

    other = {**asks, "Origin": "https://evil.example"}
    refused = httpx.options(f"{strict.url}/api/v1/jobs/x", headers=other)
    assert "access-control-allow-origin" not in refused.headers
    nobody = httpx.options(f"{api_alone.url}/api/v1/jobs/x", headers=asks)
    assert "access-control-allow-origin" not in nobody.headers
    listed = api_alone.client.get("/api/v1/jobs", headers={"Origin": SITE})
    assert listed.status_code == 200
    assert "access-control-allow-origin" not in listed.headers


def test_guessing_at_the_log_in_must_wait(strict: Api) -> None:
    """Last: until a minute later nobody of this address logs in here."""

    def guess(number: int) -> httpx.Response:
        # Who calls is what the network says, not what a header says.
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        body = {"key": f"guess {number}"}
        return httpx.post(f"{strict.url}/api/v1/session", json=body, headers=headers)

    answers = [guess(number) for number in range(20)]
    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    problem(answers[-1], 429, "too-many-requests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    right = httpx.post(f"{strict.url}/api/v1/session", json={"key": KEY})
    problem(right, 429, "too-many-requests")
    assert strict.client.get("/api/v1/jobs").status_code == 200, "keys in headers go on"
