"""F14: the connection of a stream of events breaks again and again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import ServiceHarness, running_service, scratch
from tests.faults.proxy import proxy_to
from tests.support.stack import wait_until

from exitwave.client import Client


def events_without_a_gap(seed: int) -> Measured:
    """SSE dropped 50 times at random: union of events = the ledger's, in order, none twice"""
    with scratch() as folder:
        return dropped(folder, seed)


class Listener:
    """Reads the stream of all events until told to end; it resumes by itself."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.ids: list[str] = []
        self.resets = 0
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for event in self._client.events(after="0", on_reset=self._reset):
                self.ids.append(event.id)
        except Exception as error:  # noqa: BLE001 - whatever ends the listener is a miss of the figure
            self.error = error

    def _reset(self) -> None:
        self.resets += 1


def dropped(
    folder: Path,
    seed: int,
    *,
    drops: int = 50,
    pause_s: tuple[float, float] = (0.0, 2.0),
    workers: int = 2,
) -> Measured:
    """Jobs are submitted and done all the while."""
    found, chance = Findings(), random.Random(seed)
    with running_service(folder) as service:
        api = service.api()
        trees = [service.worker(f"w{k}", wait=False) for k in range(workers)]
        service.until_listed(*trees)
        ended = threading.Event()
        with proxy_to(api.url.removeprefix("http://")) as proxy:
            listener = Listener(Client(f"http://{proxy.address}", api.key))
            feeder = threading.Thread(target=_feed, args=(service, workers, ended), daemon=True)
            feeder.start()
            heard = []
            for _ in range(drops):
                _until(lambda: proxy.links > 0)
                time.sleep(chance.uniform(*pause_s))
                heard.append(len(listener.ids))
                proxy.drop()
                _until(lambda: proxy.links == 0)
            ended.set()
            feeder.join(60)
            _until_quiet(service, listener)
        expected = [event.id for event in service.events()]
        got = listener.ids
        twice = len(got) - len(set(got))
        parts = sum(one < other for one, other in pairwise(heard))
        found.say(
            f"{len(got)} of {len(expected)} events in order, {twice} twice, {drops} drops, "
            f"{parts} with new events since the one before, {listener.resets} resets"
        )
        found.check(set(got) == set(expected), f"{len(set(expected) ^ set(got))} events differ")
        found.check(twice == 0, f"{twice} events came twice")
        found.check(got == sorted(got, key=_order), "events came out of order")
        found.check(got == expected, "the union is not the ledger's stream")
        found.check(listener.resets == 0, f"{listener.resets} resets")
        found.check(listener.error is None, f"the client gave up: {listener.error}")
    return found.measured()


def _feed(service: ServiceHarness, waiting: int, ended: threading.Event) -> None:
    """Always a job more than there are workers."""
    jobs: list[str] = []
    while not ended.is_set():
        if service.ledger.queue(1).waiting < waiting:
            jobs.append(service.submit())
        ended.wait(0.1)
    service.until_ended(jobs)


def _until(condition: Callable[[], bool]) -> None:
    wait_until(condition, "the client's connection", within_s=60)


def _until_quiet(service: ServiceHarness, listener: Listener) -> None:
    """Until the listener has had time to hear the last event."""
    last = service.events()[-1].id
    deadline = time.monotonic() + 30
    while last not in listener.ids[-5:] and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)  # what should not come has a chance to


def _order(event_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = event_id.partition("-")
    return int(milliseconds), int(sequence)
