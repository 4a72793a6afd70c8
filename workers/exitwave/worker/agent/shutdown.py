"""How a worker ends: a first SIGTERM lets the job make a checkpoint, a second does not."""

from __future__ import annotations

import signal
import time
from types import FrameType

END_WITHIN_S = 2.5
"""When it is to end at once, the agent ends within this, whatever hangs."""


class Shutdown:
    """Tells whether SIGTERM or SIGINT has come. To be made in the main thread.

    Parameters
    ----------
    drain_s : float
        After SIGTERM a running job has so long.
    """

    def __init__(self, drain_s: float) -> None:
        self._drain_s = drain_s
        self._now_from_s = float("inf")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    @property
    def requested(self) -> bool:
        """Whether the worker is to end: it claims no further job."""
        return self._now_from_s < float("inf")

    @property
    def immediate(self) -> bool:
        """Whether it is to end at once."""
        return time.monotonic() >= self._now_from_s

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        wait_s = self._drain_s if number == signal.SIGTERM and not self.requested else 0.0
        self._now_from_s = min(self._now_from_s, time.monotonic() + wait_s)
        # The unhandled alarm ends this process, and the kernel the engine with it, should
        # a call to the queue hang.
        signal.setitimer(signal.ITIMER_REAL, wait_s + END_WITHIN_S)
