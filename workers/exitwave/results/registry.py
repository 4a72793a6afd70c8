"""Where results go: a line for each kind of sink, and all of an attempt's as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from exitwave.settings.service import Settings

from .final import FinalArrays
from .node import AttemptRecord
from .protocol import Sink, Snapshot
from .tiled_sink import TiledSink

MakeSink = Callable[[Settings, AttemptRecord, NDArray[np.float64]], Sink]
"""Settings, whose result it is, and lines of the epochs done before."""

SINKS: dict[str, MakeSink] = {"tiled": TiledSink}
"""In the order in which a result is delivered."""


def make_sinks(
    settings: Settings, record: AttemptRecord, history: NDArray[np.float64]
) -> AllSinks:
    """One of each kind, for one attempt."""
    return AllSinks([make(settings, record, history) for make in SINKS.values()])


class AllSinks:
    """Several sinks as one: it is done, and has delivered, when all are and have.

    Parameters
    ----------
    sinks : sequence of Sink
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = list(sinks)

    def offer(self, state: Snapshot) -> None:
        """Have all take note of an epoch."""
        for sink in self._sinks:
            sink.offer(state)

    def end(self) -> None:
        """No more epochs."""
        for sink in self._sinks:
            sink.end()

    def done(self, within_s: float) -> bool:
        """Wait at most `within_s` for the first that is not done; whether all are."""
        return all(sink.done(within_s) for sink in self._sinks)

    def deliver(self, final: FinalArrays, go_on: Callable[[], None]) -> None:
        """Have one after the other write the final arrays."""
        for sink in self._sinks:
            sink.deliver(final, go_on)

    def abandon(self) -> None:
        """Have none write anything more."""
        for sink in self._sinks:
            sink.abandon()
