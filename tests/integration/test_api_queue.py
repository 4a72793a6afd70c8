"""The queue, the workers and the numbers for Prometheus."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.api_process import Api, problem, take_all
from tests.support.stack import wait_until

from exitwave.schema.job import Progress, Result

ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus-alerts.yaml"


def claim(api: Api, job_id: str) -> str:
    """Take this job, which must be the next one; gives the worker's name."""
    worker = uuid.uuid4().hex
    job = api.ledger.claim(worker, "cpu")
    assert job is not None
    assert job.id == job_id
    return worker


def test_the_queue_tells_who_is_next_and_when(api_alone: Api) -> None:
    take_all(api_alone)
    api_alone.ledger.register_worker("w", "cpu", "idle")
    late, early = api_alone.submit(scan="1"), api_alone.submit(scan="2", priority=1)
    done = api_alone.submit(scan="3", priority=0)
    worker = claim(api_alone, done["id"])
    result = Result(node="ptycho/x", attempt=1, epochs=1)
    api_alone.ledger.finish(done["id"], 1, worker, "succeeded", result=result)
    queue = api_alone.client.get("/api/v1/queue").json()
    assert (queue["paused"], queue["waiting"]) == (False, 2)
    lines = [(line["id"], line["position"], line["priority"]) for line in queue["queued"]]
    assert lines == [(early["id"], 0, 1), (late["id"], 1, 5)]
    starts = [datetime.fromisoformat(line["estimated_start"]) for line in queue["queued"]]
    assert starts == sorted(starts)
    short = api_alone.client.get("/api/v1/queue", params={"limit": 1}).json()
    assert (len(short["queued"]), short["waiting"]) == (1, 2)


def test_a_paused_queue_gives_no_work_and_promises_none(api_alone: Api) -> None:
    take_all(api_alone)
    job = api_alone.submit(scan="1")
    paused = api_alone.client.patch("/api/v1/queue", json={"paused": True}).json()
    try:
        assert paused["paused"]
        assert [line["estimated_start"] for line in paused["queued"]] == [None]
        assert api_alone.ledger.claim("w", "cpu") is None
    finally:
        again = api_alone.client.patch("/api/v1/queue", json={"paused": False})
    assert not again.json()["paused"]
    claim(api_alone, job["id"])


def test_a_draining_worker_claims_no_job(api_alone: Api) -> None:
    take_all(api_alone)
    api_alone.ledger.register_worker("beamline/to drain", "cpu", "idle")
    api_alone.submit(scan="1")
    path = "/api/v1/workers/beamline%2Fto%20drain"
    answer = api_alone.client.patch(path, json={"draining": True})
    assert (answer.status_code, answer.json()["state"]) == (200, "draining")
    assert api_alone.ledger.claim("beamline/to drain", "cpu") is None
    assert api_alone.client.patch(path, json={"draining": False}).json()["state"] == "idle"
    assert api_alone.ledger.claim("beamline/to drain", "cpu") is not None
    problem(
        api_alone.client.patch("/api/v1/workers/nobody", json={"draining": True}),
        404,
        "not-found",
    )
    problem(api_alone.client.patch(path, json={}), 422, "invalid-input")


def samples(api: Api, path: str = "/metrics") -> dict[tuple[str, str], float]:
    """Value by name and first label."""
    answer = api.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_count_what_happened(api_alone: Api) -> None:
    take_all(api_alone)
    before = samples(api_alone)
    api_alone.ledger.register_worker("measured", "cpu", "quarantined", note="sick")
    api_alone.submit(scan="1", priority=3)
    job = api_alone.submit(scan="2", priority=0)
    worker = claim(api_alone, job["id"])
    api_alone.ledger.heartbeat(job["id"], 1, worker, Progress(phase="reconstructing", epoch=1))
    now = samples(api_alone, "/api/v1/metrics")
    assert now["exitwave_job_waiting_count", "3"] == 1
    assert now["exitwave_job_waiting_count", "0"] == 0
    assert now["exitwave_job_waiting_oldest_seconds", ""] > 0
    assert now["exitwave_job_running_count", ""] >= 1
    assert now["exitwave_worker_reporting_count", "quarantined"] == 1

    def grown(name: str, label: str = "") -> float:
        return samples(api_alone)[name, label] - before.get((name, label), 0)

    assert grown("exitwave_job_submitted_total") == 2
    assert grown("exitwave_attempt_started_total") == 1
    api_alone.ledger.finish(job["id"], 1, worker, "lost")
    assert grown("exitwave_attempt_lost_total") >= 1  # other tests leave running jobs behind
    worker = claim(api_alone, job["id"])
    api_alone.ledger.finish(job["id"], 2, worker, "preempted")
    assert grown("exitwave_attempt_preempted_total") == 1
    take_all(api_alone)
    assert grown("exitwave_job_ended_total", "cancelled") >= 2
    wait_until(
        lambda: grown("exitwave_job_first_epoch_seconds_count") >= 1, "the first epoch's time"
    )


def test_every_alert_speaks_of_metrics_that_there_are(api_alone: Api) -> None:
    api_alone.client.get("/api/v1/jobs")
    names = {name for name, _ in samples(api_alone)} | {"up"}
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    assert len(rules) >= 8
    for rule in rules:
        used = set(re.findall(r"exitwave_\w+|\bup\b", rule["expr"]))
        assert used, rule["alert"]
        assert used <= names, rule["alert"]


def test_metrics_are_for_who_holds_a_key(api_alone: Api) -> None:
    for path in ("/metrics", "/api/v1/metrics"):
        answer = api_alone.client.get(path, headers={"Authorization": "Apikey wrong"})
        problem(answer, 401, "access-denied")
