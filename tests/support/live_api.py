"""A real API process on a real queue and Tiled, without a worker: tests paint the pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import redis
from tests.ledger_client import Ledger
from tests.support.live_job import LiveJob, claim, results_container, spec
from tests.support.stack import (
    TiledServer,
    answers,
    clean_environment,
    free_port,
    running,
    wait_until,
)

from exitwave.schema.job import Job
from exitwave.settings.service import LedgerSettings

KEY = "test-key-0123456789abcdef"
PROGRAM = (
    "from exitwave.api.server import run_api; "
    "from exitwave.settings.service import load_settings; run_api(load_settings())"
)


@dataclass
class LiveApi:
    """The API's address, and the test's own hands on queue and results."""

    url: str
    ledger: Ledger
    container: Any
    argv: list[str]
    env: dict[str, str]
    directory: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Apikey {KEY}"}

    def one_time_code(self) -> str:
        answer = httpx.post(f"{self.url}/api/v1/session/code", headers=self.headers)
        return str(answer.raise_for_status().json()["code"])

    def submit(self, scan_uid: str, scan_id: int = 4242) -> Job:
        return self.ledger.submit(spec(scan_uid, scan_id), owner="test")[0]

    def claim(self, *, note: str = "") -> LiveJob:
        return claim(self.ledger, self.container, note=note)

    def forget(self) -> None:
        """Empty the queue: jobs, events and sessions. The API does not mind."""
        with redis.Redis.from_url(self.env["EXITWAVE__LEDGER__URI"]) as client:
            for key in client.scan_iter(f"*{self.env['EXITWAVE__LEDGER__PREFIX']}*"):
                client.delete(key)

    @contextmanager
    def process(self) -> Iterator[None]:
        """The API process itself; can be entered again after it was left."""
        log = self.directory / "api.log"
        with running(self.argv, owner=self.directory, env=self.env, log=log) as process:

            def up() -> bool:
                return answers(f"{self.url}/livez") or process.poll() is not None

            wait_until(up, "api", log=log)
            yield


def make_live_api(directory: Path, valkey_uri: str, tiled: TiledServer) -> LiveApi:
    """Settings of an API with a queue of its own; not started yet."""
    port, prefix = free_port(), f"live-{directory.name}"
    env = clean_environment(
        EXITWAVE_API_KEY=KEY,
        EXITWAVE__LEDGER__URI=valkey_uri,
        EXITWAVE__LEDGER__PREFIX=prefix,
        EXITWAVE__TILED__URI=tiled.uri,
        EXITWAVE__TILED__API_KEY=tiled.api_key,
        EXITWAVE__API__PORT=str(port),
    )
    ledger = Ledger(LedgerSettings.model_validate({"uri": valkey_uri, "prefix": prefix}))
    return LiveApi(
        url=f"http://127.0.0.1:{port}",
        ledger=ledger,
        container=results_container(tiled.uri, tiled.api_key),
        argv=[sys.executable, "-c", PROGRAM],
        env=env,
        directory=directory,
    )
