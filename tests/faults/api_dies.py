"""F2: the API dies while a thousand submissions come."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.faults.figures import Findings, Measured
from tests.faults.harness import Api, ServiceHarness, running_service, scratch
from tests.faults.real import Site, site

TOGETHER = 50
PAUSE_S = 0.2
GIVE_UP_S = 600.0
FLOOD = {"API__REQUESTS_PER_S": "100000"}


def submissions_while_the_api_dies(seed: int) -> Measured:
    """1,000 HTTP submissions with one idempotency key each, retried on any error, while the API
    is killed 5 times: jobs = distinct keys, every 202 is there
    """
    with scratch() as folder, site(folder / "tiled") as place:
        return submitted_meanwhile(folder / "service", place, seed)


@dataclass
class Client:
    """Hands jobs in, each again and again until it is accepted."""

    api: Api
    scan: str
    keys: list[str]
    ids: dict[str, list[str]] = field(default_factory=dict)
    """What was answered under each key."""
    failures: dict[str, int] = field(default_factory=dict)
    stopped: bool = False

    @property
    def accepted(self) -> int:
        return len(self.ids)

    def run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        turns = asyncio.Semaphore(TOGETHER)
        async with httpx.AsyncClient(
            base_url=self.api.url,
            headers={"Authorization": f"Apikey {self.api.key}"},
            timeout=30,
        ) as http:

            async def one(key: str) -> None:
                async with turns:
                    while not self.stopped and not await self._try(http, key):
                        await asyncio.sleep(PAUSE_S)

            await asyncio.gather(*map(one, self.keys))

    async def _try(self, http: httpx.AsyncClient, key: str) -> bool:
        """Whether it was accepted."""
        try:
            answer = await http.post(
                "/api/v1/jobs",
                json={"scan": self.scan, "tags": [key]},
                headers={"Idempotency-Key": key},
            )
        except httpx.TransportError as error:
            self._failed(type(error).__name__)
            return False
        if answer.status_code != httpx.codes.ACCEPTED:
            self._failed(f"{answer.status_code} {answer.text[:200]}")
            return False
        self.ids.setdefault(key, []).append(answer.json()["id"])
        return True

    def _failed(self, how: str) -> None:
        self.failures[how] = self.failures.get(how, 0) + 1


def submitted_meanwhile(
    folder: Path, place: Site, seed: int, *, submissions: int = 1000, kills: int = 5
) -> Measured:
    """Every key once while the API is killed, and once more when all is quiet again."""
    found, chance = Findings(), random.Random(seed)
    with running_service(folder, tiled=place.tiled.settings, **FLOOD) as service:
        api = service.api()
        keys = [f"key-{seed}-{number}" for number in range(submissions)]
        client = Client(api, place.scan.uid, keys)
        dies_at = sorted(chance.sample(range(submissions // 20, submissions), kills))
        began_s = time.monotonic()
        sender = threading.Thread(target=client.run, daemon=True)
        sender.start()
        killed = 0
        while sender.is_alive() and time.monotonic() - began_s < GIVE_UP_S:
            if killed < kills and client.accepted >= dies_at[killed]:
                api.kill()
                killed += 1
                time.sleep(chance.uniform(0.0, 1.0))
                api.start()
            sender.join(0.005)
        seconds = time.monotonic() - began_s
        client.stopped = True
        sender.join(60)
        again = Client(api, place.scan.uid, keys)
        again.run()
        _judge(service, client, again, found)
        failures = ", ".join(f"{n} {how}" for how, n in sorted(client.failures.items()))
        found.say(f"API killed {killed} times in {seconds:.0f} s; lost calls: {failures}")
        found.check(killed == kills, f"the API was killed {killed} times only")
        refused = [how for how in client.failures if how[0].isdigit()]
        found.check(not refused, f"answers other than 202: {refused}")
    return found.measured()


def _judge(service: ServiceHarness, client: Client, again: Client, found: Findings) -> None:
    jobs, cursor = [], None
    while True:
        page = service.ledger.list(limit=200, cursor=cursor)
        jobs += page.jobs
        cursor = page.cursor
        if cursor is None:
            break
    there = {job.id for job in jobs}
    tags = [job.spec.tags[0] for job in jobs]
    answered = {job_id for ids in client.ids.values() for job_id in ids}
    changed = [key for key in client.keys if again.ids.get(key) != client.ids.get(key)]
    submitted = sum(event.kind == "submitted" for event in service.events())
    found.say(
        f"{len(jobs)} jobs for {len(client.keys)} keys, {len(answered - there)} of "
        f"{len(answered)} accepted ones missing, {len(changed)} keys name another job later"
    )
    found.check(
        sorted(tags) == sorted(client.keys) and len(there) == len(client.keys),
        f"{len(there)} jobs for {len(set(tags))} of {len(client.keys)} keys",
    )
    found.check(submitted == len(client.keys), f"{submitted} events say submitted")
    found.check(answered == there, f"{len(answered ^ there)} jobs and 202s do not agree")
    found.check(not changed, f"another job under the same key later: {changed[:3]}")
