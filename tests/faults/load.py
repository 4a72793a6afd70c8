"""How long a submission takes while many come: 50 a second, over scans that have ended.

    python -m tests.faults.load 50 30

Open loop: each request is sent when its time has come, however long the others take. What the
ledger needs by itself is measured in the same way, with the same specifications, beside it.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from tests.integration.api_process import KEY, running_api
from tests.support.stack import running_tiled, running_valkey, short_scan

from exitwave.ledger import ServiceLedger
from exitwave.schema.job import JobSpec
from exitwave.settings.service import LedgerSettings, Settings
from exitwave.simulated_beamline.play import play

N_SCANS = 10
WARM_UP_S = 3.0

Send = Callable[[int], Awaitable[None]]


def run(
    rate_per_s: float = 50.0, seconds: float = 30.0, n_scans: int = N_SCANS
) -> dict[str, Any]:
    """Submit `rate_per_s` jobs a second for `seconds`, round and round over `n_scans` scans.

    Returns
    -------
    dict
        `submissions`, `rate_per_s`, and `request_ms` and `ledger_ms`: p50, p99 and maximum of
        the whole request on loopback and of the ledger's own call.
    """
    with tempfile.TemporaryDirectory(prefix="exitwave-load-") as name:
        folder = Path(name)
        for part in ("valkey", "tiled"):
            (folder / part).mkdir()
        with running_valkey(folder / "valkey") as uri, running_tiled(folder / "tiled") as tiled:
            settings = Settings(data_dir=tiled.data_dir, tiled=tiled.settings)
            scan_file = short_scan(folder / "short.cxi")
            scans = [
                play(settings, scan_file=scan_file, duration_s=0.2).uid for _ in range(n_scans)
            ]
            limit = {"REQUESTS_PER_S": str(4 * rate_per_s)}
            with running_api(folder, uri, tiled.settings, **limit) as api:
                request_s, spec = asyncio.run(_requests(api.url, scans, rate_per_s, seconds))
            ledger = LedgerSettings.model_validate({"uri": uri, "prefix": "load"})
            ledger_s = asyncio.run(_ledger_alone(ledger, spec, rate_per_s, seconds))
    return {
        "submissions": len(request_s),
        "rate_per_s": rate_per_s,
        "scans": n_scans,
        "request_ms": _spread_ms(request_s),
        "ledger_ms": _spread_ms(ledger_s),
    }


async def _requests(
    url: str, scans: list[str], rate_per_s: float, seconds: float
) -> tuple[list[float], JobSpec]:
    headers = {"Authorization": f"Apikey {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:

        async def send(number: int) -> None:
            answer = await client.post(
                "/api/v1/jobs",
                json={"scan": scans[number % len(scans)], "tags": ["load"]},
                headers={"Idempotency-Key": uuid.uuid4().hex},
            )
            answer.raise_for_status()

        await _at_rate(send, rate_per_s, WARM_UP_S)
        taken_s = await _at_rate(send, rate_per_s, seconds)
        page = (await client.get("/api/v1/jobs", params={"limit": 1})).json()
        return taken_s, JobSpec.model_validate(page["jobs"][0]["spec"])


async def _ledger_alone(
    settings: LedgerSettings, spec: JobSpec, rate_per_s: float, seconds: float
) -> list[float]:
    async with ServiceLedger(settings) as ledger:

        async def send(number: int) -> None:
            await ledger.submit(spec, owner="load", idempotency_key=uuid.uuid4().hex)

        await _at_rate(send, rate_per_s, WARM_UP_S)
        return await _at_rate(send, rate_per_s, seconds)


async def _at_rate(send: Send, rate_per_s: float, seconds: float) -> list[float]:
    """Seconds that each took, counted from when it was due."""

    async def timed(number: int) -> float:
        due_s = began_s + number / rate_per_s
        await asyncio.sleep(due_s - time.perf_counter())
        await send(number)
        return time.perf_counter() - due_s

    began_s = time.perf_counter()
    return list(await asyncio.gather(*map(timed, range(round(rate_per_s * seconds)))))


def _spread_ms(taken_s: list[float]) -> dict[str, float]:
    percentiles = statistics.quantiles(taken_s, n=100)
    found = {"p50": percentiles[49], "p99": percentiles[98], "max": max(taken_s)}
    return {name: round(1000 * value, 1) for name, value in found.items()}


if __name__ == "__main__":
    print(json.dumps(run(float(sys.argv[1]), float(sys.argv[2])), indent=1))
