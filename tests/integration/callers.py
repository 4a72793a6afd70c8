"""Callers of a running API, each with a key of its own."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from httpx_sse import connect_sse
from tests.integration.api_process import Api
from tests.support.stack import wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

SOON_S = 20.0
"""How long a stream may go on after its key: a few seconds, on a machine that is busy."""


def make_key(api: Api, *scopes: str, owner: str = "ann", **more: Any) -> Any:
    """The answer of ``POST /api/v1/keys``."""
    body = {"owner": owner, "scopes": list(scopes), **more}
    answer = api.client.post("/api/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def client_of(api: Api, key: str) -> httpx.Client:
    """A client with this key."""
    return httpx.Client(
        base_url=api.url, headers={"Authorization": f"Apikey {key}"}, timeout=60
    )


@contextmanager
def caller(api: Api, *scopes: str, owner: str = "ann") -> Iterator[httpx.Client]:
    """A client with a new key."""
    with client_of(api, make_key(api, *scopes, owner=owner)["key"]) as client:
        yield client


@contextmanager
def browser(api: Api, key: str, **more: Any) -> Iterator[httpx.Client]:
    """A page of our own, logged in with a key; it sends its origin as browsers do."""
    with httpx.Client(
        base_url=api.url, headers={"Origin": api.url}, timeout=60, **more
    ) as client:
        answer = client.post("/api/v1/session", json={"key": key})
        assert answer.status_code == 204, answer.text
        yield client


def live_socket(api: Api, key: str) -> ClientConnection:
    """``/api/v1/live`` with a key."""
    return connect(
        api.url.replace("http", "ws") + "/api/v1/live",
        additional_headers={"Authorization": f"Apikey {key}"},
    )


def page_socket(api: Api, page: httpx.Client) -> ClientConnection:
    """``/api/v1/live`` with a page's session."""
    cookie = f"exitwave_session={page.cookies['exitwave_session']}"
    return connect(
        api.url.replace("http", "ws") + "/api/v1/live",
        additional_headers={"Cookie": cookie, "Origin": api.url},
    )


@dataclass
class Listener:
    """Reads an event stream in a thread until the server ends it."""

    client: httpx.Client
    path: str = "/api/v1/events"
    jobs: list[str] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()
        assert self.opened.wait(60)

    def _run(self) -> None:
        with contextlib.suppress(httpx.TransportError):  # the API has gone with its test
            with connect_sse(self.client, "GET", self.path) as source:
                self.opened.set()
                for event in source.iter_sse():
                    if event.data:
                        self.jobs.append(json.loads(event.data)["job_id"])
            self.ended.set()

    def wait_for(self, job_id: str) -> None:
        wait_until(lambda: job_id in self.jobs, f"events of {job_id}")


def close_code(socket: ClientConnection) -> int | None:
    """Why the server closed a socket, which it must within `SOON_S`."""
    deadline = time.monotonic() + SOON_S
    try:
        while True:
            json.loads(socket.recv(timeout=max(0.01, deadline - time.monotonic())))
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def next_problem(socket: ClientConnection) -> Any:
    """The next message that says what could not be met, which must come within `SOON_S`."""
    deadline = time.monotonic() + SOON_S
    while True:
        message = json.loads(socket.recv(timeout=max(0.01, deadline - time.monotonic())))
        if message["kind"] == "problem":
            return message
