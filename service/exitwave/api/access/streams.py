"""Open event and picture streams: counted by key, ended with the key or session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from exitwave.schema.errors import LedgerUnavailable, TooManyRequests

from .authenticator import Authenticator
from .principal import Principal

CHECK_INTERVAL_S = 1.0
RETRY_AFTER_S = 10


class OpenStream:
    """One open stream. `ended` is set when its caller may no longer listen."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.ended = asyncio.Event()


class OpenStreams:
    """The open streams of this process.

    Parameters
    ----------
    authenticator : Authenticator
        Tells which callers are still valid.
    limit : int
        Open streams of one key, its sessions included.
    """

    def __init__(self, authenticator: Authenticator, limit: int) -> None:
        self._keyring = authenticator
        self._limit = limit
        self._open: set[OpenStream] = set()

    @contextmanager
    def open(self, principal: Principal) -> Iterator[OpenStream]:
        """Count a stream while the block runs; `TooManyRequests` beyond the limit."""
        of_key = sum(each.principal.key_id == principal.key_id for each in self._open)
        if of_key >= self._limit:
            raise TooManyRequests(
                f"streams: found {of_key} open with this key; "
                f"expected fewer than {self._limit}",
                retry_after_s=RETRY_AFTER_S,
            )
        stream = OpenStream(principal)
        self._open.add(stream)
        try:
            yield stream
        finally:
            self._open.discard(stream)

    async def watch(self) -> None:
        """End the streams of revoked and expired callers, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            for principal in {each.principal for each in self._open}:
                try:
                    valid = await self._keyring.is_valid(principal)
                except LedgerUnavailable:
                    break  # unknown until the queue is back; its clock logs the outage
                if not valid:
                    self._end(principal)

    def _end(self, principal: Principal) -> None:
        for stream in self._open:
            if stream.principal == principal:
                stream.ended.set()
