"""Who may call the API: keys, one-time codes, sessions of browsers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from tests.integration.api_process import KEY, Api, problem
from tests.support.stack import free_port
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin


@pytest.mark.parametrize(
    "header",
    [None, "", "Apikey", "Apikey wrong", f"Bearer {KEY}", KEY, f"Apikey {KEY}x", "Apikey \xe9"],
)
def test_nobody_gets_in_without_the_key(api_alone: Api, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    requests = [
        ("GET", "/api/v1/jobs"),
        ("POST", "/api/v1/jobs"),  # before its body is looked at
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/workers"),
        ("GET", "/api/v1/recipes"),
        ("POST", "/api/v1/session/code"),
        ("GET", "/api/v1/nothing"),
    ]
    for method, path in requests:
        answer = httpx.request(method, api_alone.url + path, headers=headers)
        problem(answer, 401, "access-denied")
        assert answer.headers["www-authenticate"] == "Apikey"


def test_the_live_socket_is_closed_to_strangers(api_alone: Api) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(api_alone.url.replace("http", "ws") + "/api/v1/live"),
    ):
        pass
    assert refused.value.response.status_code == 401


@contextmanager
def new_session(api: Api) -> Iterator[httpx.Client]:
    code = api.client.post("/api/v1/session/code").json()["code"]
    with httpx.Client(base_url=api.url) as browser:
        answer = browser.post("/api/v1/session", json={"code": code})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert re.match(r"exitwave_session=[\w-]{32,};", cookie)
        assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
        again = httpx.post(api.url + "/api/v1/session", json={"code": code})
        problem(again, 401, "access-denied")
        yield browser


def test_a_code_starts_one_session_that_only_our_own_page_can_use(api_alone: Api) -> None:
    with new_session(api_alone) as browser:
        assert browser.get("/api/v1/jobs").status_code == 200
        job = api_alone.submit(scan="7f0c")
        cancel = f"/api/v1/jobs/{job['id']}/cancel"
        other_port = f"http://127.0.0.1:{free_port()}"
        for origin in ({}, {"Origin": other_port}, {"Origin": "null"}, {"Origin": "http://["}):
            problem(browser.post(cancel, headers=origin), 403, "forbidden")
        own = {"Origin": api_alone.url}
        assert browser.post(cancel, headers=own).json()["state"] == "cancelled"
        problem(browser.post("/api/v1/session/code", headers=own), 403, "forbidden")

        cookie = f"exitwave_session={browser.cookies['exitwave_session']}"
        live = api_alone.url.replace("http", "ws") + "/api/v1/live"
        headers = {"Cookie": cookie}
        with pytest.raises(InvalidStatus):
            connect(live, additional_headers=headers, origin=Origin(other_port))
        with connect(live, additional_headers=headers, origin=Origin(api_alone.url)):
            pass


def test_the_key_starts_a_session_and_nothing_else_does(api_alone: Api) -> None:
    def log_in(body: Any, **headers: str) -> httpx.Response:
        return httpx.post(api_alone.url + "/api/v1/session", json=body, headers=headers)

    assert log_in({"key": KEY}).status_code == 204
    assert log_in({"key": KEY}, Origin=api_alone.url).status_code == 204
    problem(log_in({"key": KEY}, Origin="http://evil.example"), 403, "forbidden")
    problem(log_in({"key": "wrong"}), 401, "access-denied")
    problem(log_in({"code": "wrong"}), 401, "access-denied")
    problem(log_in({}), 422, "invalid-input")
    problem(log_in({"key": KEY, "code": "x"}), 422, "invalid-input")
    headers = {"Cookie": "exitwave_session=wrong"}
    answer = httpx.get(api_alone.url + "/api/v1/jobs", headers=headers)
    problem(answer, 401, "access-denied")


def test_no_secret_is_logged(api_alone: Api) -> None:
    code = api_alone.client.post("/api/v1/session/code").json()["code"]
    httpx.get(f"{api_alone.url}/?code={code}")
    httpx.post(f"{api_alone.url}/api/v1/session", json={"code": "wrong", "key": [KEY]})
    text = api_alone.log.read_text()
    assert "http.request" in text
    assert KEY not in text
    assert code not in text


def test_a_refused_log_in_does_not_show_what_was_sent(api_alone: Api) -> None:
    answer = httpx.post(f"{api_alone.url}/api/v1/session", json={"key": ["hush-hush"]})
    problem(answer, 422, "invalid-input")
    assert "hush-hush" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b'{"scan": "7f0c", "overrides": {"recipe": ' + b'{"a":' * 300 + b"1" + b"}" * 302,
        b'{"scan": ' + b"[" * 900 + b"]" * 900 + b"}",
        b"[" * 500_000,
        '{"scan": "7f0c"}'.encode("utf-16"),
        '{"scan": "7f0c"}'.encode("utf-32-be"),
        b'{"scan": "\xff\xfe"}',
        b'{"scan": "7f0c\x00"}',
        b'{"scan": 1' + b"0" * 5000 + b"}",
    ],
    ids=["deep", "deep-scan", "open", "utf-16", "utf-32", "not-utf-8", "nul", "huge-number"],
)
def test_bodies_that_would_hurt_are_refused(api_alone: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api_alone.client.post("/api/v1/jobs", content=body, headers=headers)
    problem(answer, 400, "malformed-request")
    answer = httpx.post(f"{api_alone.url}/api/v1/session", content=body, headers=headers)
    assert answer.status_code in {400, 422}, answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", b"Apikey"),
        ("Authorization", b"Apikey \xff\xfe"),
        ("Authorization", b"Basic b3BlcmF0b3I6"),
        ("Authorization", b"Apikey ew_"),
        ("Cookie", b"exitwave_session"),
        ("Cookie", b"exitwave_session=\xff\xfe; a=\x80"),
        ("Cookie", b'exitwave_session="\\377\\000"'),
        ("Cookie", b"=;;=" * 500),
        ("X-Principal", b"operator"),
    ],
)
def test_forged_headers_open_nothing(api_alone: Api, name: str, value: bytes) -> None:
    headers = [(name.encode(), value), (b"Origin", api_alone.url.encode())]
    for method, path in (
        ("GET", "/api/v1/jobs"),
        ("POST", "/api/v1/jobs"),
        ("GET", "/metrics"),
    ):
        answer = httpx.request(method, api_alone.url + path, headers=headers)
        problem(answer, 401, "access-denied")


def test_headers_that_make_no_sense_are_told(api_alone: Api) -> None:
    for last in ("x", "-", "1-2-3", "9" * 40, "\x80"):
        headers = {"Last-Event-ID": last.encode("latin-1")}
        answer = api_alone.client.get("/api/v1/events", headers=headers)
        problem(answer, 422, "invalid-input")
    for cursor in ("x", "-1", "9" * 40, "\ud800".encode("utf-8", "surrogatepass")):
        answer = api_alone.client.get("/api/v1/jobs", params={"cursor": cursor})
        problem(answer, 422, "invalid-input")
