"""The client against a small real HTTP server that answers what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exitwave.client import AsyncClient, Client, calls
from exitwave.schema.errors import (
    AccessDenied,
    ExitwaveError,
    InvalidInput,
    JobNotFound,
    RecipeError,
    ResultNotFound,
    TransitionNotAllowed,
    Unavailable,
)
from exitwave.schema.job import Event, Job, JobState

KEY = "secret"


def job(state: str = "running") -> str:
    return json.dumps(
        {
            "id": "j1",
            "state": state,
            "spec": {"scan": {"uid": "u", "path": "raw/u"}, "recipe": {"name": "default"}},
            "owner": "operator",
            "submitted_at": "2026-11-22T10:00:00Z",
        }
    )


def event(number: int, state: str = "running", kind: str = "progress") -> bytes:
    data = Event(
        id=f"{number}-0",
        at="2026-11-22T10:00:00Z",
        job_id="j1",
        kind=kind,
        state=state,
        attempt=1,
    )
    return f"event: {kind}\nid: {number}-0\ndata: {data.model_dump_json()}\n\n".encode()


def problem(status: int, slug: str, detail: str, **extra: str) -> Answer:
    body = {"type": f"urn:x/{slug}", "title": slug, "status": status, "detail": detail}
    return Answer(json.dumps(body | extra), status)


@dataclass
class Answer:
    body: str | bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Server:
    url: str
    answers: list[Answer]
    seen: list[tuple[str, dict[str, str], str]]

    def client(self) -> Client:
        return Client(self.url, KEY)


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    """Gives the answers in turn; a cut one ends before its announced length."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length).decode()
            server.seen.append((f"{self.command} {self.path}", dict(self.headers), body))
            answer = server.answers.pop(0)
            content = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + (10 if answer.cut else 0)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True

        do_GET = do_POST = answer  # names that http.server asks for

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{http.server_port}", list(answers), [])
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


STREAM = {"Content-Type": "text/event-stream"}


def test_a_submission_carries_key_and_body() -> None:
    with serving(Answer(job("queued"), 202)) as server, server.client() as client:
        made = client.submit("7f0c", overrides={"recipe.seed": 3}, priority=0, tags=["night"])
    assert made.state is JobState.QUEUED
    (line, headers, body) = server.seen[0]
    assert line == "POST /api/v1/jobs"
    assert headers["Authorization"] == f"Apikey {KEY}"
    assert json.loads(body) == {
        "scan": "7f0c",
        "recipe": "default",
        "overrides": {"recipe.seed": 3},
        "priority": 0,
        "tags": ["night"],
        "start": None,
    }


def test_a_submission_is_repeated_under_one_idempotency_key() -> None:
    answers = Answer("", 202, cut=True), problem(503, "unavailable", "later"), Answer(job())
    with serving(*answers) as server, server.client() as client:
        client.submit("7f0c")
    keys = {headers["Idempotency-Key"] for _, headers, _ in server.seen}
    assert len(server.seen) == 3
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(404, "job-not-found", "no job j9"), JobNotFound),
        (problem(404, "result-not-found", "job j1 has no result"), ResultNotFound),
        (problem(401, "access-denied", "wrong key"), AccessDenied),
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


async def test_a_job_is_asked_for_its_resolution() -> None:
    told = "job j1: found running; expected a reconstruction that has succeeded"
    refused = pytest.raises(TransitionNotAllowed, match=told)
    answers = Answer(job("queued"), 202), problem(409, "transition-not-allowed", told)
    with serving(*answers, Answer(job("queued"), 202)) as server:
        with server.client() as client:
            assert client.frc("j1").state is JobState.QUEUED
            with refused:
                client.frc("j1")
        async with AsyncClient(server.url, KEY) as client:
            assert (await client.frc("j/1")).state is JobState.QUEUED
    lines = [line for line, _, _ in server.seen]
    assert lines == ["POST /api/v1/jobs/j1/frc"] * 2 + ["POST /api/v1/jobs/j%2F1/frc"]


def test_what_is_no_such_service_is_said_so() -> None:
    with serving(Answer("<html>", 404), Answer("[]")) as server, server.client() as client:
        with pytest.raises(ExitwaveError, match="expected an exitwave service"):
            client.job("j1")
        with pytest.raises(ExitwaveError, match="versions"):
            client.job("j1")


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PAUSES_S", (0.01,))
    with serving() as server:
        pass
    with server.client() as client, pytest.raises(Unavailable, match="is the service running"):
        client.jobs()


