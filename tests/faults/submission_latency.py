"""F20: how fast it is while many submit."""

from __future__ import annotations

from pathlib import Path

from tests.faults.figures import Findings, Measured
from tests.faults.harness import running_service, scratch
from tests.faults.load import run
from tests.faults.quantiles import percentile

RATE_PER_S = 50.0
REQUEST_MS, LEDGER_MS, CLAIM_MS = 150.0, 10.0, 50.0
CLAIMS = 100


def open_loop(seed: int) -> Measured:
    """Open loop, 50 submissions a second over 10 ended scans (metadata cached): p99 < 150 ms
    with the Tiled look-up, the ledger's part p99 < 10 ms; claim to running on a warm worker
    p99 < 50 ms
    """
    found = Findings()
    said = run(RATE_PER_S, 30.0)
    for part, limit_ms in (("request_ms", REQUEST_MS), ("ledger_ms", LEDGER_MS)):
        name, spread = part.removesuffix("_ms"), said[part]
        found.say(
            f"{name} p50 {spread['p50']:g}, p99 {spread['p99']:g}, max {spread['max']:g} ms"
        )
        late = f"{name} p99 {spread['p99']:g} ms, < {limit_ms:g} ms wanted"
        found.check(spread["p99"] < limit_ms, late)
    with scratch() as folder:
        claims_ms = claimed_to_running_ms(folder, CLAIMS)
    p99_ms = percentile(claims_ms, 99)
    found.say(
        f"claim to running p50 {percentile(claims_ms, 50):.1f}, p99 {p99_ms:.1f}, max "
        f"{max(claims_ms):.1f} ms"
    )
    found.check(
        p99_ms < CLAIM_MS, f"claim to running p99 {p99_ms:.1f} ms, < {CLAIM_MS:g} ms wanted"
    )
    found.say(f"{said['submissions']} submissions, {CLAIMS} claims")
    return found.measured()


def claimed_to_running_ms(folder: Path, jobs: int) -> list[float]:
    """From the ledger's claim to the fake engine's first line, by one machine's clock."""
    with running_service(folder) as service:
        service.tick()
        service.worker("w")
        service.until_ended([service.submit(["seconds:0.1"])])
        ids = []
        for _ in range(jobs):
            ids.append(service.submit(["seconds:0.05"]))
            service.until_ended(ids[-1:])
        claimed = {e.job_id: e.at.timestamp() for e in service.events() if e.kind == "started"}
        began = {e.job: e.at for e in service.executions("start")}
    return [1000 * (began[job_id] - claimed[job_id]) for job_id in ids]
