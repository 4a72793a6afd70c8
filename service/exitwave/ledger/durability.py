"""Whether the server keeps what it answers: the questions, and how to judge its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from exitwave.schema.errors import LedgerUnavailable, UsageError

CONFIG = ("CONFIG GET", "append*")
REPLICATION = ("INFO", "replication")
WAIT_MS = 2000
PROBE = ("WAITAOF", 0, 0, 0)
WAIT = ("WAITAOF", 1, 1, WAIT_MS)
"""On disk here and on one replica."""

_log = structlog.get_logger(__name__)


def check_config(reply: Mapping[str, str]) -> None:
    """Demand that a write is on disk before it is answered.

    Raises
    ------
    UsageError
        The server's append-only file is off, or written later than it answers.
    """
    demanded = {"appendonly": "yes", "appendfsync": "always"}
    for name, wanted in demanded.items():
        found = reply.get(name, "nothing")
        if found != wanted:
            raise UsageError(
                f"the queue's server: found {name} {found}; expected {name} {wanted}, so that "
                "an accepted job is on disk before it is answered"
            )


def config_is_hidden(error: Exception) -> None:
    """Say that nobody could look."""
    _log.warning(
        "ledger.durability_unknown",
        error=str(error),
        expected="appendonly yes and appendfsync always, which this server does not tell",
    )


def has_replicas(info: Mapping[str, Any]) -> bool:
    """Whether replicas are connected."""
    return int(info.get("connected_slaves", 0)) > 0


def no_waitaof(error: Exception) -> UsageError:
    """The error for a server with replicas that cannot wait for them."""
    return UsageError(
        f"the queue's server has replicas but no WAITAOF ({error}); expected Valkey or Redis "
        ">= 7.2, so that a failover loses no accepted job, or a server without replicas"
    )


def check_replicated(reply: tuple[int, int]) -> None:
    """Raise `LedgerUnavailable` unless the write is on disk here and on a replica."""
    here, replicas = reply
    if here < 1 or replicas < 1:
        raise LedgerUnavailable(
            f"the queue's server: found the write on {replicas} replicas' disks after "
            f"{WAIT_MS} ms; expected 1; try again with the same idempotency key"
        )
