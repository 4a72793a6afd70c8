"""The API on a real queue and Tiled: submissions, lists, bad input."""

from __future__ import annotations

import time
import uuid
from typing import Any

import httpx
import pytest
from tests.integration.api_process import Api, problem, take_all
from tests.support.stack import TiledServer
from tiled.client import from_uri

from exitwave.schema.job import Failure, Quality, Result
from exitwave.simulated_beamline.play import PlayedScan


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
        claimed.id, 1, "w", "failed", failure=Failure(slug="diverged", message="loss is nan")
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
        ({"scan": "s", "priority": False}, 422, "invalid-input", "priority", ["integer"]),
        ({"scan": True}, 422, "invalid-input", "scan", ["True", "string"]),
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


@pytest.fixture(scope="session")
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
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("overlap", "halves"), [(0.6, "frames"), (0.59, "counts"), (None, "counts")]
)
def test_overlap_decides_what_an_frc_splits(
    api: Api, played: PlayedScan, overlap: float | None, halves: str
) -> None:
    take_all(api)
    parent = api.submit(scan=played.uid, priority=0, tags=["a"])
    problem(api.client.post(f"/api/v1/jobs/{parent['id']}/frc"), 409, "transition-not-allowed")
    succeed(api, overlap)
    answer = api.client.post(f"/api/v1/jobs/{parent['id']}/frc")
    job = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    spec = job["spec"]
    assert (spec["kind"], spec["parent"]) == ("frc", parent["id"])
    assert (spec["halves"], spec["priority"], spec["tags"]) == (halves, 9, [])
    assert spec["scan"] == parent["spec"]["scan"]


def test_an_frc_that_ended_without_a_result_can_be_asked_for_again(
    api: Api, played: PlayedScan
) -> None:
    take_all(api)
    path = f"/api/v1/jobs/{api.submit(scan=played.uid)['id']}/frc"
    succeed(api, 0.7)
    first = api.client.post(path).json()
    assert api.client.post(path).json() == first
    api.client.post(f"/api/v1/jobs/{first['id']}/cancel")
    second = api.client.post(path).json()
    assert second["id"] != first["id"]
    succeed(api, None)
    assert api.client.post(path).json()["id"] == second["id"]


def test_an_frc_stays_with_the_scan_that_was_reconstructed(api_alone: Api) -> None:
    """Tiled is away: what was typed may by the time of the FRC mean a newer scan."""
    take_all(api_alone)
    parent = api_alone.submit(scan=4242)
    succeed(api_alone, 0.7)
    spec = api_alone.client.post(f"/api/v1/jobs/{parent['id']}/frc").json()["spec"]
    assert parent["spec"]["scan"]["uid"] == "4242"
    assert spec["scan"]["uid"] == "the-uid"


def succeed(api: Api, overlap: float | None) -> None:
    """Do the next job as a worker."""
    job = api.ledger.claim("w", "cpu")
    assert job is not None
    quality = Quality(overlap=overlap)
    result = Result(node=f"ptycho/the-uid/{job.id}/a1", attempt=1, epochs=3, quality=quality)
    api.ledger.finish(job.id, 1, "w", "succeeded", result=result)
