"""Tiled as a sink: live pictures while the engine runs, then the final arrays, read back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from exitwave.settings.service import Settings

from .final import FinalArrays, deliver
from .live_writer import LiveWriter
from .node import AttemptRecord, ResultNode
from .protocol import Snapshot


class TiledSink:
    """Writes below an attempt's node.

    Parameters
    ----------
    settings : Settings
    record : AttemptRecord
    history : ndarray (n, 6)
        Lines of ``live/progress`` of the epochs that an earlier attempt has done.
    """

    def __init__(
        self, settings: Settings, record: AttemptRecord, history: NDArray[np.float64]
    ) -> None:
        self._node = ResultNode(settings.tiled, record)
        self._live = LiveWriter(self._node, settings.worker.publish_s, history)

    def offer(self, state: Snapshot) -> None:
        """Take note of an epoch; the newest becomes the next picture."""
        self._live.offer(state)

    def end(self) -> None:
        """No more epochs: the last one's picture and all rows go out now."""
        self._live.end()

    def done(self, within_s: float) -> bool:
        """Wait at most `within_s`; whether pictures and rows are written, or refused."""
        return self._live.done(within_s)

    def deliver(self, final: FinalArrays, go_on: Callable[[], None]) -> None:
        """Write the final arrays and read them back, however long Tiled is away."""
        deliver(self._node, final, go_on)

    def abandon(self) -> None:
        """Write nothing more, except for a request that is already under way."""
        self._live.abandon()
