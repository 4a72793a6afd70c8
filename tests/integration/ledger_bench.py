"""What tests of the ledger share."""

from __future__ import annotations

import uuid

from exitwave.ledger import Ledger
from exitwave.schema.job import Job, JobSpec, Result, ScanRef
from exitwave.settings.service import LedgerSettings

RESULT = Result(node="ptycho/s/j/a1", attempt=1, epochs=3, loss=0.5)


def spec(scan: str = "s", priority: int = 5) -> JobSpec:
    ref = ScanRef(uid=scan, scan_id=7, path=f"raw/{scan}")
    return JobSpec(scan=ref, recipe={"stages": [], "start": {}}, priority=priority)


def settings_for(uri: str, lease_s: float = 30.0, max_lost: int = 3) -> LedgerSettings:
    prefix = f"t{uuid.uuid4().hex[:12]}"
    values = {"uri": uri, "prefix": prefix, "lease_s": lease_s, "max_lost": max_lost}
    return LedgerSettings.model_validate(values)


def submit(ledger: Ledger, scan: str = "s", priority: int = 5) -> Job:
    return ledger.submit(spec(scan, priority), owner="me")[0]


def claim(ledger: Ledger, worker: str = "w") -> Job:
    job = ledger.claim(worker, "cpu")
    assert job is not None
    return job


def kinds(ledger: Ledger, job_id: str) -> list[str]:
    return [event.kind for event in ledger.events("0", job_id=job_id)]