def test_bad_arguments_are_named_before_anything_is_sent() -> None:
    client = Client("http://127.0.0.1:9", KEY)
    with client, pytest.raises(InvalidInput, match="priority"):
        client.submit("7f0c", priority=10)


def test_events_resume_behind_the_last_one_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "RECONNECT_S", 0.01)
    reset = b'event: reset\nid: 2-0\ndata: {"why": "trimmed"}\n\n'
    with (
        serving(
            Answer(b": hello\n\n" + event(1), headers=STREAM, cut=True),
            problem(503, "ledger-unavailable", "away"),
            Answer(reset + event(3), headers=STREAM),
            Answer(event(4) + event(5, "succeeded", "ended"), headers=STREAM),
        ) as server,
        server.client() as client,
    ):
        numbers = [found.id for found in client.events("j1")]
    assert numbers == ["1-0", "3-0", "4-0", "5-0"]
    resumed = [headers.get("Last-Event-ID") for _, headers, _ in server.seen]
    assert resumed == [None, "1-0", "1-0", "3-0"]


def test_events_of_an_unknown_job_are_an_error() -> None:
    answer, refused = problem(404, "job-not-found", "no job j9"), pytest.raises(JobNotFound)
    with serving(answer) as server, server.client() as client, refused:
        list(client.events("j9"))


def test_a_stream_that_stays_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "RECONNECT_S", 0.01)
    monkeypatch.setattr(calls, "PATIENCE_S", 0.1)
    with serving() as server:
        pass
    with server.client() as client, pytest.raises(Unavailable):
        list(client.events())


def test_waiting_outlives_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "PAUSES_S", ())
    away = problem(503, "ledger-unavailable", "away")
    with serving(Answer(job()), away, away, Answer(job("failed"))) as server:
        assert server.client().wait("j1").state is JobState.FAILED
    monkeypatch.setattr(calls, "PATIENCE_S", 0.1)
    with serving(Answer(job()), away, away, away) as server, pytest.raises(Unavailable):
        server.client().wait("j1")


def test_waiting_has_an_end() -> None:
    late = pytest.raises(TimeoutError, match="still running")
    with serving(Answer(job())) as server, late:
        server.client().wait("j1", timeout_s=0)


def test_download_names_its_file_and_is_whole_or_not_there(tmp_path: Path) -> None:
    named = {"Content-Disposition": 'attachment; filename="../scan_7_j1.cxi"'}
    content = b"x" * 100_000
    with (
        serving(
            Answer(content, headers=named), Answer(content, headers=named, cut=True)
        ) as server,
        server.client() as client,
    ):
        found = client.download("j1", "cxi", tmp_path)
        assert found == tmp_path / "scan_7_j1.cxi"
        assert found.read_bytes() == content
        with pytest.raises(Unavailable):
            client.download("j1", "cxi", tmp_path / "other.cxi")
    assert [path.name for path in tmp_path.iterdir()] == ["scan_7_j1.cxi"]


async def test_the_async_client_does_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "RECONNECT_S", 0.01)
    with serving(
        Answer(job("queued"), 202),
        Answer(event(1), headers=STREAM, cut=True),
        Answer(event(2, "succeeded", "ended"), headers=STREAM),
        Answer(job()),
        Answer(job("succeeded")),
        Answer(b"png"),
        problem(404, "job-not-found", "no job j9"),
    ) as server:
        async with AsyncClient(server.url, KEY) as client:
            made: Job = await client.submit("7f0c")
            assert [found.id async for found in client.events(made.id)] == ["1-0", "2-0"]
            assert (await client.wait(made.id)).state is JobState.SUCCEEDED
            path = await client.download(made.id, "png", tmp_path / "a.png")
            assert path.read_bytes() == b"png"
            with pytest.raises(JobNotFound):
                await client.cancel("j9")
    assert server.seen[2][1]["Last-Event-ID"] == "1-0"


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)


def test_the_key_shows_nowhere() -> None:
    with Client("http://127.0.0.1:9", KEY) as client:
        assert KEY not in repr(client.connection)
