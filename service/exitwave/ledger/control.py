"""Commands that make jobs and steer them, the queue and the workers."""

from __future__ import annotations

import json
from typing import Any

from exitwave.schema.digest import sha256_hex
from exitwave.schema.errors import NotFound
from exitwave.schema.job import Job, JobSpec

from .command import (
    FORGOTTEN_AFTER_LEASES,
    Command,
    CommandBuilder,
    check_job,
    other_request,
)
from .ids import new_job_id
from .records import job_from_reply


class ControlCommands(CommandBuilder):
    """What people, and the service for them, ask for."""

    def submit(
        self,
        spec: JobSpec,
        *,
        owner: str,
        idempotency_key: str | None,
        request_digest: str | None,
    ) -> Command[tuple[Job, bool]]:
        text = spec.model_dump_json()
        key_hash = _key_hash(owner, idempotency_key) if idempotency_key else None
        new_id = new_job_id()

        def parse(reply: Any) -> tuple[Job, bool]:
            kind, record = reply
            if kind == "other":
                raise other_request(str(idempotency_key), record)
            job = job_from_reply(record)
            return job, job.id == new_id

        return self._function(
            "submit",
            {
                "id": new_id,
                "key_hash": key_hash,
                "digest": request_digest or sha256_hex(text),
                "spec": text,
                "owner": owner,
                "priority": spec.priority,
                "scan": spec.scan.uid,
                "scan_id": None if spec.scan.scan_id is None else str(spec.scan.scan_id),
                "tags": json.dumps(spec.tags),
            },
            parse,
            durable=True,
        )

    def submitted(
        self, owner: str, idempotency_key: str, request_digest: str
    ) -> Command[Job | None]:
        def parse(reply: Any) -> Job | None:
            if reply is None:
                return None
            digest, record = reply
            job = job_from_reply(record)
            if digest != request_digest:
                raise other_request(idempotency_key, job.id)
            return job

        key_hash = _key_hash(owner, idempotency_key)
        return self._function("known", {"key_hash": key_hash}, parse, durable=True)

    def cancel(self, job_id: str) -> Command[Job]:
        return self._transition("cancel", job_id, allowed="queued or running")

    def stop(self, job_id: str) -> Command[Job]:
        return self._transition("stop", job_id, allowed="running")

    def reprioritise(self, job_id: str, priority: int) -> Command[Job]:
        return self._transition(
            "reprioritise", job_id, priority=priority, allowed="queued or running"
        )

    def pause(self, job_id: str, paused: bool) -> Command[Job]:
        return self._transition("pause", job_id, paused=paused, allowed="queued")

    def pause_queue(self, paused: bool) -> Command[None]:
        return self._function("pause_queue", {"paused": paused}, lambda reply: None)

    def delete(self, job_id: str) -> Command[None]:
        def parse(reply: Any) -> None:
            check_job(reply, job_id, "succeeded, failed, cancelled or dead")

        return self._function("delete", {"id": job_id}, parse)

    def drain(self, worker: str, draining: bool) -> Command[None]:
        def parse(reply: Any) -> None:
            if reply[0] == "missing":
                raise NotFound(
                    f"worker: found {worker!r}; expected the name of a worker that is there"
                )

        return self._function("drain", {"worker": worker, "draining": draining}, parse)

    def tick(self) -> Command[None]:
        silence_ms = FORGOTTEN_AFTER_LEASES * self._lease_ms
        return self._function("tick", {"silence_ms": silence_ms}, lambda reply: None)


def _key_hash(owner: str, idempotency_key: str) -> str:
    return sha256_hex(f"{owner}\0{idempotency_key}")
