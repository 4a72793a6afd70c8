"""A real API process for tests, which act as its workers themselves."""

from __future__ import annotations

import ssl
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.ledger_client import Ledger
from tests.support.stack import clean_environment, free_port, running, tail, wait_until

from exitwave.settings.service import LedgerSettings, TiledSettings

KEY = "sesame-3f9a"
PROGRAM = (
    "from exitwave.settings.service import load_settings; "
    "from exitwave.api.server import run_api; run_api(load_settings())"
)
LEASE_S = 2.0


@dataclass(frozen=True)
class Api:
    """A running API, with its queue's inside for the test to act as a worker."""

    url: str
    client: httpx.Client
    ledger: Ledger
    redis_root: str
    log: Path

    def submit(self, **body: Any) -> Any:
        answer = self.client.post("/api/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()


@contextmanager
def running_api(
    directory: Path,
    ledger_uri: str,
    tiled: TiledSettings,
    *,
    tls: ssl.SSLContext | None = None,
    **more: str,
) -> Iterator[Api]:
    """An API on a free port; `more` are settings of its, as in ``STREAMS="2"``.

    `tls` is what its clients trust where the settings make it speak HTTPS.
    """
    url = f"{'https' if tls else 'http'}://127.0.0.1:{free_port()}"
    prefix = uuid.uuid4().hex[:12]
    env = clean_environment(
        EXITWAVE_API_KEY=KEY,
        EXITWAVE__API__PORT=url.rpartition(":")[2],
        EXITWAVE__LEDGER__URI=ledger_uri,
        EXITWAVE__LEDGER__PREFIX=prefix,
        EXITWAVE__LEDGER__LEASE_S=str(LEASE_S),
        EXITWAVE__TILED__URI=tiled.uri,
        EXITWAVE__TILED__API_KEY=tiled.api_key.get_secret_value(),
        **{f"EXITWAVE__API__{name}": value for name, value in more.items()},
    )
    values = {"uri": ledger_uri, "prefix": prefix, "lease_s": LEASE_S}
    log = directory / "api.log"
    with (
        running([sys.executable, "-c", PROGRAM], owner=directory, env=env, log=log) as process,
        httpx.Client(
            base_url=url,
            headers={"Authorization": f"Apikey {KEY}"},
            timeout=60,
            verify=tls or True,
        ) as client,
        Ledger(LedgerSettings.model_validate(values)) as ledger,
    ):
        wait_until(lambda: _alive(client) or process.poll() is not None, "the API", log=log)
        assert process.poll() is None, tail(log)
        yield Api(url, client, ledger, f"{{{prefix}}}", log)


def _alive(client: httpx.Client) -> bool:
    try:
        return client.get("/livez", timeout=2.0).is_success
    except httpx.TransportError:
        return False


def problem(answer: httpx.Response, status: int, slug: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["status"]) == (f"urn:exitwave:problem:{slug}", status)
    assert body["title"]
    assert body["detail"]
    return body


def take_all(api: Api) -> None:
    """Empty the queue, so that the next claim gets what the test submits next."""
    for job in api.ledger.list(limit=200).jobs:
        if not job.state.terminal:
            api.ledger.cancel(job.id)


def nowhere() -> TiledSettings:
    """A Tiled that is away."""
    return TiledSettings.model_validate({"uri": f"http://127.0.0.1:{free_port()}"})
