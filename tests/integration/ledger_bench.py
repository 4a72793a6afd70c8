"""What tests of the ledger share; run as a module it measures each call.

``python -m tests.integration.ledger_bench`` starts a server of its own, puts jobs into it and
prints the time of each call as ``call | p50 ms | p99 ms``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.ledger_client import Ledger

from exitwave.schema.job import Job, JobSpec, Progress, Result, ScanRef
from exitwave.settings.service import LedgerSettings

RESULT = Result(node="ptycho/s/j/a1", attempt=1, epochs=3, loss=0.5)


def spec(scan: str = "s", priority: int = 5, tags: list[str] | None = None) -> JobSpec:
    ref = ScanRef(uid=scan, scan_id=7, path=f"raw/{scan}")
    recipe = {"stages": [], "start": {}}
    return JobSpec(scan=ref, recipe=recipe, priority=priority, tags=tags or [])


def settings_for(
    uri: str, lease_s: float = 30.0, max_lost_attempts: int = 3, **more: float
) -> LedgerSettings:
    prefix = f"t{uuid.uuid4().hex[:12]}"
    values = {
        "uri": uri,
        "prefix": prefix,
        "lease_s": lease_s,
        "max_lost_attempts": max_lost_attempts,
        **more,
    }
    return LedgerSettings.model_validate(values)


def submit(ledger: Ledger, scan: str = "s", priority: int = 5) -> Job:
    return ledger.submit(spec(scan, priority), owner="me")[0]


def claim(ledger: Ledger, worker: str = "w") -> Job:
    job = ledger.claim(worker, "cpu")
    assert job is not None
    return job


def kinds(ledger: Ledger, job_id: str) -> list[str]:
    return [event.kind for event in ledger.events("0", job_id=job_id)]


def measure(jobs: int = 2000) -> list[tuple[str, float, float]]:
    """Median and 99th percentile of each call in ms, with `jobs` jobs in the queue."""
    from tests.integration.own_server import OwnServer

    times: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[[], object]) -> None:
        began = time.perf_counter()
        call()
        times.setdefault(name, []).append((time.perf_counter() - began) * 1000)

    with tempfile.TemporaryDirectory() as folder:
        server = OwnServer(Path(folder))
        try:
            with Ledger(settings_for(server.uri)) as ledger:
                for number in range(jobs):
                    timed("submit batch", lambda n=number: submit(ledger, f"s{n % 10}"))
                for number in range(200):
                    live = f"live{number}"
                    timed("submit live", lambda scan=live: submit(ledger, scan, 0))
                for epoch in range(400):
                    began = time.perf_counter()
                    job = claim(ledger)
                    times.setdefault("claim", []).append((time.perf_counter() - began) * 1000)
                    said = Progress(phase="reconstructing", epoch=epoch)
                    timed("heartbeat", lambda j=job, s=said: ledger.heartbeat(j.id, 1, "w", s))
                    timed(
                        "finish",
                        lambda j=job: ledger.finish(j.id, 1, "w", "succeeded", result=RESULT),
                    )
                    timed("tick", ledger.tick)
                    timed("list 50", lambda: ledger.list(scan="s3", limit=50))
                    timed("queue 50", lambda: ledger.queue(50))
        finally:
            server.kill()
    return [
        (name, statistics.median(each), statistics.quantiles(each, n=100)[98])
        for name, each in times.items()
    ]


if __name__ == "__main__":
    print("call | p50 ms | p99 ms")
    for name, median_ms, p99_ms in measure():
        print(f"{name} | {median_ms:.2f} | {p99_ms:.2f}")
