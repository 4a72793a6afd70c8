"""Keys are made, listed and revoked; sessions and open streams end with them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import redis
from tests.integration.api_process import KEY, Api, problem
from tests.integration.callers import (
    SOON_S,
    Listener,
    browser,
    caller,
    client_of,
    close_code,
    live_socket,
    make_key,
    page_socket,
)
from tests.support.stack import wait_until

from exitwave.api.access.authenticator import Authenticator
from exitwave.ledger import ServiceLedger
from exitwave.ledger.keys import hash_of
from exitwave.schema.errors import AccessDenied
from exitwave.settings.service import LedgerSettings


def test_a_key_is_shown_once_and_only_its_hash_is_kept(api_alone: Api, valkey_uri: str) -> None:
    new = make_key(api_alone, "write:jobs", "read:jobs", "read:jobs", note="beam time 12")
    key, info = new["key"], new["info"]
    assert key.startswith(f"ew_{info['id']}_")
    assert info["scopes"] == ["read:jobs", "write:jobs"]
    with client_of(api_alone, key) as client:
        job = client.post("/api/v1/jobs", json={"scan": "7f0c"}).json()
        assert job["owner"] == "ann"
        who = client.get("/api/v1/session").json()
        assert who == {
            "owner": "ann",
            "scopes": ["read:jobs", "write:jobs"],
            "key_id": info["id"],
            "by": "key",
        }
    listed = api_alone.client.get("/api/v1/keys")
    assert info in listed.json()["keys"]
    secret = key.rpartition("_")[2]
    assert secret not in listed.text
    assert secret not in everything_stored(valkey_uri)
    assert info["id"] in everything_stored(valkey_uri), "or the look would find nothing"
    assert secret not in api_alone.log.read_text()


def everything_stored(valkey_uri: str) -> str:
    """Keys and values of the whole server, as text."""
    with redis.Redis.from_url(valkey_uri) as client:
        parts: list[Any] = []
        for name in client.scan_iter(count=1000):
            parts.append(name)
            kind = client.type(name)
            if kind == b"string":
                parts.append(client.get(name))
            elif kind == b"hash":
                parts.append(client.hgetall(name))
            elif kind == b"stream":
                parts.append(client.xrange(name))
        return repr(parts)


def test_a_revoked_key_opens_nothing(api_alone: Api) -> None:
    new = make_key(api_alone, "read:jobs")
    place = f"/api/v1/keys/{new['info']['id']}"
    with client_of(api_alone, new["key"]) as client:
        assert client.get("/api/v1/jobs").status_code == 200
        assert api_alone.client.delete(place).status_code == 204
        problem(client.get("/api/v1/jobs"), 401, "access-denied")
    problem(api_alone.client.delete(place), 404, "not-found")
    problem(api_alone.client.delete("/api/v1/keys/operator"), 404, "not-found")


def test_a_key_expires(api_alone: Api) -> None:
    new = make_key(api_alone, "read:jobs", expires_in_days=3 / 86_400)
    with client_of(api_alone, new["key"]) as client:
        wait_until(lambda: client.get("/api/v1/jobs").status_code == 401, "the key's end")
        assert "expired" in problem(client.get("/api/v1/jobs"), 401, "access-denied")["detail"]


def test_only_administrators_make_keys(api_alone: Api) -> None:
    every_other = [
        "read:jobs",
        "write:jobs",
        "control:jobs",
        "read:workers",
        "control:workers",
    ]
    body = {"owner": "ann", "scopes": ["read:jobs"]}
    with caller(api_alone, *every_other) as client:
        refused = problem(client.post("/api/v1/keys", json=body), 403, "forbidden")
        assert "expected admin" in refused["detail"]
    with caller(api_alone, "admin") as admin:
        assert admin.post("/api/v1/keys", json=body).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"owner": "ann", "scopes": []},
        {"owner": "ann", "scopes": ["read:everything"]},
        {"owner": "", "scopes": ["read:jobs"]},
        {"owner": "ann\nben", "scopes": ["read:jobs"]},
        {"owner": "ann", "scopes": ["read:jobs"], "expires_in_days": 0},
        {"owner": "ann", "scopes": ["read:jobs"], "expires_in_days": 1e300},
        {"owner": "ann", "scopes": ["read:jobs"], "id": "0" * 10},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(api_alone: Api, body: dict[str, Any]) -> None:
    problem(api_alone.client.post("/api/v1/keys", json=body), 422, "invalid-input")


def test_a_forged_key_is_no_key(api_alone: Api) -> None:
    key, other = (make_key(api_alone, "read:jobs")["key"] for _ in range(2))
    _, key_id, secret = key.split("_")
    _, other_id, _ = other.split("_")
    for forged in (
        f"ew_{other_id}_{secret}",
        f"ew_{key_id}_{'0' * 40}",
        f"ew_{key_id}_{secret[:-1]}",
        f"ew_{key_id}_{secret}0",
        f"ew_operator00_{secret}",
        f"ew_{'0' * 10}_{secret}",
        key.upper(),
        "operator",
        "ew_" + "z" * 5000,
    ):
        with client_of(api_alone, forged) as client:
            answer = client.get("/api/v1/jobs")
            problem(answer, 401, "access-denied")
            assert secret not in answer.text


@pytest.mark.parametrize("record", [b'{"secret_hash": 3', b"\xff\xfe{}", b"{}", b""])
def test_a_corrupt_record_of_a_key_is_reported(
    api_alone: Api, valkey_uri: str, record: bytes
) -> None:
    new = make_key(api_alone, "read:jobs")
    key_id = new["info"]["id"]
    with redis.Redis.from_url(valkey_uri) as client:
        client.hset(f"{api_alone.redis_root}:keys", key_id, record)
    with client_of(api_alone, new["key"]) as client:
        found = problem(client.get("/api/v1/jobs"), 500, "ledger-corrupt")
        assert key_id in found["detail"]
    listed = api_alone.client.get("/api/v1/keys").json()
    assert key_id in listed["corrupt"]
    assert key_id not in {info["id"] for info in listed["keys"]}
    assert api_alone.client.delete(f"/api/v1/keys/{key_id}").status_code == 204


def test_a_session_has_the_scopes_of_its_key_and_ends_with_it(api_alone: Api) -> None:
    new = make_key(api_alone, "read:jobs", owner="ben")
    with browser(api_alone, new["key"]) as page:
        assert page.get("/api/v1/jobs").status_code == 200
        problem(page.post("/api/v1/jobs", json={"scan": "7f0c"}), 403, "forbidden")
        who = page.get("/api/v1/session").json()
        assert (who["owner"], who["key_id"], who["by"]) == ("ben", new["info"]["id"], "session")
        api_alone.client.delete(f"/api/v1/keys/{new['info']['id']}")
        problem(page.get("/api/v1/jobs"), 401, "access-denied")


def test_a_session_makes_nothing_that_outlives_it(api_alone: Api) -> None:
    with browser(api_alone, KEY) as page:
        body = {"owner": "ann", "scopes": ["read:jobs"]}
        problem(page.post("/api/v1/keys", json=body), 403, "forbidden")
        problem(page.post("/api/v1/session/code"), 403, "forbidden")
        assert page.get("/api/v1/keys").status_code == 200


async def test_the_operators_sessions_end_when_the_key_is_replaced(
    ledger_settings: LedgerSettings,
) -> None:
    async with ServiceLedger(ledger_settings) as ledger:
        before, after = (
            Authenticator(ledger, ledger_settings, key, session_hours=1)
            for key in ("old", "new")
        )
        operator = await before.authenticate_key("old")
        token = await before.create_session(operator)
        code = await before.create_code(operator)
        session = await before.authenticate_session(hash_of(token))
        assert (session.name, session.by, session.key_id) == ("operator", "session", "operator")
        with pytest.raises(AccessDenied):
            await after.authenticate_session(hash_of(token))
        with pytest.raises(AccessDenied):
            await after.authenticate_code(code)
        assert not await after.is_valid(session)
        assert not await after.is_valid(operator)
        assert await before.is_valid(session)


def test_a_page_logs_out(api_alone: Api) -> None:
    with browser(api_alone, KEY) as page, httpx.Client(base_url=api_alone.url) as thief:
        thief.cookies = httpx.Cookies({"exitwave_session": page.cookies["exitwave_session"]})
        assert thief.get("/api/v1/jobs").status_code == 200
        assert page.delete("/api/v1/session").status_code == 204
        assert "exitwave_session" not in page.cookies
        problem(thief.get("/api/v1/jobs"), 401, "access-denied")
    assert api_alone.client.delete("/api/v1/session").status_code == 204
    assert api_alone.client.get("/api/v1/jobs").status_code == 200, "a key does not log out"


def test_streams_end_when_their_key_is_revoked(api_alone: Api) -> None:
    revoked = make_key(api_alone, "control:jobs")
    place = f"/api/v1/keys/{revoked['info']['id']}"
    with (
        client_of(api_alone, revoked["key"]) as client,
        caller(api_alone, "control:jobs") as another,
        browser(api_alone, revoked["key"]) as page,
        live_socket(api_alone, revoked["key"]) as socket,
        page_socket(api_alone, page) as of_page,
    ):
        first = api_alone.submit(scan="7f0c")["id"]
        streams = [Listener(client), Listener(client, f"/api/v1/jobs/{first}/events")]
        stays = Listener(another)
        assert api_alone.client.delete(place).status_code == 204
        for stream in streams:
            assert stream.ended.wait(SOON_S)
        for each in (socket, of_page):
            assert close_code(each) == 1008
        later = api_alone.submit(scan="7f0c")["id"]
        stays.wait_for(later)
        assert later not in streams[0].jobs
        assert not stays.ended.is_set()
        problem(client.get("/api/v1/events"), 401, "access-denied")


def test_a_key_pasted_where_it_does_not_belong_is_not_logged(api_alone: Api) -> None:
    key = make_key(api_alone, "read:jobs")["key"]
    secret = key.rpartition("_")[2]
    for path in (f"/api/v1/keys/{key}", f"/api/v1/jobs/{key}", f"/api/v1/{key}"):
        answer = api_alone.client.delete(path)
        assert answer.status_code in {404, 405}
        assert secret not in answer.text
    answer = api_alone.client.get("/api/v1/jobs", params={"cursor": key})
    assert secret not in problem(answer, 422, "invalid-input")["found"]
    wait_until(lambda: key[:13] in api_alone.log.read_text(), "the log line")
    assert secret not in api_alone.log.read_text()
