"""The last epoch of a spooled result, as a sink takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exitwave.results import Spooled
from exitwave.schema.result import DATA_LOSS, EPOCH, FIELDS, LOSS, PRIOR_LOSS, SECONDS


@dataclass(frozen=True, slots=True)
class LastLoss:
    """Loss terms of the last epoch."""

    total: float
    data: float
    regularisation: float


class LastEpoch:
    """A `Snapshot` of a result.

    Parameters
    ----------
    spooled : Spooled
    """

    def __init__(self, spooled: Spooled) -> None:
        self._final = spooled.final
        last = dict(zip(FIELDS, spooled.rows[-1].tolist(), strict=True))
        self.epoch = int(last[EPOCH])
        self.seconds = float(last[SECONDS])
        self.loss = LastLoss(last[LOSS], last[DATA_LOSS], last[PRIOR_LOSS])

    def object_MYX(self) -> NDArray[np.complex64]:
        """The object."""
        return self._final.object_MYX

    def probe_NHW(self) -> NDArray[np.complex64]:
        """The probe."""
        return self._final.probe_NHW

    def illuminated_YX(self) -> NDArray[np.bool_]:
        """Where the object is known."""
        return self._final.known_YX
