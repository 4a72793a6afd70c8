"""Open event and picture streams: counted by key, ended with the key or session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from exitwave.schema.errors import LedgerUnavailable, TooManyRequests

from .keyring import Keyring
from .principal import Principal

CHECK_S = 1.0
RETRY_S = 10


class Stream:
    """One open stream. `ended` is set when its caller may no longer listen."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.ended = asyncio.Event()


class Streams:
    """All open streams of this process.

    Parameters
    ----------
    keyring : Keyring
        Knows which callers are still welcome.
    most : int
        Open streams of one key, its sessions included.
    """

    def __init__(self, keyring: Keyring, most: int) -> None:
        self._keyring = keyring
        self._most = most
        self._open: set[Stream] = set()

    @contextmanager
    def open(self, principal: Principal) -> Iterator[Stream]:
        """Count a stream for as long as the block lasts; `TooManyRequests` beyond the most."""
        of_key = sum(each.principal.key_id == principal.key_id for each in self._open)
        if of_key >= self._most:
            raise TooManyRequests(
                f"streams: found {of_key} open with this key; expected fewer than {self._most}",
                retry_after_s=RETRY_S,
            )
        stream = Stream(principal)
        self._open.add(stream)
        try:
            yield stream
        finally:
            self._open.discard(stream)

    async def watch(self) -> None:
        """End the streams of revoked and expired callers, for ever."""
        while True:
            await asyncio.sleep(CHECK_S)
            for principal in {each.principal for each in self._open}:
                try:
                    valid = await self._keyring.still_valid(principal)
                except LedgerUnavailable:
                    break  # nobody can tell now; the queue's clock logs that it is away
                if not valid:
                    self._end(principal)

    def _end(self, principal: Principal) -> None:
        for stream in self._open:
            if stream.principal == principal:
                stream.ended.set()
