"""Frames that were written twice: noise is never the same again."""

from __future__ import annotations

import numpy as np

from .evidence import Bools
from .frame_statistics import FrameStatistics

LEAST_PHOTONS = 50.0
"""Fewer may be alike by chance."""

MOST_SHARE = 0.2
"""Where more frames are equal the scan has no noise, and equal frames are no fault."""


def repeated(statistics: FrameStatistics) -> Bools:
    """Frames (n,) equal to the one before."""
    hashes_n, totals_n = statistics.evidence.hashes_n, statistics.totals_n
    again_n = np.zeros(len(statistics), np.bool_)
    again_n[1:] = (hashes_n[1:] == hashes_n[:-1]) & (totals_n[1:] > LEAST_PHOTONS)
    for index in np.flatnonzero(again_n):
        counts_nHW = statistics.evidence.counts_nHW
        again_n[index] = np.array_equal(counts_nHW[index], counts_nHW[index - 1])
    return again_n if again_n.mean() <= MOST_SHARE else np.zeros_like(again_n)
