"""A small real HTTP server that answers what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from exitwave.client import Client
from exitwave.schema.job import Event

KEY = "secret"
STREAM = {"Content-Type": "text/event-stream"}


@dataclass
class Answer:
    body: str | bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """Ends before its announced length."""


@dataclass(frozen=True)
class Seen:
    line: str
    headers: dict[str, str]
    body: str


@dataclass
class Server:
    url: str
    answers: list[Answer]
    seen: list[Seen]

    def client(self, retry_timeout_s: float = 20.0) -> Client:
        return Client(self.url, KEY, retry_timeout_s)

    def lines(self) -> list[str]:
        return [seen.line for seen in self.seen]


def job(state: str = "running", **values: object) -> str:
    return json.dumps(
        {
            "id": "j1",
            "state": state,
            "spec": {"scan": {"uid": "u", "path": "raw/u"}, "recipe": {"name": "default"}},
            "owner": "operator",
            "submitted_at": "2026-11-22T10:00:00Z",
            **values,
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


def problem(
    status: int, slug: str, detail: str, headers: dict[str, str] | None = None, **extra: str
) -> Answer:
    body = {"type": f"urn:x:{slug}", "title": slug, "status": status, "detail": detail}
    return Answer(json.dumps(body | extra), status, headers or {})


@contextmanager
def serving(
    *answers: Answer, answer_to: Callable[[Seen], Answer] | None = None
) -> Iterator[Server]:
    """Gives the answers in turn, or what `answer_to` makes of each request."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length).decode()
            seen = Seen(f"{self.command} {self.path}", dict(self.headers), body)
            server.seen.append(seen)
            answer = answer_to(seen) if answer_to is not None else server.answers.pop(0)
            content = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + (10 if answer.cut else 0)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # names that http.server asks for

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
