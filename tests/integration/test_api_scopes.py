"""What each scope may do, and whose jobs a caller knows of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.integration.api_process import Api, problem
from tests.integration.callers import (
    Listener,
    caller,
    client_of,
    live_socket,
    make_key,
    next_problem,
)
from tests.support.api_routes import BODIES, ROUTES
from websockets.exceptions import InvalidStatus

from exitwave.schema.access import Scope

IMPLIED = {
    "control:jobs": {"control:jobs", "read:jobs", "write:jobs"},
    "admin": set(Scope),
}
HTTP_ROUTES = sorted((route for route in ROUTES if route[0] != "WEBSOCKET"), key=str)


@pytest.fixture(scope="module")
def holders(api_alone: Api) -> Iterator[dict[str, httpx.Client]]:
    """One client for each scope, with a key that has only this one."""
    keys = {scope: make_key(api_alone, scope, owner="ann")["key"] for scope in Scope}
    clients = {scope.value: client_of(api_alone, key) for scope, key in keys.items()}
    yield clients
    for client in clients.values():
        client.close()


NOBODYS = "01aaaaaaaaaaaaaaaaaaaaaaaa"


def status_and_body(
    client: httpx.Client, method: str, path: str, job_id: str = NOBODYS
) -> tuple[int, Any]:
    """Of a route; an event stream is left as soon as it has begun."""
    route = path.format(job_id=job_id, name="nobody", key_id="0" * 10)
    with client.stream(method, route, json=BODIES.get((method, path))) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer.status_code, None
        text = answer.read()
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.status_code, json.loads(text) if text and is_json else None


@pytest.mark.parametrize(("method", "path"), HTTP_ROUTES)
def test_each_scope_opens_its_routes_and_no_others(
    holders: dict[str, httpx.Client], method: str, path: str
) -> None:
    needed = ROUTES[method, path]
    for held, client in holders.items():
        status, body = status_and_body(client, method, path)
        if needed is None or needed in IMPLIED.get(held, {held}):
            assert status < 500, (held, body)
            assert status not in {401, 403, 422}, (held, body)
        else:
            assert status == 403, (held, status, body)
            assert body["type"] == "urn:exitwave:problem:forbidden"
            assert body["detail"] == (
                f"scope: found {held}; expected {needed} for this request"
            )


def test_the_live_socket_asks_for_a_scope(api_alone: Api) -> None:
    key = make_key(api_alone, "write:jobs", "read:workers")["key"]
    with pytest.raises(InvalidStatus) as refused, live_socket(api_alone, key):
        pass
    response = refused.value.response
    assert response.status_code == 403
    assert b"expected read:jobs" in (response.body or b"")
    with live_socket(api_alone, make_key(api_alone, "read:jobs")["key"]) as socket:
        assert json.loads(socket.recv(timeout=60))["kind"] == "tick"


def test_others_jobs_are_not_there(api_alone: Api) -> None:
    with (
        caller(api_alone, "read:jobs", "write:jobs", owner="ann") as ann,
        caller(api_alone, "read:jobs", "write:jobs", owner="ben") as ben,
        caller(api_alone, "control:jobs", owner="cleo") as cleo,
    ):
        job_id = ann.post("/api/v1/jobs", json={"scan": "7f0c"}).json()["id"]
        for method, path in HTTP_ROUTES:
            if "{job_id}" in path:
                hidden = status_and_body(ben, method, path, job_id)
                missing = status_and_body(ben, method, path)
                assert (hidden[0], missing[0]) == (404, 404), (method, path, hidden)
                as_missing = hidden[1]["detail"].replace(job_id, NOBODYS)
                assert as_missing == missing[1]["detail"], (method, path)
        assert ann.get(f"/api/v1/jobs/{job_id}").json()["state"] == "queued"
        listed = ben.get("/api/v1/jobs", params={"limit": 200}).json()["jobs"]
        assert {job["owner"] for job in listed} <= {"ben"}
        problem(ben.get("/api/v1/jobs", params={"owner": "ann"}), 403, "forbidden")
        start = {"scan": "7f0c", "start": job_id}
        answer = ben.post("/api/v1/jobs", json=start)
        assert answer.status_code == 404, answer.text

        found = cleo.get("/api/v1/jobs", params={"owner": "ann", "limit": 200}).json()["jobs"]
        assert job_id in {job["id"] for job in found}
        assert cleo.post(f"/api/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"


def test_an_idempotency_key_is_its_owners(api_alone: Api) -> None:
    with (
        caller(api_alone, "write:jobs", owner="ann") as ann,
        caller(api_alone, "write:jobs", owner="ben") as ben,
    ):
        header = {"Idempotency-Key": "the same for both"}
        mine, theirs = (
            each.post("/api/v1/jobs", json={"scan": "7f0c"}, headers=header).json()
            for each in (ann, ben)
        )
        assert mine["id"] != theirs["id"]
        assert (mine["owner"], theirs["owner"]) == ("ann", "ben")


def test_an_event_stream_tells_of_ones_own_jobs(api_alone: Api) -> None:
    with (
        caller(api_alone, "read:jobs", "write:jobs", owner="dora") as dora,
        caller(api_alone, "read:jobs", "write:jobs", owner="emil") as emil,
        caller(api_alone, "control:jobs", owner="fay") as fay,
    ):
        of_emil, of_fay = Listener(emil), Listener(fay)
        hers = dora.post("/api/v1/jobs", json={"scan": "7f0c"}).json()["id"]
        his = emil.post("/api/v1/jobs", json={"scan": "7f0c"}).json()["id"]
        of_emil.wait_for(his)
        of_fay.wait_for(his)
        assert set(of_emil.jobs) == {his}
        assert {hers, his} <= set(of_fay.jobs)


def test_live_pictures_are_of_ones_own_jobs(api_alone: Api) -> None:
    gil = make_key(api_alone, "read:jobs", owner="gil")["key"]
    with (
        caller(api_alone, "write:jobs", owner="gil") as his,
        caller(api_alone, "write:jobs", owner="hal") as another,
        live_socket(api_alone, gil) as socket,
    ):
        hidden = another.post("/api/v1/jobs", json={"scan": "7f0c"}).json()["id"]
        own = his.post("/api/v1/jobs", json={"scan": "7f0c"}).json()["id"]
        told = set()
        while own not in told:
            told.add(json.loads(socket.recv(timeout=60)).get("job_id"))
        assert hidden not in told
        socket.send(json.dumps({"subscribe": [{"job": hidden, "planes": ["loss"]}]}))
        refused = next_problem(socket)
        assert (refused["status"], refused["type"]) == (
            404,
            "urn:exitwave:problem:job-not-found",
        )


def test_a_socket_outlives_messages_that_make_no_sense(api_alone: Api) -> None:
    key = make_key(api_alone, "read:jobs")["key"]
    with live_socket(api_alone, key) as socket:
        for message in (b"\x00\xff", "no JSON", "[" * 5000, '{"ack": "x"}', '{"other": 1}', ""):
            socket.send(message)
            assert next_problem(socket)["status"] in {400, 422}, message
