"""Server-sent events: they replay, follow, and end."""

from __future__ import annotations

import json

import redis
from httpx_sse import ServerSentEvent, connect_sse
from tests.integration.api_process import Api, problem, take_all
from tests.support.verdicts import DOUBTFUL

from exitwave.schema.job import Progress, Result


def read_events(
    api: Api, path: str, last: str | None = None, enough: int | None = None
) -> list[ServerSentEvent]:
    """Blocks that are only an id, which tell where the stream is, are left out."""
    headers = {} if last is None else {"Last-Event-ID": last}
    found: list[ServerSentEvent] = []
    with connect_sse(api.client, "GET", path, headers=headers) as source:
        source.response.raise_for_status()
        for event in source.iter_sse():
            if event.data:
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
    api.ledger.heartbeat(job_id, 1, "w", Progress(phase="reconstructing", epoch=1, epochs=2))
    result = Result(node="ptycho/x", attempt=1, epochs=2, verdict=DOUBTFUL)
    api.ledger.finish(job_id, 1, "w", "succeeded", result=result)
    return job_id


def test_a_jobs_events_replay_and_end(api_alone: Api) -> None:
    job_id = run_one(api_alone)
    run_one(api_alone)
    path = f"/api/v1/jobs/{job_id}/events"
    events = read_events(api_alone, path)
    assert [e.event for e in events] == ["submitted", "started", "progress", "ended"]
    last = json.loads(events[-1].data)
    assert (last["job_id"], last["state"], last["id"]) == (job_id, "succeeded", events[-1].id)
    assert last["verdict"] == "doubtful"
    assert json.loads(events[2].data)["progress"]["epoch"] == 1
    resumed = read_events(api_alone, path, last=events[1].id)
    assert [e.id for e in resumed] == [e.id for e in events[2:]]
    after_the_end = read_events(api_alone, path, last=events[-1].id)
    assert [e.event for e in after_the_end] == ["ended"]
    assert json.loads(after_the_end[0].data)["verdict"] == "doubtful"


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
                api_alone.ledger.finish(job_id, 1, "w", "cancelled")
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
    future = read_events(api_alone, "/api/v1/events", last="9" * 15, enough=1)
    assert [(e.event, e.id) for e in future] == [("reset", expected[-1])]
    for nonsense in ("x", "-1", "1-1-1"):
        answer = api_alone.client.get("/api/v1/events", headers={"Last-Event-ID": nonsense})
        problem(answer, 422, "invalid-input")


def test_who_heard_nothing_yet_knows_where_the_stream_was(api_alone: Api) -> None:
    run_one(api_alone)
    newest = api_alone.ledger.last_event_id()
    with connect_sse(api_alone.client, "GET", "/api/v1/events") as source:
        run_one(api_alone)
        place = next(source.iter_sse())
    assert (place.data, place.id) == ("", newest)
    missed = [event.id for event in api_alone.ledger.events(newest)]
    got = read_events(api_alone, "/api/v1/events", last=place.id, enough=len(missed))
    assert [e.id for e in got] == missed


def test_a_job_replays_from_its_submission_after_a_reset(api_alone: Api) -> None:
    path = f"/api/v1/jobs/{run_one(api_alone)}/events"
    whole = [e.event for e in read_events(api_alone, path)]
    foreign = read_events(api_alone, path, last="9" * 15)
    assert [e.event for e in foreign] == ["reset", *whole]


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
