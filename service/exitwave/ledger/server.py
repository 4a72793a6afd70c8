"""How the server is reached, and what its errors mean to us."""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio as redis_asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from exitwave.schema.errors import ExitwaveError, LedgerUnavailable
from exitwave.settings.service import LedgerSettings

from . import lua_functions
from .command import LONGEST_BLOCK_S

OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    "encoding_errors": "replace",  # a record damaged by hand must not break the reading
    "protocol": 2,
    "socket_connect_timeout": 2.0,
    "socket_timeout": 2 * LONGEST_BLOCK_S,
}

# A command may be sent again after a lost reply: all of them are idempotent.
RETRIES = 2


def connect(settings: LedgerSettings) -> redis.Redis:
    """A client that blocks, safe to share between threads; it connects when it sends."""
    return redis.Redis.from_url(
        settings.uri.get_secret_value(), retry=Retry(_backoff(), RETRIES), **OPTIONS
    )


def async_connect(settings: LedgerSettings) -> redis_asyncio.Redis:
    """The same for asyncio."""
    return redis_asyncio.Redis.from_url(
        settings.uri.get_secret_value(), retry=AsyncRetry(_backoff(), RETRIES), **OPTIONS
    )


def unavailable(error: RedisError) -> ExitwaveError:
    """The error of ours that an error of the server or of the way to it is."""
    if any(words in str(error) for words in ("WRONGTYPE", "not an integer")):
        # Not one job's record but what all commands need: as good as away until it is mended.
        return LedgerUnavailable(
            f"a key of the queue is of another kind than was written: {error}"
        )
    if lua_functions.is_other_layout(error):
        theirs = str(error).rpartition("EXITWAVELAYOUT ")[2].split()[0]
        return LedgerUnavailable(
            f"the queue speaks version {theirs} and this program version "
            f"{lua_functions.VERSION}; use the release that belongs to it, or another "
            "ledger.prefix"
        )
    return LedgerUnavailable(f"the queue does not answer: {error}")


def _backoff() -> ExponentialWithJitterBackoff:
    return ExponentialWithJitterBackoff(cap=0.5, base=0.05)
