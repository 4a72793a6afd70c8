"""One page's connection: what it watches, what waits for it, what is under way.

Credit flow control: one frame is in flight until the page acks its number; of every
plane only the newest frame waits. A slow page thus sees fewer pictures, never old ones,
and costs the server nothing. Events are not dropped: a page that lets too many pile up is
sent away and starts afresh.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from exitwave.schema.result import FramePlane

from .frames import Frame, encode

MOST_WAITING_EVENTS = 2000


class Socket(Protocol):
    """What a viewer needs of a websocket."""

    async def send_text(self, data: str) -> None: ...
    async def send_bytes(self, data: bytes) -> None: ...


class SlowViewerError(ConnectionError):
    """The page does not read its events."""


class Viewer:
    """Sends events and frames to one page.

    Parameters
    ----------
    socket : Socket
    sees : callable
        Whether the page may know of the jobs of an owner.
    """

    def __init__(self, socket: Socket, sees: Callable[[str], bool]) -> None:
        self._socket = socket
        self.sees = sees
        self._texts: deque[str] = deque()
        self._pending: dict[tuple[str, FramePlane], Frame] = {}
        self._in_flight: int | None = None
        self._seq = 0
        self._wake = asyncio.Event()
        self.wanted: Mapping[str, frozenset[FramePlane]] = {}

    def watch(self, wanted: Mapping[str, frozenset[FramePlane]]) -> None:
        """Replace what the page watches; frames of anything else no longer wait."""
        self.wanted = wanted
        self._pending = {key: frame for key, frame in self._pending.items() if self.wants(*key)}

    def wants(self, job: str, plane: FramePlane) -> bool:
        """Whether the page watches this plane."""
        return plane in self.wanted.get(job, ())

    def tell(self, text: str) -> None:
        """Queue a text message."""
        self._texts.append(text)
        self._wake.set()

    def offer(self, frame: Frame) -> None:
        """Queue a frame if the page watches it; an older one of its plane is dropped."""
        if self.wants(frame.job, frame.plane):
            self._pending[frame.job, frame.plane] = frame
            self._wake.set()

    def ack(self, seq: int) -> None:
        """The page has shown frame `seq`: the next may go."""
        if seq == self._in_flight:
            self._in_flight = None
            self._wake.set()

    async def run(self) -> None:
        """Send what waits, events first, until cancelled.

        Raises
        ------
        SlowViewerError
            More than `MOST_WAITING_EVENTS` events wait.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._texts:
                if len(self._texts) > MOST_WAITING_EVENTS:
                    raise SlowViewerError(f"{len(self._texts)} events wait")
                await self._socket.send_text(self._texts.popleft())
            if self._pending and self._in_flight is None:
                # dicts keep their order, so the planes take turns
                key = next(iter(self._pending))
                self._seq += 1
                self._in_flight = self._seq
                await self._socket.send_bytes(encode(self._pending.pop(key), self._seq))
                self._wake.set()
