"""Every call of the ledger as data: a command for the server and how to read its reply.

The sync and the async face run the same calls; they differ only in how they wait.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from exitwave.schema.errors import (
    InvalidInput,
    JobNotFound,
    StaleAttempt,
    TransitionNotAllowed,
)
from exitwave.schema.job import (
    Event,
    Failure,
    Job,
    JobPage,
    JobSpec,
    JobState,
    Outcome,
    Progress,
    Result,
)
from exitwave.schema.worker import WorkerInfo, WorkerState
from exitwave.settings.service import LedgerSettings

from . import library
from .ids import new_job_id
from .records import event_from_entry, job_from_reply, worker_from_reply

Signal = Literal["go", "cancel", "stale"]
"""Answer to a beat: go on, stop and finish as cancelled, or drop the attempt at once."""

LONGEST_BLOCK_S = 5.0
"""One blocking command waits no longer, so that a dead connection is noticed."""

FORGOTTEN_AFTER_LEASES = 3
"""A worker silent for this many leases leaves the list of workers."""

Events = list[Event]
Workers = list[WorkerInfo]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A command and the function that reads its reply."""

    command: tuple[str | int | float, ...]
    parse: Callable[[Any], T]


class Calls:
    """Builds the calls of one queue."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._root = f"{{{settings.prefix}}}"
        self._lease_ms = round(settings.lease_s * 1000)
        self._max_lost = settings.max_lost
        # Tells a worker that lost a reply from another worker of the same name.
        self._instance = secrets.token_hex(8)

    def submit(
        self,
        spec: JobSpec,
        *,
        owner: str,
        idempotency_key: str | None,
        request_digest: str | None,
    ) -> Call[tuple[Job, bool]]:
        text = spec.model_dump_json()
        key_hash = _key_hash(owner, idempotency_key) if idempotency_key else ""
        digest = request_digest or _sha256(text)
        scan_id = "" if spec.scan.scan_id is None else spec.scan.scan_id

        def parse(reply: Any) -> tuple[Job, bool]:
            kind, record = reply
            if kind == "other":
                raise _other_request(str(idempotency_key), record)
            return job_from_reply(record), kind == "new"

        arguments = (new_job_id(), key_hash, digest, text, owner, spec.priority)
        return self._function("submit", *arguments, spec.scan.uid, scan_id, parse=parse)

    def submitted(
        self, owner: str, idempotency_key: str, request_digest: str
    ) -> Call[Job | None]:
        def parse(reply: Any) -> Job | None:
            if reply is None:
                return None
            digest, record = reply
            job = job_from_reply(record)
            if digest != request_digest:
                raise _other_request(idempotency_key, job.id)
            return job

        return self._function("known", _key_hash(owner, idempotency_key), parse=parse)

    def claim(self, worker: str, device: str) -> Call[Job | None]:
        return self._function(
            "claim",
            worker,
            self._instance,
            device,
            self._lease_ms,
            self._max_lost,
            parse=lambda reply: None if reply is None else job_from_reply(reply),
        )

    def wait_for_bell(self, seconds: float) -> Call[object]:
        return Call(("BLPOP", f"{self._root}:bell", _block(seconds)), lambda reply: reply)

    def beat(
        self, job_id: str, attempt: int, worker: str, progress: Progress | None
    ) -> Call[Signal]:
        text = progress.model_dump_json() if progress else ""
        mark = f"{progress.phase}:{progress.epoch}" if progress else ""
        return self._function(
            "beat",
            job_id,
            attempt,
            worker,
            self._lease_ms,
            text,
            mark,
            parse=lambda reply: reply,
        )

    def finish(
        self,
        job_id: str,
        attempt: int,
        outcome: Outcome,
        *,
        result: Result | None,
        failure: Failure | None,
    ) -> Call[Job]:
        def parse(reply: Any) -> Job:
            if reply[0] == "missing":
                raise _job_not_found(job_id)
            job = job_from_reply(reply[1])
            if reply[0] == "stale":
                raise StaleAttempt(
                    f"job {job_id}: found attempt {attempt} saying {outcome}, but the job is "
                    f"{job.state} at attempt {job.attempt}; drop this attempt"
                )
            return job

        return self._function(
            "finish",
            job_id,
            attempt,
            outcome,
            result.model_dump_json() if result else "",
            failure.model_dump_json() if failure else "",
            failure.message if failure else "",
            self._lease_ms,
            self._max_lost,
            parse=parse,
        )

    def cancel(self, job_id: str) -> Call[Job]:
        def parse(reply: Any) -> Job:
            if reply[0] == "missing":
                raise _job_not_found(job_id)
            if reply[0] == "ended":
                raise TransitionNotAllowed(
                    f"job {job_id}: found state {reply[1]}; expected queued or running"
                )
            return job_from_reply(reply[1])

        return self._function("cancel", job_id, parse=parse)

    def get(self, job_id: str) -> Call[Job]:
        def parse(reply: Any) -> Job:
            if not reply:
                raise _job_not_found(job_id)
            return job_from_reply(reply)

        return self._function("get", job_id, parse=parse)

    def list_jobs(
        self, state: JobState | None, scan: str | None, limit: int, cursor: str | None
    ) -> Call[JobPage]:
        if cursor is not None and not re.fullmatch(r"[0-9]{1,15}", cursor):
            raise InvalidInput("cursor", cursor, "the cursor of an earlier page")

        def parse(reply: Any) -> JobPage:
            more, records = reply
            return JobPage(jobs=[job_from_reply(r) for r in records], cursor=more or None)

        return self._function(
            "list", cursor or "inf", limit, state or "", scan or "", parse=parse
        )

    def tick(self) -> Call[None]:
        age_ms = FORGOTTEN_AFTER_LEASES * self._lease_ms
        return self._function(
            "tick", self._lease_ms, self._max_lost, age_ms, parse=lambda reply: None
        )

    def read_events(self, after: str, wait_s: float, limit: int) -> Call[Events]:
        if not re.fullmatch(r"[0-9]{1,15}(-[0-9]{1,15})?", after):
            raise InvalidInput("event id", after, "the id of an earlier event, or 0")
        # BLOCK 0 would wait for ever.
        block = ("BLOCK", max(1, round(_block(wait_s) * 1000))) if wait_s > 0 else ()

        def parse(reply: Any) -> Events:
            entries = reply[0][1] if reply else []
            return [event_from_entry(entry_id, fields) for entry_id, fields in entries]

        command = ("XREAD", "COUNT", limit, *block, "STREAMS", f"{self._root}:events", after)
        return Call(command, parse)

    def last_event_id(self) -> Call[str]:
        command = ("XREVRANGE", f"{self._root}:events", "+", "-", "COUNT", 1)
        return Call(command, lambda reply: reply[0][0] if reply else "0-0")

    def first_event_id(self) -> Call[str]:
        command = ("XRANGE", f"{self._root}:events", "-", "+", "COUNT", 1)
        return Call(command, lambda reply: reply[0][0] if reply else "0-0")

    def presence(
        self, worker: str, device: str, state: WorkerState, job_id: str | None
    ) -> Call[None]:
        text = ""
        if state != "stopped":
            # When it was seen is the server's to say.
            said = {"name": worker, "device": device, "state": state, "job_id": job_id}
            text = json.dumps(said)
        return self._function("presence", worker, text, parse=lambda reply: None)

    def workers(self) -> Call[Workers]:
        return self._function(
            "workers",
            FORGOTTEN_AFTER_LEASES * self._lease_ms,
            parse=lambda reply: sorted(map(worker_from_reply, reply), key=lambda w: w.name),
        )

    def trigger_point(self, name: str) -> Call[str | None]:
        return Call(("HGET", f"{self._root}:triggers", name), lambda reply: reply)

    def set_trigger_point(self, name: str, value: str) -> Call[None]:
        return Call(("HSET", f"{self._root}:triggers", name, value), lambda reply: None)

    def create_code(self, ttl_s: int) -> Call[str]:
        return self._create_secret("code", ttl_s)

    def redeem_code(self, code: str) -> Call[bool]:
        return Call(("GETDEL", self._secret_key("code", code)), lambda reply: reply is not None)

    def create_session(self, ttl_s: int) -> Call[str]:
        return self._create_secret("session", ttl_s)

    def session_valid(self, token: str) -> Call[bool]:
        return Call(("EXISTS", self._secret_key("session", token)), bool)

    def _create_secret(self, kind: str, ttl_s: int) -> Call[str]:
        secret = secrets.token_urlsafe(24)
        return Call(
            ("SET", self._secret_key(kind, secret), 1, "EX", ttl_s), lambda reply: secret
        )

    def _secret_key(self, kind: str, secret: str) -> str:
        # Only hashes are stored: who reads the queue cannot log in with what is there.
        return f"{self._root}:{kind}:{_sha256(secret)}"

    def _function(
        self, name: str, *arguments: str | int | float, parse: Callable[[Any], T]
    ) -> Call[T]:
        command = ("FCALL", f"{library.NAME}_{name}", 1, self._root, library.VERSION)
        return Call((*command, *arguments), parse)


def ping() -> Call[bool]:
    """Whether the server answers."""
    return Call(("PING",), bool)


def _block(seconds: float) -> float:
    return min(max(seconds, 0.001), LONGEST_BLOCK_S)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _key_hash(owner: str, idempotency_key: str) -> str:
    return _sha256(f"{owner}\0{idempotency_key}")


def _job_not_found(job_id: str) -> JobNotFound:
    return JobNotFound(f"job: found {job_id!r}; expected the id of a job in this queue")


def _other_request(idempotency_key: str, job_id: str) -> InvalidInput:
    return InvalidInput(
        "Idempotency-Key",
        idempotency_key,
        f"a new key: this one belongs to job {job_id}, which was asked for with another body",
    )
