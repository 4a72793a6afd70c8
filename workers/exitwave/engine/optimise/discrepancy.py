"""The regularisation grows where a run fits its patterns better than their noise allows.

A right picture leaves as much as noise does; one that leaves less has fitted the noise. This
is the discrepancy principle (Morozov, Soviet Mathematics Doklady 7, 1966, 414-417). It binds
where few counts tell of many unknowns: dim patterns, weak samples, beams that light much of
the detector. No dose tells that beforehand (docs/decisions/0015-no-fit-below-the-noise.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..assessment.fit_evidence import misfit
from ..data.scan import Scan
from ..forward import Named
from ..schedule import Epoch

EVERY = 5
"""Epochs between two looks, in the first half of the last stage: the rest is to settle in."""

FRAMES = 64
"""Looked at, evenly over the scan."""

GROWTH, MOST = 1.25, 8.0
"""What the ratio is multiplied by at a look, and by all of them together at most."""


class Discrepancy:
    """How many times the recipe's ratio the regularisation has in a run's last stage.

    Parameters
    ----------
    scan : Scan
        As it is fitted.
    least : float
        Deviance over noise below which noise is being fitted; 0 is off.
    last_stage : int
        Its number, from 1.
    """

    def __init__(self, scan: Scan, least: float, last_stage: int) -> None:
        self._scan, self._least, self._last_stage = scan, least, last_stage
        self.factor = 1.0

    def look(self, epoch: Epoch, named: Named) -> bool:
        """Whether the factor has grown, as this epoch ends."""
        if not self._is_due(epoch) or self.factor * GROWTH > MOST:
            return False
        frames = np.sort(np.concatenate(epoch.batches))
        chosen = frames[:: max(1, len(frames) // FRAMES)]
        if misfit(self._scan, named, chosen) >= self._least:
            return False
        self.factor *= GROWTH
        return True

    def _is_due(self, epoch: Epoch) -> bool:
        if not (self._scan.counted and self._least > 0):
            return False
        in_last = epoch.stage_number == self._last_stage
        half = epoch.stage.epochs / 2
        return in_last and epoch.in_stage % EVERY == 0 and epoch.in_stage <= half

    def numbers(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"regularisation_factor": self.factor}

    def restore(self, numbers: Mapping[str, float]) -> None:
        """Take back what `numbers` gave."""
        self.factor = numbers["regularisation_factor"]
