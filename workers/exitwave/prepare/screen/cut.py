"""Frames of which a part was never written: zeros where the other part goes on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .evidence import Bools
from .signs import FrameSigns

LEAST_PHOTONS = 100.0
"""Expected in the missing lines together, by the mean pattern and the line beside them."""

LEAST_BESIDE = 50.0
"""Photons in the line beside the missing ones."""

LEAST_LINES = 1 / 16
"""Of all lines: a pattern may have single dark ones of its own."""

GOES_ON = 0.2
"""Of its light the mean pattern keeps from that line to the next."""


def cut(signs: FrameSigns) -> Bools:
    """Frames (n,) with rows or columns, or halves of them, that were not written."""
    evidence = signs.evidence
    found_n = np.zeros(len(signs), np.bool_)
    for lines_n2L in (evidence.rows_n2H, evidence.columns_n2W):
        for lines_nL in (lines_n2L[:, 0] + lines_n2L[:, 1], lines_n2L[:, 0], lines_n2L[:, 1]):
            found_n |= _ends(lines_nL) | _ends(lines_nL[:, ::-1])
    return found_n & signs.whole_n


def _ends(lines_nL: NDArray[np.float32]) -> Bools:
    """Which frames are lit in a line and zero in those that follow, unlike their mean."""
    mean_L = np.median(lines_nL, axis=0)
    lit_nL = lines_nL > 0
    scale_nL = lines_nL[:, :-1] / np.maximum(mean_L[:-1], 1e-30)
    goes_on_L = mean_L[1:] > GOES_ON * mean_L[:-1]
    ends_nL = (lines_nL[:, :-1] > LEAST_BESIDE) & ~lit_nL[:, 1:] & goes_on_L
    found_n = np.zeros(len(lines_nL), np.bool_)
    for frame, line in np.argwhere(ends_nL):
        behind = np.flatnonzero(lit_nL[frame, line + 1 :])
        stop = line + 1 + behind[0] if behind.size else len(mean_L)
        if stop - line - 1 < max(3, LEAST_LINES * len(mean_L)):
            continue
        expected = scale_nL[frame, line] * mean_L[line + 1 : stop].sum()
        found_n[frame] |= expected > LEAST_PHOTONS
    return found_n
