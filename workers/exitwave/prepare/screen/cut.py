"""Frames of which a part was never written: zeros where the other part goes on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .evidence import Bools
from .frame_statistics import FrameStatistics

LEAST_PHOTONS = 100.0
"""Expected in the missing lines together, by the mean pattern and the line beside them."""

LEAST_BESIDE = 50.0
"""Photons in the line beside the missing ones."""

LEAST_LINES = 1 / 16
"""Of all lines: a pattern may have single dark ones of its own."""

GOES_ON = 0.2
"""Of its light the mean pattern keeps from that line to the next."""


def cut(statistics: FrameStatistics) -> Bools:
    """Frames (n,) with rows or columns, or halves of them, that were not written."""
    found_n = np.zeros(len(statistics), np.bool_)
    for lines_n2L in (statistics.rows_n2H, statistics.columns_n2W):
        for lines_nL in (lines_n2L[:, 0] + lines_n2L[:, 1], lines_n2L[:, 0], lines_n2L[:, 1]):
            found_n |= _ends(lines_nL) | _ends(lines_nL[:, ::-1])
    return found_n & statistics.whole_n


def _ends(lines_nL: NDArray[np.float32]) -> Bools:
    """Which frames have counts in a line and zeros in those that follow, unlike their mean."""
    mean_L = np.median(lines_nL, axis=0)
    lit_nL = lines_nL > 0
    # Light that fades from line to line by itself leads to less in the next one.
    last_nL, before_nL = lines_nL[:, 1:-1], lines_nL[:, :-2]
    leads_nL = last_nL * np.minimum(1, last_nL / np.maximum(before_nL, 1e-30))
    goes_on_L = mean_L[2:] > GOES_ON * mean_L[1:-1]
    ends_nL = (leads_nL > LEAST_BESIDE) & ~lit_nL[:, 2:] & goes_on_L
    found_n = np.zeros(len(lines_nL), np.bool_)
    for frame, line in np.argwhere(ends_nL):
        first = line + 2
        behind = np.flatnonzero(lit_nL[frame, first:])
        stop = first + behind[0] if behind.size else len(mean_L)
        if stop - first < max(3, LEAST_LINES * len(mean_L)):
            continue
        scale = leads_nL[frame, line] / max(float(mean_L[line + 1]), 1e-30)
        found_n[frame] |= scale * mean_L[first:stop].sum() > LEAST_PHOTONS
    return found_n
