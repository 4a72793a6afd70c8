"""What the client sends, and what it makes of the answers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.verdicts import DOUBTFUL, NO_PICTURE
from tests.unit.client.http_server import KEY, Answer, job, problem, serving

from exitwave.client import AsyncClient, Client
from exitwave.schema.errors import (
    AccessDenied,
    ExitwaveError,
    Forbidden,
    InvalidInput,
    JobNotFound,
    RecipeError,
    ResultNotFound,
    TransitionNotAllowed,
    UsageError,
    VerdictNotMet,
)
from exitwave.schema.job import Job, JobState

WORKER = {"name": "w/1", "state": "draining", "seen_at": "2026-11-22T10:00:00Z"}
KEY_INFO = {
    "id": "ab12",
    "owner": "eva",
    "scopes": ["read:jobs"],
    "created_at": "2026-11-22T10:00:00Z",
}
QUEUE = json.dumps({"paused": True, "waiting": 0, "running": 0, "queued": []})
ATTEMPT = {"number": 1, "worker": "w/1", "started_at": "2026-11-22T10:00:00Z"}

CALLS: list[tuple[str, tuple[Any, ...], str, Any, str]] = [
    ("job", ("j1",), "GET /api/v1/jobs/j1", None, job()),
    ("job", ("j/1",), "GET /api/v1/jobs/j%2F1", None, job()),
    (
        "jobs",
        ("queued", "7f0c", "night", "eva", 20, "c"),
        "GET /api/v1/jobs?state=queued&scan=7f0c&tag=night&owner=eva&limit=20&cursor=c",
        None,
        '{"jobs": []}',
    ),
    (
        "attempts",
        ("j1",),
        "GET /api/v1/jobs/j1/attempts",
        None,
        json.dumps({"attempts": [ATTEMPT]}),
    ),
    ("cancel", ("j1",), "POST /api/v1/jobs/j1/cancel", None, job()),
    ("stop", ("j1",), "POST /api/v1/jobs/j1/stop", None, job()),
    ("retry", ("j1",), "POST /api/v1/jobs/j1/retry", None, job("queued")),
    (
        "rerun",
        ("j1", {"recipe.seed": 4, "data.subset": None}),
        "POST /api/v1/jobs/j1/rerun",
        {"overrides": {"recipe.seed": 4, "data.subset": None}},
        job("queued"),
    ),
    ("reprioritise", ("j1", 0), "PATCH /api/v1/jobs/j1", {"priority": 0}, job()),
    ("pause", ("j1",), "PATCH /api/v1/jobs/j1", {"paused": True}, job("queued")),
    ("resume", ("j1",), "PATCH /api/v1/jobs/j1", {"paused": False}, job("queued")),
    ("delete", ("j1",), "DELETE /api/v1/jobs/j1", None, ""),
    ("frc", ("j/1",), "POST /api/v1/jobs/j%2F1/frc", None, job("queued")),
    ("queue", (3,), "GET /api/v1/queue?limit=3", None, QUEUE),
    ("pause_queue", (), "PATCH /api/v1/queue", {"paused": True}, QUEUE),
    ("resume_queue", (), "PATCH /api/v1/queue", {"paused": False}, QUEUE),
    ("workers", (), "GET /api/v1/workers", None, json.dumps({"workers": [WORKER]})),
    (
        "drain",
        ("w/1",),
        "PATCH /api/v1/workers/w%2F1",
        {"draining": True},
        json.dumps(WORKER),
    ),
    (
        "undrain",
        ("w/1",),
        "PATCH /api/v1/workers/w%2F1",
        {"draining": False},
        json.dumps(WORKER),
    ),
    ("keys", (), "GET /api/v1/keys", None, json.dumps({"keys": [KEY_INFO]})),
    (
        "create_key",
        ("eva", ["read:jobs"], 30, "her notebook"),
        "POST /api/v1/keys",
        {
            "owner": "eva",
            "scopes": ["read:jobs"],
            "expires_in_days": 30,
            "note": "her notebook",
        },
        json.dumps({"key": "ab12xyz", "info": KEY_INFO}),
    ),
    ("revoke_key", ("ab12",), "DELETE /api/v1/keys/ab12", None, ""),
]


@pytest.mark.parametrize(
    ("method", "arguments", "line", "body", "answer"), CALLS, ids=[call[0] for call in CALLS]
)
async def test_each_method_is_one_request(
    method: str, arguments: tuple[Any, ...], line: str, body: Any, answer: str
) -> None:
    with serving(Answer(answer), Answer(answer)) as server:
        with server.client() as client:
            found = getattr(client, method)(*arguments)
        async with AsyncClient(server.url, KEY) as client:
            assert await getattr(client, method)(*arguments) == found
    for seen in server.seen:
        assert seen.line == line
        assert seen.headers["Authorization"] == f"Apikey {KEY}"
        assert (json.loads(seen.body) if seen.body else None) == body


def test_a_submission_carries_all_it_was_given() -> None:
    with serving(Answer(job("queued"), 202)) as server, server.client() as client:
        made = client.submit(
            "7f0c", overrides={"recipe.seed": 3}, priority=0, tags=["night"], start="j0"
        )
    assert made.state is JobState.QUEUED
    (seen,) = server.seen
    assert seen.line == "POST /api/v1/jobs"
    assert json.loads(seen.body) == {
        "scan": "7f0c",
        "recipe": "default",
        "overrides": {"recipe.seed": 3},
        "priority": 0,
        "tags": ["night"],
        "start": "j0",
    }


def test_of_many_scans_each_has_a_job_or_the_reason_why_not() -> None:
    told = {"type": "urn:x:scan-not-found", "title": "t", "status": 404, "detail": "no scan 9"}
    items = [{"scan": "7f0c", "job": json.loads(job("queued"))}, {"scan": 9, "problem": told}]
    answer = Answer(json.dumps({"items": items}), 202)
    with serving(answer) as server, server.client() as client:
        first, second = client.submit_many(["7f0c", 9], priority=7)
    assert first.job is not None and first.job.id == "j1"
    assert second.problem is not None and second.problem.detail == "no scan 9"
    assert json.loads(server.seen[0].body)["scans"] == ["7f0c", 9]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(404, "job-not-found", "no job j9"), JobNotFound),
        (problem(404, "result-not-found", "job j1 has no result"), ResultNotFound),
        (problem(401, "access-denied", "wrong key"), AccessDenied),
        (problem(403, "forbidden", "found read:jobs; expected write:jobs"), Forbidden),
        (problem(418, "from-the-future", "something new"), ExitwaveError),
    ],
)
def test_problems_become_the_errors_they_were(
    answer: Answer, kind: type[ExitwaveError]
) -> None:
    with serving(answer) as server, server.client() as client, pytest.raises(kind) as caught:
        client.job("j9")
    assert type(caught.value) is kind
    assert str(caught.value) == json.loads(str(answer.body))["detail"]


def test_a_refused_value_keeps_its_parts() -> None:
    told = "recipe.seed: found -1; expected 0 or more"
    answer = problem(422, "recipe-invalid", told, key="recipe.seed", expected="0 or more")
    refused = pytest.raises(RecipeError)
    with serving(answer) as server, server.client() as client, refused as caught:
        client.submit("7f0c")
    assert str(caught.value) == told
    assert (caught.value.key, caught.value.expected) == ("recipe.seed", "0 or more")


def test_a_refused_transition_keeps_the_present_state() -> None:
    told = "job j1: found state succeeded; expected queued or running"
    answer = problem(409, "transition-not-allowed", told, state="succeeded")
    refused = pytest.raises(TransitionNotAllowed, match=told)
    with serving(answer) as server, server.client() as client, refused as caught:
        client.reprioritise("j1", 0)
    assert caught.value.state == "succeeded"


def test_what_is_no_such_service_is_said_so() -> None:
    with serving(Answer("<html>", 404), Answer("[]")) as server, server.client() as client:
        with pytest.raises(ExitwaveError, match="expected an exitwave service"):
            client.job("j1")
        with pytest.raises(ExitwaveError, match="versions"):
            client.job("j1")


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda client: client.submit("7f0c", priority=10), "priority"),
        (lambda client: client.submit_many([]), "scans"),
        (lambda client: client.reprioritise("j1", -1), "priority"),
        (lambda client: client.create_key("eva", ["read:everything"]), "scopes"),
        (lambda client: client.job(""), "job"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_sent(
    call: Callable[[Client], object], named: str
) -> None:
    wrong = pytest.raises((InvalidInput, UsageError), match=named)
    with Client("http://127.0.0.1:9", KEY) as client, wrong:
        call(client)


async def test_the_async_client_submits() -> None:
    with serving(Answer(job("queued"), 202), Answer('{"items": []}', 202)) as server:
        async with AsyncClient(server.url, KEY) as client:
            made: Job = await client.submit("7f0c", start="j0")
            assert await client.submit_many(["7f0c"]) == []
    assert made.id == "j1"
    assert json.loads(server.seen[0].body)["start"] == "j0"


async def test_waiting_may_ask_for_a_picture() -> None:
    result = {"node": "ptycho/u/j1/a1", "attempt": 1, "epochs": 2}
    judged = job("succeeded", result={**result, "verdict": DOUBTFUL.model_dump()})
    answers = [Answer(job()), Answer(judged)]
    worse = pytest.raises(VerdictNotMet, match=r"found doubtful: .*by 18 %.*; expected good")
    with serving(*answers * 4) as server:
        with server.client() as client:
            assert client.wait("j1", require="doubtful").state is JobState.SUCCEEDED
            with worse as caught:
                client.wait("j1", require="good")
        async with AsyncClient(server.url, KEY) as client:
            assert (await client.wait("j1", require="doubtful")).id == "j1"
            with worse:
                await client.wait("j1", require="good")
    assert (caught.value.found, caught.value.expected) == ("doubtful", "good")
    without = Answer(job("succeeded", result=result)), Answer(job("failed"))
    with serving(*without) as server, server.client() as client:
        with pytest.raises(VerdictNotMet, match="no verdict in its result"):
            client.wait("j1", require="doubtful")
        with pytest.raises(VerdictNotMet, match="it is failed"):
            client.wait("j1", require="doubtful")


async def test_what_cannot_be_asked_for_is_said_before_the_wait() -> None:
    wrong = pytest.raises(InvalidInput, match="require: found no picture")
    with Client("http://127.0.0.1:9", KEY) as client, wrong:
        client.wait("j1", require=NO_PICTURE.verdict)  # type: ignore[arg-type]  # untyped caller
    async with AsyncClient("http://127.0.0.1:9", KEY) as client:
        with pytest.raises(InvalidInput, match="require"):
            await client.wait("j1", require="")  # type: ignore[arg-type]  # likewise


def test_both_clients_have_the_same_methods_and_signatures() -> None:
    def public(kind: type) -> dict[str, list[tuple[str, str, object]]]:
        found = {}
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if name == "__init__" or not name.startswith("_"):
                parameters = inspect.signature(method).parameters.values()
                found[name] = [(p.name, str(p.annotation), p.default) for p in parameters]
                found[name].append(("->", _answer_of(method), None))
        return found

    sync, aio = public(Client), public(AsyncClient)
    assert sync == aio
    assert len(sync) >= 29


def _answer_of(method: Callable[..., object]) -> str:
    return str(inspect.signature(method).return_annotation).replace("AsyncIterator", "Iterator")


def test_the_key_shows_nowhere() -> None:
    with Client("http://127.0.0.1:9", KEY) as client:
        assert KEY not in repr(client.connection)
