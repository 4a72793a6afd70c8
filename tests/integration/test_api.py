"""The API as a real process, on a real queue and a real Tiled with a played scan."""

from __future__ import annotations

import json
import re
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from httpx_sse import ServerSentEvent, connect_sse
from tests.integration.own_server import OwnServer
from tests.stack import (
    TiledServer,
    answers,
    clean_environment,
    free_port,
    running,
    tail,
    wait_until,
)
from tiled.client import from_uri
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from exitwave.api.server import run_api
from exitwave.beamline.play import PlayedScan, play
from exitwave.ledger import Ledger
from exitwave.schema.errors import UsageError
from exitwave.schema.job import Failure, Progress, Result
from exitwave.settings.service import LedgerSettings, Settings, TiledSettings

KEY = "sesame-3f9a"
PROGRAM = (
    "from exitwave.settings.service import load_settings; "
    "from exitwave.api.server import run_api; run_api(load_settings())"
)
LEASE_S = 2.0


@dataclass(frozen=True)
class Api:
    """A running API, with its queue's inside for the test to act as a worker."""

    url: str
    client: httpx.Client
    ledger: Ledger
    redis_root: str
    log: Path

    def submit(self, **body: Any) -> Any:
        answer = self.client.post("/api/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()


@contextmanager
def running_api(directory: Path, ledger_uri: str, tiled: TiledSettings) -> Iterator[Api]:
    url, prefix = f"http://127.0.0.1:{free_port()}", uuid.uuid4().hex[:12]
    env = clean_environment(
        EXITWAVE_API_KEY=KEY,
        EXITWAVE__API__PORT=url.rpartition(":")[2],
        EXITWAVE__LEDGER__URI=ledger_uri,
        EXITWAVE__LEDGER__PREFIX=prefix,
        EXITWAVE__LEDGER__LEASE_S=str(LEASE_S),
        EXITWAVE__TILED__URI=tiled.uri,
        EXITWAVE__TILED__API_KEY=tiled.api_key.get_secret_value(),
    )
    values = {"uri": ledger_uri, "prefix": prefix, "lease_s": LEASE_S}
    log = directory / "api.log"
    with (
        running([sys.executable, "-c", PROGRAM], owner=directory, env=env, log=log) as process,
        httpx.Client(
            base_url=url, headers={"Authorization": f"Apikey {KEY}"}, timeout=60
        ) as client,
        Ledger(LedgerSettings.model_validate(values)) as ledger,
    ):
        wait_until(
            lambda: answers(f"{url}/livez") or process.poll() is not None, "the API", log=log
        )
        assert process.poll() is None, tail(log)
        yield Api(url, client, ledger, f"{{{prefix}}}", log)


@pytest.fixture(scope="module")
def played(tiled_server: TiledServer) -> PlayedScan:
    settings = Settings(data_dir=tiled_server.data_dir, tiled=tiled_server.settings)
    return play(settings, duration_s=1.0)


@pytest.fixture(scope="module")
def api(
    valkey_uri: str, tiled_server: TiledServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    directory = tmp_path_factory.mktemp("api")
    with running_api(directory, valkey_uri, tiled_server.settings) as running_one:
        yield running_one


@pytest.fixture(scope="module")
def api_alone(valkey_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API whose Tiled is away."""
    nowhere = TiledSettings.model_validate({"uri": f"http://127.0.0.1:{free_port()}"})
    with running_api(tmp_path_factory.mktemp("api-alone"), valkey_uri, nowhere) as running_one:
        yield running_one


def problem(answer: httpx.Response, status: int, slug: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["status"]) == (f"urn:exitwave:problem:{slug}", status)
    assert body["title"]
    assert body["detail"]
    return body


def take_all(api: Api) -> None:
    """Empty the queue for tests that act as a worker."""
    for job in api.ledger.list(limit=200).jobs:
        if not job.state.terminal:
            api.ledger.cancel(job.id)


# Submitting


def test_a_played_scan_is_submitted_and_resolved(api: Api, played: PlayedScan) -> None:
    answer = api.client.post(
        "/api/v1/jobs",
        json={
            "scan": played.uid[:12],
            "overrides": {"recipe.seed": 3, "data.subset": "even"},
            "priority": 0,
            "tags": ["live"],
        },
    )
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    spec = job["spec"]
    assert spec["scan"]["uid"] == played.uid
    assert spec["scan"]["scan_id"] == played.scan_id
    assert spec["scan"]["n_frames"] == played.n_frames
    assert spec["recipe"]["seed"] == 3
    assert spec["recipe"]["stages"]  # whole, not only what was asked for
    assert spec["data"]["subset"] == "even"
    assert (spec["priority"], spec["tags"]) == (0, ["live"])
    assert job["state"] == "queued"
    assert api.client.get(answer.headers["location"]).json() == job

    by_number = api.submit(scan=played.scan_id)
    assert by_number["spec"]["scan"]["uid"] == played.uid
    page = api.client.get("/api/v1/jobs", params={"scan": played.uid, "limit": 1}).json()
    assert [each["id"] for each in page["jobs"]] == [by_number["id"]]
    params = {"scan": played.uid, "limit": 1, "cursor": page["cursor"]}
    page = api.client.get("/api/v1/jobs", params=params).json()
    assert [each["id"] for each in page["jobs"]] == [job["id"]]


def test_cancel_is_accepted_and_conflicts_are_told(api: Api, played: PlayedScan) -> None:
    take_all(api)
    job = api.submit(scan=played.uid)
    for _ in range(2):
        answer = api.client.post(f"/api/v1/jobs/{job['id']}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    page = api.client.get("/api/v1/jobs", params={"state": "cancelled"}).json()
    assert job["id"] in [each["id"] for each in page["jobs"]]

    done = api.submit(scan=played.uid)
    claimed = api.ledger.claim("w", "cpu")
    assert claimed is not None
    api.ledger.finish(
        claimed.id, 1, "failed", failure=Failure(slug="diverged", message="loss is nan")
    )
    found = problem(
        api.client.post(f"/api/v1/jobs/{done['id']}/cancel"), 409, "transition-not-allowed"
    )
    assert "failed" in found["detail"]
    shown = api.client.get(f"/api/v1/jobs/{done['id']}").json()
    assert shown["failure"] == {"slug": "diverged", "message": "loss is nan"}


def test_idempotency_key(api: Api, played: PlayedScan) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"scan": played.uid, "tags": ["once"]}

    def post(body: dict[str, Any]) -> httpx.Response:
        return api.client.post("/api/v1/jobs", json=body, headers=headers)

    first, again = post(body), post(body)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    found = problem(post({**body, "priority": 1}), 422, "invalid-input")
    assert found["key"] == "Idempotency-Key"
    assert first.json()["id"] in found["expected"]


@pytest.mark.parametrize(
    ("body", "status", "slug", "key", "words"),
    [
        ({}, 422, "invalid-input", "scan", ["required"]),
        ({"scan": ""}, 422, "invalid-input", "scan", ["uid"]),
        ({"scan": ["a"]}, 422, "invalid-input", "scan", ["['a']", "string"]),
        ({"scan": "s", "scam": 1}, 422, "invalid-input", "scam", ["unknown key"]),
        ({"scan": "s", "priority": 11}, 422, "invalid-input", "priority", ["11", "9"]),
        ({"scan": "s", "recipe": "nope"}, 404, "recipe-not-found", None, ["nope", "default"]),
        (
            {"scan": "s", "overrides": {"recipe.sead": 1}},
            422,
            "recipe-invalid",
            "recipe.sead",
            ["unknown key", "seed"],
        ),
        (
            {"scan": "s", "overrides": {"recipe.probe_states": 99}},
            422,
            "recipe-invalid",
            "recipe.probe_states",
            ["99", "from 1 to 32"],
        ),
        (
            {"scan": "s", "overrides": {"recipe.probe_states": 10**400}},
            422,
            "recipe-invalid",
            "recipe.probe_states",
            ["from 1 to 32"],
        ),
        (
            {"scan": "s", "overrides": {"recipe.stages.².epochs": 1}},
            422,
            "invalid-input",
            "recipe.stages.².epochs",
            ["index"],
        ),
        (
            {"scan": "s", "overrides": {"data.subset": "some"}},
            422,
            "invalid-input",
            "data.subset",
            ["some", "'even'"],
        ),
        (
            {"scan": "s", "overrides": {"geometry.energy_eV": -1}},
            422,
            "geometry-invalid",
            "geometry.energy_eV",
            ["-1", "eV"],
        ),
        (
            {"scan": "s", "overrides": {"recipy.seed": 1}},
            422,
            "invalid-input",
            "overrides.recipy.seed",
            ["recipe."],
        ),
    ],
)
def test_wrong_values_are_named(
    api_alone: Api, body: Any, status: int, slug: str, key: str | None, words: list[str]
) -> None:
    found = problem(api_alone.client.post("/api/v1/jobs", json=body), status, slug)
    assert found.get("key") == key
    for word in words:
        assert word in found["detail"]
    assert not api_alone.ledger.list(scan="s").jobs


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"{scan: 1}", "application/json"),
        (b"", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'"a scan"', "application/json"),
        (b"[]", "application/json"),
        (b'{"scan": "s"}', "text/plain"),
    ],
)
def test_a_body_that_is_no_json_object_is_malformed(
    api_alone: Api, content: bytes, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    answer = api_alone.client.post("/api/v1/jobs", content=content, headers=headers)
    assert "JSON" in problem(answer, 400, "malformed-request")["detail"]


@pytest.mark.parametrize(
    "content",
    [
        b'{"scan": "s", "overrides": {"recipe.seed": NaN}}',
        b'{"scan": "s", "overrides": {"recipe.description": "\\ud800"}}',
        b'{"scan": "\\ud800"}',
    ],
)
def test_json_that_cannot_be_stored_is_refused(api_alone: Api, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api_alone.client.post("/api/v1/jobs", content=content, headers=headers)
    problem(answer, 422, "invalid-input")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused(api_alone: Api, announced: bool) -> None:
    piece = b" " * 400_000
    content = piece * 3 if announced else iter([piece] * 3)
    answer = api_alone.client.post("/api/v1/jobs", content=content)
    assert "1000000" in problem(answer, 413, "body-too-large")["detail"]


@pytest.fixture(scope="module")
def odd_runs(tiled_server: TiledServer, played: PlayedScan) -> dict[str, str]:
    """Uids of runs that cannot be reconstructed. `/raw` exists once a scan was played."""
    raw = from_uri(tiled_server.uri, api_key=tiled_server.api_key)["raw"]

    def add(**documents: Any) -> str:
        uid = str(uuid.uuid4())
        start = {"uid": uid, "time": time.time(), "scan_id": 900}
        raw.create_container(uid, metadata={"start": start, **documents})
        return uid

    return {
        "no stop": add(),
        "no frames": add(stop={"uid": str(uuid.uuid4()), "exit_status": "success"}),
    }


def test_scans_that_cannot_be_used_are_refused(api: Api, odd_runs: dict[str, str]) -> None:
    def post(scan: str | int) -> httpx.Response:
        return api.client.post("/api/v1/jobs", json={"scan": scan})

    unknown = str(uuid.uuid4())
    assert unknown in problem(post(unknown), 404, "scan-not-found")["detail"]
    problem(post(123456789), 404, "scan-not-found")
    problem(post("../../etc"), 404, "scan-not-found")
    unfinished = problem(post(odd_runs["no stop"]), 409, "scan-not-finished")
    assert odd_runs["no stop"] in unfinished["detail"]
    problem(post(odd_runs["no frames"]), 422, "data-invalid")


def test_with_tiled_away_a_submission_is_accepted_as_asked(api_alone: Api) -> None:
    job = api_alone.submit(scan="7f0c3f2e")
    assert job["spec"]["scan"] == {
        "uid": "7f0c3f2e",
        "scan_id": None,
        "sample": "",
        "path": "raw/7f0c3f2e",
        "n_frames": None,
    }


def test_no_such_job(api_alone: Api) -> None:
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        answer = api_alone.client.request(method, f"/api/v1/jobs/nobody{path}")
        assert "nobody" in problem(answer, 404, "job-not-found")["detail"]


def test_lists_refuse_nonsense(api_alone: Api) -> None:
    for params in ({"cursor": "x"}, {"limit": "0"}, {"limit": "201"}, {"state": "gone"}):
        answer = api_alone.client.get("/api/v1/jobs", params=params)
        assert problem(answer, 422, "invalid-input")["key"] == next(iter(params))


def test_the_frameworks_errors_are_problems_too(api_alone: Api) -> None:
    problem(api_alone.client.get("/api/v1/nothing"), 404, "not-found")
    answer = api_alone.client.delete("/api/v1/jobs")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"]


# Access


@pytest.mark.parametrize(
    "header",
    [None, "", "Apikey", "Apikey wrong", f"Bearer {KEY}", KEY, f"Apikey {KEY}x", "Apikey \xe9"],
)
def test_nobody_gets_in_without_the_key(api_alone: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
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
            problem(browser.post(cancel, headers=origin), 401, "access-denied")
        own = {"Origin": api_alone.url}
        assert browser.post(cancel, headers=own).json()["state"] == "cancelled"
        problem(browser.post("/api/v1/session/code", headers=own), 401, "access-denied")

        cookie = f"exitwave_session={browser.cookies['exitwave_session']}"
        live = api_alone.url.replace("http", "ws") + "/api/v1/live"
        with pytest.raises(InvalidStatus):
            connect(live, additional_headers={"Cookie": cookie}, origin=other_port)  # type: ignore[arg-type]
        with connect(live, additional_headers={"Cookie": cookie}, origin=api_alone.url):  # type: ignore[arg-type]
            pass


def test_the_key_starts_a_session_and_nothing_else_does(api_alone: Api) -> None:
    def log_in(body: Any, **headers: str) -> httpx.Response:
        return httpx.post(api_alone.url + "/api/v1/session", json=body, headers=headers)

    assert log_in({"key": KEY}).status_code == 204
    assert log_in({"key": KEY}, Origin=api_alone.url).status_code == 204
    problem(log_in({"key": KEY}, Origin="http://evil.example"), 401, "access-denied")
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


# Events


def read_events(
    api: Api, path: str, last: str | None = None, enough: int | None = None
) -> list[ServerSentEvent]:
    headers = {} if last is None else {"Last-Event-ID": last}
    found: list[ServerSentEvent] = []
    with connect_sse(api.client, "GET", path, headers=headers) as source:
        source.response.raise_for_status()
        for event in source.iter_sse():
            found.append(event)
            if len(found) == enough:
                break
    return found


def run_one(api: Api) -> str:
    take_all(api)
    job_id: str = api.submit(scan="evented")["id"]
    claimed = api.ledger.claim("w", "cpu")
    assert claimed is not None
    assert claimed.id == job_id
    api.ledger.beat(job_id, 1, "w", Progress(phase="reconstructing", epoch=1, epochs=2))
    api.ledger.finish(
        job_id, 1, "succeeded", result=Result(node="ptycho/x", attempt=1, epochs=2)
    )
    return job_id


def test_a_jobs_events_replay_and_end(api_alone: Api) -> None:
    job_id = run_one(api_alone)
    run_one(api_alone)
    path = f"/api/v1/jobs/{job_id}/events"
    events = read_events(api_alone, path)
    assert [e.event for e in events] == ["submitted", "started", "progress", "ended"]
    last = json.loads(events[-1].data)
    assert (last["job_id"], last["state"], last["id"]) == (job_id, "succeeded", events[-1].id)
    assert json.loads(events[2].data)["progress"]["epoch"] == 1
    resumed = read_events(api_alone, path, last=events[1].id)
    assert [e.id for e in resumed] == [e.id for e in events[2:]]
    after_the_end = read_events(api_alone, path, last=events[-1].id)
    assert [e.event for e in after_the_end] == ["ended"]


def test_events_arrive_as_they_happen(api_alone: Api) -> None:
    take_all(api_alone)
    job_id = api_alone.submit(scan="live")["id"]
    path = f"/api/v1/jobs/{job_id}/events"
    found = []
    with connect_sse(api_alone.client, "GET", path) as source:
        for event in source.iter_sse():
            found.append(event.event)
            if event.event == "submitted":
                assert api_alone.ledger.claim("w", "cpu") is not None
            elif event.event == "started":
                api_alone.ledger.cancel(job_id)
            elif event.event == "cancel_requested":
                api_alone.ledger.finish(job_id, 1, "cancelled")
    assert found == ["submitted", "started", "cancel_requested", "ended"]


def test_all_events_replay_from_any_id_without_a_gap(api_alone: Api) -> None:
    start = api_alone.ledger.last_event_id()
    run_one(api_alone)
    run_one(api_alone)
    expected = [event.id for event in api_alone.ledger.events(start)]
    for index in (0, 3, len(expected) - 2):
        rest = expected[index + 1 :]
        got = read_events(api_alone, "/api/v1/events", last=expected[index], enough=len(rest))
        assert [e.id for e in got] == rest
    for nonsense in ("x", "-1", "1-1-1"):
        answer = api_alone.client.get("/api/v1/events", headers={"Last-Event-ID": nonsense})
        problem(answer, 422, "invalid-input")


def test_a_replay_from_before_what_is_kept_says_so(api_alone: Api, valkey_uri: str) -> None:
    run_one(api_alone)
    first = api_alone.ledger.first_event_id()
    job_id = run_one(api_alone)
    with redis.Redis.from_url(valkey_uri) as server:
        server.xtrim(f"{api_alone.redis_root}:events", maxlen=1, approximate=False)
    events = read_events(api_alone, "/api/v1/events", last=first, enough=2)
    assert [e.event for e in events] == ["reset", "ended"]
    assert [e.event for e in read_events(api_alone, f"/api/v1/jobs/{job_id}/events")] == [
        "ended"
    ]


# The service around it


def test_workers_and_recipes_are_listed(api_alone: Api) -> None:
    api_alone.ledger.presence("w", "cuda:0", "busy", "job")
    (worker,) = api_alone.client.get("/api/v1/workers").json()["workers"]
    assert (worker["name"], worker["device"], worker["job_id"]) == ("w", "cuda:0", "job")
    recipes = api_alone.client.get("/api/v1/recipes").json()["recipes"]
    default = next(each for each in recipes if each["name"] == "default")
    assert default["description"]
    assert default["recipe"]["stages"]


def test_health(api: Api, api_alone: Api) -> None:
    assert httpx.get(api.url + "/livez").json() == {"alive": True}
    assert httpx.get(api.url + "/readyz").json() == {"ledger": "ready", "tiled": "ready"}
    found = problem(httpx.get(api_alone.url + "/readyz"), 503, "unavailable")
    assert (found["ledger"], found["tiled"]) == ("ready", "away")


def test_the_schema_is_there_and_no_page_of_documentation_from_elsewhere(api: Api) -> None:
    schema = httpx.get(api.url + "/openapi.json").json()
    for path in ("/api/v1/jobs", "/api/v1/jobs/{job_id}/events", "/api/v1/session"):
        assert path in schema["paths"]
    assert schema["paths"]["/api/v1/jobs"]["post"]["security"] == [{"Apikey": []}]
    assert httpx.get(api.url + "/docs").status_code == 404
    assert httpx.get(api.url + "/redoc").status_code == 404


def test_the_api_is_the_clock_that_takes_jobs_from_silent_workers(api_alone: Api) -> None:
    take_all(api_alone)
    job_id = api_alone.submit(scan="7f0c")["id"]
    assert api_alone.ledger.claim("silent", "cpu") is not None

    def back() -> bool:
        state: str = api_alone.client.get(f"/api/v1/jobs/{job_id}").json()["state"]
        return state == "queued"

    wait_until(back, "the job to go back", within_s=30)


def test_the_queue_may_go_and_come_back(tmp_path: Path) -> None:
    (tmp_path / "valkey").mkdir()
    server = OwnServer(tmp_path / "valkey")
    nowhere = TiledSettings.model_validate({"uri": f"http://127.0.0.1:{free_port()}"})
    try:
        with running_api(tmp_path, server.uri, nowhere) as api:
            job = api.submit(scan="kept")
            server.kill()
            for method, path in (
                ("GET", "/api/v1/jobs"),
                ("POST", "/api/v1/jobs"),
                ("GET", "/api/v1/events"),
            ):
                answer = api.client.request(method, path, json={"scan": "7f0c"})
                problem(answer, 503, "ledger-unavailable")
                assert int(answer.headers["retry-after"]) > 0
            assert httpx.get(api.url + "/livez").status_code == 200
            found = problem(httpx.get(api.url + "/readyz"), 503, "unavailable")
            assert found["ledger"] == "away"
            server.start()
            assert api.client.get(f"/api/v1/jobs/{job['id']}").json() == job
            assert len(api.client.get("/api/v1/jobs").json()["jobs"]) == 1
    finally:
        server.kill()


def test_it_stops_while_a_stream_is_open(valkey_uri: str, tmp_path: Path) -> None:
    nowhere = TiledSettings.model_validate({"uri": f"http://127.0.0.1:{free_port()}"})
    with (
        running_api(tmp_path, valkey_uri, nowhere) as api,
        api.client.stream("GET", "/api/v1/events") as stream,
    ):
        assert next(stream.iter_bytes()).startswith(b":")
        # leaving `running_api` asks it to stop and fails if it has to be killed
    assert not answers(f"{api.url}/livez")


def test_it_does_not_start_without_a_key_or_a_free_port(
    api_alone: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(api_alone.url.rpartition(":")[2])
    settings = Settings.model_validate({"api": {"port": port}})
    monkeypatch.delenv("EXITWAVE_API_KEY", raising=False)
    with pytest.raises(UsageError, match="EXITWAVE_API_KEY"):
        run_api(settings)
    monkeypatch.setenv("EXITWAVE_API_KEY", KEY)
    with pytest.raises(UsageError, match=str(port)):
        run_api(settings)
