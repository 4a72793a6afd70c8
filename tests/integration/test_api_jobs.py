"""Jobs after their submission: versions, changes, repetitions, what one begins with."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from tests.integration.api_process import Api, problem, take_all

from exitwave.ledger.commands import Command
from exitwave.schema.job import Failure, Job, Outcome, Progress, Result
from exitwave.simulated_beamline.play import PlayedScan


def path_of(job: Any) -> str:
    return f"/api/v1/jobs/{job['id']}"


def claimed(api: Api) -> Job:
    """The next job, by a worker of its own: one that asks twice gets its job again."""
    job = api.ledger.claim(uuid.uuid4().hex, "cpu")
    assert job is not None
    return job


def finish(api: Api, job: Job, outcome: Outcome, result: Result | None = None) -> None:
    failure = Failure(slug="diverged", message="nan") if outcome == "failed" else None
    worker = job.attempts[-1].worker
    api.ledger.finish(job.id, job.attempt, worker, outcome, result=result, failure=failure)


def run_one(api: Api, outcome: Outcome = "succeeded", **body: Any) -> Any:
    """Submit a job and do it as a worker."""
    take_all(api)
    submitted = api.submit(**{"scan": "4242", **body})
    job = claimed(api)
    assert job.id == submitted["id"]
    node = f"ptycho/the-uid/{job.id}/a1"
    result = Result(node=node, attempt=1, epochs=3) if outcome == "succeeded" else None
    finish(api, job, outcome, result)
    return api.client.get(path_of(submitted)).json()


def test_an_etag_spares_what_is_known_and_guards_what_was_seen(api_alone: Api) -> None:
    take_all(api_alone)
    job = api_alone.submit(scan="4242")
    client, path = api_alone.client, path_of(job)
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]

    seen = {"If-Match": first.headers["etag"]}
    changed = client.patch(path, json={"priority": 2}, headers=seen)
    assert (changed.status_code, changed.json()["priority"]) == (200, 2)
    assert changed.headers["etag"] != first.headers["etag"]
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.headers["etag"]) == (200, changed.headers["etag"])
    for method, suffix in (("PATCH", ""), ("POST", "/cancel"), ("POST", "/stop")):
        body = {"priority": 3} if method == "PATCH" else None
        answer = client.request(method, path + suffix, json=body, headers=seen)
        problem(answer, 412, "precondition-failed")
    problem(client.delete(path, headers=seen), 412, "precondition-failed")
    assert client.get(path).json() == changed.json()
    now = {"If-Match": changed.headers["etag"]}
    assert client.post(path + "/cancel", headers=now).json()["state"] == "cancelled"


def test_a_job_that_cannot_be_read_can_be_deleted(api_alone: Api) -> None:
    take_all(api_alone)
    client = api_alone.client
    body = {"owner": "ann", "scopes": ["read:jobs", "write:jobs"]}
    key = client.post("/api/v1/keys", json=body).json()["key"]
    for field, text in (("spec", "{"), ("attempt", "two"), ("owner", "")):
        job = api_alone.submit(scan="4242")
        record = f"{api_alone.redis_root}:job:{job['id']}"
        command = ("HSET", record, field, text) if text else ("HDEL", record, field)
        api_alone.ledger.run(Command(command, int))
        for again in (client.get(path_of(job)), client.post(path_of(job) + "/cancel")):
            assert job["id"] in problem(again, 500, "ledger-corrupt")["detail"]
        others = client.delete(path_of(job), headers={"Authorization": f"Apikey {key}"})
        problem(others, 500, "ledger-corrupt")
        assert client.delete(path_of(job)).status_code == 204
        problem(client.get(path_of(job)), 404, "job-not-found")
    assert client.get("/api/v1/jobs").json()["corrupt"] == []


def test_priority_and_pause_in_one_request(api_alone: Api) -> None:
    take_all(api_alone)
    first, second = api_alone.submit(scan="1", priority=3), api_alone.submit(scan="2")
    answer = api_alone.client.patch(path_of(first), json={"priority": 1, "paused": True})
    assert (answer.json()["priority"], answer.json()["paused"]) == (1, True)
    assert answer.json()["spec"]["priority"] == 3
    assert claimed(api_alone).id == second["id"]
    assert api_alone.ledger.claim("v", "cpu") is None
    answer = api_alone.client.patch(path_of(first), json={"paused": False})
    assert (answer.json()["priority"], answer.json()["paused"]) == (1, False)
    assert claimed(api_alone).id == first["id"]

    running = problem(
        api_alone.client.patch(path_of(first), json={"priority": 7, "paused": True}),
        409,
        "transition-not-allowed",
    )
    assert running["state"] == "running"
    assert api_alone.client.get(path_of(first)).json()["priority"] == 1
    later = api_alone.client.patch(path_of(first), json={"priority": 7})
    assert (later.status_code, later.json()["priority"]) == (200, 7)


def test_stop_and_cancel_tell_the_state_that_forbids_them(api_alone: Api) -> None:
    take_all(api_alone)
    job = api_alone.submit(scan="4242")
    client, path = api_alone.client, path_of(job)
    queued = problem(client.post(path + "/stop"), 409, "transition-not-allowed")
    assert queued["state"] == "queued"
    running = claimed(api_alone)
    stopped = client.post(path + "/stop")
    assert (stopped.status_code, stopped.json()["stop_requested"]) == (202, True)
    worker = running.attempts[0].worker
    assert api_alone.ledger.heartbeat(running.id, 1, worker, Progress(epoch=1)) == "stop"
    result = Result(node="ptycho/x", attempt=1, epochs=1, complete=False)
    finish(api_alone, running, "succeeded", result)
    assert client.post(path + "/stop").json()["state"] == "succeeded"  # it did what was asked
    ended = problem(client.post(path + "/cancel"), 409, "transition-not-allowed")
    assert ended["state"] == "succeeded"
    (attempt,) = client.get(path + "/attempts").json()["attempts"]
    assert (attempt["number"], attempt["worker"], attempt["outcome"]) == (
        1,
        worker,
        "succeeded",
    )


def test_only_an_ended_job_can_be_deleted(api_alone: Api) -> None:
    take_all(api_alone)
    job = api_alone.submit(scan="4242", tags=["to go"])
    client, path = api_alone.client, path_of(job)
    assert problem(client.delete(path), 409, "transition-not-allowed")["state"] == "queued"
    client.post(path + "/cancel")
    assert client.delete(path).status_code == 204
    for method, suffix in (
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/attempts"),
        ("POST", "/retry"),
    ):
        problem(client.request(method, path + suffix), 404, "job-not-found")
    assert client.get("/api/v1/jobs", params={"tag": "to go"}).json()["jobs"] == []


def test_retry_repeats_an_ended_job_as_it_was(api_alone: Api) -> None:
    done = run_one(api_alone, "failed", overrides={"recipe.seed": 5}, tags=["a"], priority=2)
    key = {"Idempotency-Key": uuid.uuid4().hex}
    path = path_of(done) + "/retry"
    answer = api_alone.client.post(path, headers=key)
    again = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == path_of(again)
    assert again["id"] != done["id"]
    assert again["spec"] == {**done["spec"], "retry_of": done["id"]}
    assert again["owner"] == done["owner"]
    refused = problem(
        api_alone.client.post(path_of(again) + "/retry"), 409, "transition-not-allowed"
    )
    assert refused["state"] == "queued"
    assert api_alone.client.post(path, headers=key).json() == again
    assert api_alone.client.post(path).json()["id"] != again["id"]
    take_all(api_alone)
    problem(api_alone.client.post(path_of(again) + "/retry", headers=key), 422, "invalid-input")


def test_rerun_changes_what_is_named_and_keeps_the_rest(api_alone: Api) -> None:
    first = {"recipe.seed": 5, "data.crop_px": 64, "recipe.probe_states": 2}
    done = run_one(api_alone, overrides=first, tags=["a"], priority=2)
    body = {
        "overrides": {"recipe.seed": 6, "data.crop_px": None},
        "recipe": "fast",
        "start": done["id"],
    }
    key = {"Idempotency-Key": uuid.uuid4().hex}
    answer = api_alone.client.post(path_of(done) + "/rerun", json=body, headers=key)
    assert answer.status_code == 202, answer.text
    spec = answer.json()["spec"]
    assert spec["overrides"] == {"recipe.seed": 6, "recipe.probe_states": 2}
    assert (spec["recipe"]["name"], spec["recipe"]["seed"]) == ("fast", 6)
    assert (spec["recipe"]["probe_states"], spec["data"]["crop_px"]) == (2, 0)
    assert (spec["priority"], spec["tags"], spec["retry_of"]) == (2, ["a"], done["id"])
    node = done["result"]["node"]
    assert spec["start"] == {"job_id": done["id"], "attempt": 1, "node": node}
    # What was typed may mean a newer scan by now: the one that was reconstructed is meant.
    assert spec["scan"]["uid"] == "the-uid"
    again = api_alone.client.post(path_of(done) + "/rerun", json=body, headers=key)
    assert again.json() == answer.json()
    problem(
        api_alone.client.post(path_of(done) + "/rerun", json={}, headers=key),
        422,
        "invalid-input",
    )
    take_all(api_alone)
    kept = api_alone.client.post(path_of(answer.json()) + "/rerun", json={"tags": []}).json()
    assert kept["spec"]["start"] == spec["start"]
    assert kept["spec"]["tags"] == []
    plain = api_alone.client.post(path_of(answer.json()) + "/rerun", json={"start": None})
    assert plain.json()["spec"]["start"] is None


def test_rerun_refuses_nonsense(api_alone: Api) -> None:
    done = run_one(api_alone)

    def post(**body: Any) -> httpx.Response:
        return api_alone.client.post(path_of(done) + "/rerun", json=body)

    assert problem(post(overrides={"recipe.sead": 1}), 422, "recipe-invalid")["key"]
    problem(post(recipe="nope"), 404, "recipe-not-found")
    problem(post(start="nobody"), 404, "job-not-found")
    problem(post(scan="other"), 422, "invalid-input")
    frc = api_alone.client.post(path_of(done) + "/frc").json()
    take_all(api_alone)
    answer = api_alone.client.post(path_of(frc) + "/rerun", json={})
    assert "retry" in problem(answer, 409, "transition-not-allowed")["detail"]
    again = api_alone.client.post(path_of(frc) + "/retry").json()
    assert (again["spec"]["kind"], again["spec"]["parent"]) == ("frc", done["id"])


def test_a_job_begins_with_the_result_of_a_succeeded_one(api_alone: Api) -> None:
    failed = run_one(api_alone, "failed")
    done = run_one(api_alone)
    queued = api_alone.submit(scan="4242", start=done["id"])
    node = done["result"]["node"]
    assert queued["spec"]["start"] == {"job_id": done["id"], "attempt": 1, "node": node}
    for start, state in ((failed, "failed"), (queued, "queued")):
        body = {"scan": "4242", "start": start["id"]}
        answer = api_alone.client.post("/api/v1/jobs", json=body)
        assert problem(answer, 409, "transition-not-allowed")["state"] == state
    body = {"scan": "4242", "start": "nobody"}
    problem(api_alone.client.post("/api/v1/jobs", json=body), 404, "job-not-found")


def test_there_is_no_result_before_the_end_nor_without_success(api_alone: Api) -> None:
    take_all(api_alone)
    job = api_alone.submit(scan="4242")
    path = path_of(job) + "/result"
    found = problem(api_alone.client.get(path), 409, "transition-not-allowed")
    assert found["state"] == "queued"
    api_alone.client.post(path_of(job) + "/cancel")
    problem(api_alone.client.get(path), 404, "result-not-found")
    problem(api_alone.client.get("/api/v1/jobs/nobody/result"), 404, "job-not-found")
    problem(api_alone.client.get(path, params={"format": "doc"}), 422, "invalid-input")


@pytest.mark.parametrize("with_key", [True, False])
def test_a_batch_gives_each_scan_a_job_or_a_problem(
    api: Api, played: PlayedScan, with_key: bool
) -> None:
    take_all(api)
    unknown = str(uuid.uuid4())
    headers = {"Idempotency-Key": uuid.uuid4().hex} if with_key else {}
    body = {
        "scans": [played.uid, unknown, played.scan_id, played.uid],
        "overrides": {"recipe.seed": 9},
        "tags": ["night"],
        "priority": 8,
    }
    answer = api.client.post("/api/v1/jobs/batch", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    items = answer.json()["items"]
    assert [item["scan"] for item in items] == body["scans"]
    assert items[1]["job"] is None
    assert items[1]["problem"]["status"] == 404
    assert unknown in items[1]["problem"]["detail"]
    jobs = [item["job"] for item in items if item["job"]]
    assert {job["spec"]["scan"]["uid"] for job in jobs} == {played.uid}
    assert {job["spec"]["recipe"]["seed"] for job in jobs} == {9}
    assert len({job["id"] for job in jobs}) == 3
    again = api.client.post("/api/v1/jobs/batch", json=body, headers=headers).json()["items"]
    same = [item["job"]["id"] for item in again if item["job"]] == [job["id"] for job in jobs]
    assert same == with_key
    page = api.client.get("/api/v1/jobs", params={"tag": "night", "state": "queued"}).json()
    in_order = [job["id"] for job in reversed(page["jobs"])]
    assert in_order[:3] == [job["id"] for job in jobs]
    take_all(api)


@pytest.mark.parametrize(
    ("body", "status", "slug", "key"),
    [
        ({"scans": []}, 422, "invalid-input", "scans"),
        ({"scans": ["s"] * 201}, 422, "invalid-input", "scans"),
        ({"scans": ["s", ""]}, 422, "invalid-input", "scans.1"),
        (
            {"scans": ["s"], "overrides": {"recipe.sead": 1}},
            422,
            "recipe-invalid",
            "recipe.sead",
        ),
        ({"scans": ["s"], "recipe": "nope"}, 404, "recipe-not-found", None),
        ({"scans": ["s"], "start": "nobody"}, 404, "job-not-found", None),
    ],
)
def test_what_is_wrong_for_all_scans_refuses_the_batch(
    api_alone: Api, body: Any, status: int, slug: str, key: str | None
) -> None:
    answer = api_alone.client.post("/api/v1/jobs/batch", json=body)
    assert problem(answer, status, slug).get("key") == key
    assert not api_alone.ledger.list(scan="s").jobs


def test_lists_are_filtered_and_paged(api_alone: Api) -> None:
    take_all(api_alone)
    tag = uuid.uuid4().hex
    ids = [api_alone.submit(scan=f"listed-{n % 2}", tags=[tag])["id"] for n in range(5)]

    def listed(**params: Any) -> list[str]:
        found, cursor = [], None
        while True:
            asked = {**params, "limit": 2, **({"cursor": cursor} if cursor else {})}
            page = api_alone.client.get("/api/v1/jobs", params=asked).json()
            found += [job["id"] for job in page["jobs"]]
            cursor = page["cursor"]
            if cursor is None:
                return found

    assert listed(tag=tag) == ids[::-1]
    assert listed(tag=tag, scan="listed-1") == [ids[3], ids[1]]
    assert listed(tag=tag, owner="operator", state="queued") == ids[::-1]
    assert listed(tag=tag, owner="nobody") == listed(tag=tag, state="dead") == []
