"""The Python client against a real API; the tests are its workers."""

from __future__ import annotations

import random
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.integration.api_process import KEY, Api, take_all

from exitwave.client import AsyncClient, Client, retry
from exitwave.schema.errors import (
    AccessDenied,
    Forbidden,
    InvalidInput,
    JobNotFound,
    NotFound,
    TransitionNotAllowed,
)
from exitwave.schema.job import JobState


@pytest.fixture
def client(api_alone: Api) -> Iterator[Client]:
    with Client(api_alone.url, KEY) as opened:
        yield opened
    take_all(api_alone)


@contextmanager
def cutting_relay(api: Api, seed: int) -> Iterator[tuple[str, list[int]]]:
    """The API behind a relay that cuts every connection after some bytes; where it did."""
    host, port = api.url.removeprefix("http://").split(":")
    numbers, cuts = random.Random(seed), []

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            left = numbers.randrange(300, 3000)
            with socket.create_connection((host, int(port))) as service:
                asking = threading.Thread(target=copy, args=(self.request, service))
                asking.start()
                while left > 0 and (part := service.recv(left)):
                    self.request.sendall(part)
                    left -= len(part)
                if left == 0:
                    cuts.append(1)
                self.request.shutdown(socket.SHUT_RDWR)
                asking.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_RDWR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", cuts
        finally:
            server.shutdown()
            thread.join()


async def test_a_stream_dropped_many_times_has_no_gap_and_nothing_twice(
    api_alone: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "RECONNECT_S", 0.01)
    job = client.submit("7f0c")

    def work() -> None:
        for number in range(150):
            api_alone.ledger.reprioritise(job.id, number % 9)
        api_alone.ledger.cancel(job.id)

    working = threading.Thread(target=work)
    working.start()
    with cutting_relay(api_alone, seed=1) as (url, cuts), Client(url, KEY) as cut_off:
        found = [event.id for event in cut_off.events(job.id)]
    working.join()
    kept = [e.id for e in api_alone.ledger.events(found[0], limit=500) if e.job_id == job.id]
    assert found[1:] == kept
    assert len(found) == 152
    assert len(cuts) >= 20
    with cutting_relay(api_alone, seed=2) as (url, cuts):
        async with AsyncClient(url, KEY) as cut_off:
            assert [event.id async for event in cut_off.events(job.id)] == found
    assert len(cuts) >= 20


def test_a_stream_of_all_jobs_misses_nothing_while_it_is_lost(
    api_alone: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "RECONNECT_S", 0.01)
    job = client.submit("7f0c")
    start = api_alone.ledger.last_event_id()
    for number in range(100):
        api_alone.ledger.reprioritise(job.id, number % 9)
    expected = [event.id for event in api_alone.ledger.events(start, limit=500)]
    with cutting_relay(api_alone, seed=3) as (url, cuts), Client(url, KEY) as cut_off:
        events = cut_off.events(after=start)
        assert [next(events).id for _ in expected] == expected
    assert len(expected) == 100
    assert len(cuts) >= 10


def test_many_scans_under_one_key_are_accepted_once(client: Client) -> None:
    first = client.submit_many(["7f0c", "8a1d"], tags=["b"], idempotency_key="batch-1")
    again = client.submit_many(["7f0c", "8a1d"], tags=["b"], idempotency_key="batch-1")
    assert [item.job and item.job.id for item in first] == [
        item.job and item.job.id for item in again
    ]
    assert len(client.jobs(tag="b").jobs) == 2
    with pytest.raises(InvalidInput, match=r"recipe\.sed"):
        client.submit_many(["7f0c", "8a1d"], overrides={"recipe.sed": 1})


def test_jobs_are_steered(api_alone: Api, client: Client) -> None:
    take_all(api_alone)
    job = client.submit("7f0c", tags=["steered"])
    other = client.submit("7f0c")
    assert client.reprioritise(other.id, 0).priority == 0
    assert [queued.id for queued in client.queue().queued] == [other.id, job.id]
    assert client.pause(job.id).paused
    assert not client.resume(job.id).paused
    assert client.pause_queue().paused
    assert not client.resume_queue().paused
    assert client.cancel(other.id).state is JobState.CANCELLED

    claimed = api_alone.ledger.claim("w1", "cpu")
    assert claimed is not None and claimed.id == job.id
    assert client.stop(job.id).stop_requested
    assert client.attempts(job.id)[0].worker == "w1"
    with pytest.raises(TransitionNotAllowed) as refused:
        client.delete(job.id)
    assert refused.value.state == "running"
    api_alone.ledger.finish(job.id, 1, "w1", "cancelled")
    assert client.wait(job.id, timeout_s=30).state is JobState.CANCELLED

    retried = client.retry(job.id)
    assert (retried.spec.retry_of, retried.spec.tags) == (job.id, ["steered"])
    changed = client.rerun(job.id, {"recipe.seed": 4}, priority=9, tags=[])
    assert changed.spec.overrides == {"recipe.seed": 4}
    assert (changed.spec.priority, changed.spec.tags) == (9, [])
    client.delete(job.id)
    with pytest.raises(JobNotFound, match=job.id):
        client.job(job.id)


def test_a_worker_is_drained(api_alone: Api, client: Client) -> None:
    api_alone.ledger.register_worker("w/7", "cpu", "idle")
    assert client.drain("w/7").state == "draining"
    assert "w/7" in [worker.name for worker in client.workers()]
    assert client.undrain("w/7").state == "idle"
    with pytest.raises(NotFound, match="w8"):
        client.drain("w8")


def test_a_key_opens_what_its_scopes_say_until_it_is_revoked(
    api_alone: Api, client: Client
) -> None:
    made = client.create_key("eva", ["read:jobs", "write:jobs"], expires_in_days=1, note="n")
    assert made.info.id in [key.id for key in client.keys().keys]
    assert made.key not in client.keys().model_dump_json()
    mine = client.submit("7f0c")
    with Client(api_alone.url, made.key) as eva:
        hers = eva.submit("7f0c")
        assert hers.owner == "eva"
        assert [job.id for job in eva.jobs().jobs] == [hers.id]
        with pytest.raises(JobNotFound):
            eva.job(mine.id)
        with pytest.raises(Forbidden, match="control:jobs"):
            eva.pause_queue()
        events = eva.events(hers.id)
        assert next(events).kind == "submitted"
        client.revoke_key(made.info.id)
        with pytest.raises(AccessDenied):
            list(events)
    with pytest.raises(NotFound):
        client.revoke_key(made.info.id)


def test_waiting_sees_the_end(api_alone: Api, client: Client) -> None:
    job = client.submit("7f0c")
    waiting = threading.Timer(0.5, lambda: api_alone.ledger.cancel(job.id))
    waiting.start()
    assert client.wait(job.id, timeout_s=60).state is JobState.CANCELLED
    waiting.join()
    with pytest.raises(TimeoutError):
        client.wait(client.submit("7f0c").id, timeout_s=0.2)
