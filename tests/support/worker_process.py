"""A worker process, its queue, and waiting for what becomes of jobs there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.integration.processes import engine_of
from tests.ledger_client import Ledger
from tests.support.stack import wait_until

from exitwave.schema.job import Job


@dataclass
class WorkerProcess:
    """`exitwave worker` with a queue of its own."""

    process: subprocess.Popen[bytes]
    ledger: Ledger
    log: Path

    def engine_pid(self) -> int:
        return engine_of(self.process.pid)

    def until(self, job_id: str, what: Callable[[Job], object], within_s: float = 120) -> Job:
        wait_until(
            lambda: what(self.ledger.get(job_id)), "job", within_s=within_s, log=self.log
        )
        return self.ledger.get(job_id)

    def until_ended(self, job_id: str) -> Job:
        return self.until(job_id, lambda job: job.state.terminal)

    def until_computing(self, job_id: str, attempt: int = 1) -> Job:
        return self.until(
            job_id,
            lambda job: job.attempt == attempt and job.progress and job.progress.epoch > 0,
        )
