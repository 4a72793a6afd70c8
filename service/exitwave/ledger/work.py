"""Commands of workers: claim, heartbeat, finish, registration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from exitwave.schema.errors import LedgerCorrupt, StaleAttempt
from exitwave.schema.job import Failure, Job, Outcome, Progress, Result
from exitwave.schema.worker import WorkerState

from .command import Command, CommandBuilder, block_s, check_job
from .records import job_from_reply

Signal = Literal["go", "preempt", "stop", "cancel", "stale"]
"""Answer to a heartbeat: go on; keep a checkpoint and give the job back for live work; end now
and keep what there is; end and keep nothing; drop the attempt at once. Of several wishes the
strongest is told."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought: a job, none, or one to quarantine."""

    job: Job | None = None
    draining: bool = False
    unreadable: str | None = None


class WorkCommands(CommandBuilder):
    """What workers say."""

    def claim(self, worker: str, device: str) -> Command[Claimed]:
        def parse(reply: Any) -> Claimed:
            if reply[0] != "ok":
                return Claimed(draining=reply[0] == "draining")
            fields = dict(zip(reply[1][::2], reply[1][1::2], strict=True))
            try:
                return Claimed(job=job_from_reply(reply[1], fields["id"]))
            except LedgerCorrupt:
                return Claimed(unreadable=fields["id"])

        arguments = {"worker": worker, "instance": self._instance, "device": device}
        return self._function("claim", arguments, parse)

    def quarantine_job(self, job_id: str) -> Command[None]:
        return self._function("quarantine_job", {"id": job_id}, lambda reply: None)

    def wait_for_work(self, worker: str, seconds: float) -> Command[bool]:
        keys = (f"{self._root}:wakeup", self._wakeup(worker))
        return Command(("BLPOP", *keys, block_s(seconds)), lambda reply: reply is not None)

    def wait_for_control(self, worker: str, seconds: float) -> Command[bool]:
        return Command(
            ("BLPOP", self._wakeup(worker), block_s(seconds)),
            lambda reply: reply is not None,
        )

    def heartbeat(
        self, job_id: str, attempt: int, worker: str, progress: Progress | None
    ) -> Command[Signal]:
        arguments = {
            "id": job_id,
            "attempt": attempt,
            "worker": worker,
            "progress": progress.model_dump_json() if progress else None,
            "progress_key": f"{progress.phase}:{progress.epoch}" if progress else None,
        }
        return self._function("heartbeat", arguments, lambda reply: reply)

    def finish(
        self,
        job_id: str,
        attempt: int,
        worker: str,
        outcome: Outcome,
        *,
        result: Result | None,
        failure: Failure | None,
    ) -> Command[Job]:
        def parse(reply: Any) -> Job:
            check_job(reply, job_id)
            job = job_from_reply(reply[1], job_id)
            owner = f" of {job.attempts[-1].worker}" if job.attempts else ""
            if reply[0] == "stale":
                raise StaleAttempt(
                    f"job {job_id}: found attempt {attempt} of {worker} saying {outcome}, but "
                    f"the job is {job.state} at attempt {job.attempt}{owner}; drop it"
                )
            return job

        return self._function(
            "finish",
            {
                "id": job_id,
                "attempt": attempt,
                "worker": worker,
                "outcome": outcome,
                "reason": failure.message if failure else "",
                "result": result.model_dump_json() if result else None,
                "failure": failure.model_dump_json() if failure else None,
                "verdict": result.verdict.verdict if result and result.verdict else None,
            },
            parse,
        )

    def register_worker(
        self, worker: str, device: str, state: WorkerState, job_id: str | None, note: str
    ) -> Command[None]:
        info = None
        if state != "stopped":
            # The server itself notes when the worker was seen.
            said = {"name": worker, "device": device, "state": state, "job_id": job_id}
            info = json.dumps({**said, "note": note})
        return self._function(
            "register_worker", {"worker": worker, "info": info}, lambda reply: None
        )

    def _wakeup(self, worker: str) -> str:
        return f"{self._root}:wakeup:{worker}"
