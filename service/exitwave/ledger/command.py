"""One command of the ledger as data, and what all builders of commands share."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from exitwave.schema.errors import (
    InvalidInput,
    JobNotFound,
    LedgerCorrupt,
    TransitionNotAllowed,
)
from exitwave.schema.job import Job
from exitwave.settings.service import LedgerSettings

from . import lua_functions
from .records import job_from_reply

LONGEST_BLOCK_S = 5.0
"""One blocking command waits no longer, so that a dead connection is noticed."""

FORGOTTEN_AFTER_LEASES = 3
"""A worker silent for this many leases leaves the list of workers."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """What is sent to the server, and the function that reads its reply.

    A `durable` one is answered only when a replica has it on disk too, where the server
    has replicas.
    """

    arguments: tuple[str | int | float, ...]
    parse: Callable[[Any], T]
    durable: bool = False


class CommandBuilder:
    """Builds commands of one queue."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._root = f"{{{settings.prefix}}}"
        self._lease_ms = round(settings.lease_s * 1000)
        self._policy = json.dumps(
            {
                "lease": self._lease_ms,
                "max_lost_attempts": settings.max_lost_attempts,
                "reserved_live_workers": settings.reserved_live_workers,
                "min_run_before_preempt": round(settings.min_run_before_preempt_s * 1000),
                "max_preemptions": settings.max_preemptions,
                "starvation_limit": round(settings.starvation_limit_s * 1000),
                "keep": round(settings.keep_days * 86_400_000),
                "keep_jobs": settings.keep_jobs,
            }
        )
        # Tells a worker that lost a reply from another worker of the same name.
        self._instance = secrets.token_hex(8)

    def _function(
        self,
        name: str,
        arguments: Mapping[str, object],
        parse: Callable[[Any], T],
        durable: bool = False,
    ) -> Command[T]:
        """The command that calls a function; arguments that are None are not sent."""
        sent = {name: value for name, value in arguments.items() if value is not None}
        head = ("FCALL", f"{lua_functions.NAME}_{name}", 1, self._root, lua_functions.VERSION)
        text = json.dumps(sent, ensure_ascii=False)
        return Command((*head, self._policy, text), parse, durable)

    def _transition(
        self, name: str, job_id: str, *, allowed: str, **arguments: object
    ) -> Command[Job]:
        """A command that changes one job, and is refused in some of its states."""

        def parse(reply: Any) -> Job:
            check_job(reply, job_id, allowed)
            return job_from_reply(reply[1], job_id)

        return self._function(name, {"id": job_id, **arguments}, parse)


def check_job(reply: Any, job_id: str, allowed: str = "") -> None:
    """Raise what a reply about one job says.

    Raises
    ------
    JobNotFound, LedgerCorrupt, TransitionNotAllowed
        There is none; its record cannot be read; it is in another state than `allowed`.
    """
    if reply[0] == "missing":
        raise job_not_found(job_id)
    if reply[0] == "corrupt":
        raise LedgerCorrupt(
            f"job {job_id}: found a corrupt {reply[1]} in its record; expected what the queue "
            "wrote. It is quarantined: delete it and submit it again"
        )
    if reply[0] == "not":
        raise TransitionNotAllowed(
            f"job {job_id}: found state {reply[1]}; expected {allowed}", state=reply[1]
        )


def job_not_found(job_id: str) -> JobNotFound:
    """The error for an id that is not in the queue."""
    return JobNotFound(f"job: found {job_id!r}; expected the id of a job in this queue")


def other_request(idempotency_key: str, job_id: str) -> InvalidInput:
    """The error for an idempotency key that was used for something else."""
    return InvalidInput(
        "Idempotency-Key",
        idempotency_key,
        f"a new key: this one belongs to job {job_id}, which was asked for with another body",
    )


def block_s(seconds: float) -> float:
    """How long one blocking command waits; 0 would be for ever."""
    return min(max(seconds, 0.001), LONGEST_BLOCK_S)
