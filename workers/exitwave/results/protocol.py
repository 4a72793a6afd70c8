"""What a place for results is asked to do, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .final import FinalArrays


class LossSummary(Protocol):
    """Loss terms of an epoch."""

    @property
    def total(self) -> float: ...
    @property
    def data(self) -> float: ...
    @property
    def regularisation(self) -> float: ...


class Snapshot(Protocol):
    """What a picture is made from: an immutable state of the engine after an epoch."""

    @property
    def epoch(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def loss(self) -> LossSummary: ...
    def object_MYX(self) -> NDArray[np.complex64]: ...
    def probe_NHW(self) -> NDArray[np.complex64]: ...
    def illuminated_YX(self) -> NDArray[np.bool_]: ...


class Sink(Protocol):
    """A place for the results of one attempt.

    States are offered while the engine runs, which waits for no sink; `end` follows the last
    of them, `deliver` comes after `done` has said yes, and `abandon` in any case at the end.
    What a sink has not delivered lies on disk: a later attempt makes new sinks and delivers
    it to all of them, so that a sink must cope with what another one of its kind has begun.
    """

    def offer(self, state: Snapshot) -> None:
        """Take note of an epoch. Returns at once; may leave out states for newer ones."""

    def end(self) -> None:
        """No more epochs: whatever is waiting is written now."""

    def done(self, within_s: float) -> bool:
        """Wait at most `within_s`; whether nothing is waiting any more."""

    def deliver(self, final: FinalArrays, go_on: Callable[[], None]) -> None:
        """Write the final arrays; they can be read when this returns.

        Parameters
        ----------
        final : FinalArrays
        go_on : callable
            Called before every try; raises to give up.

        Raises
        ------
        SinkError
            They are refused, or do not come back as they were.
        """

    def abandon(self) -> None:
        """Write nothing more."""
