"""Frames under a fog: stray light, an open shutter's background, a wrong dark image."""

from __future__ import annotations

import numpy as np

from .evidence import Bools
from .frame_statistics import FrameStatistics, contrast, runs_of

DIM_SHARE = 0.5
"""Of the tiles, the dimmest ones: there a fog is seen first."""

TIMES = 3.0
"""Brighter than any neighbour where it should be dim; 1.6 was seen of healthy frames."""

LEAST_AREA = 0.8
"""Of the dim tiles, that are brighter than in most frames."""

MOST_PERCENTILE = 60

LEAST_SHARE = 0.1
"""Of the frame's light: a fainter fog does little harm, and is found by the fit."""

EVEN = 0.15
"""A contrast below: speckles have 0.3 and more."""


def fog(statistics: FrameStatistics) -> Bools:
    """Frames (n,) under an even or smooth background."""
    tiles_nTT = statistics.tiles_nTT
    middle_TT = np.median(tiles_nTT, axis=0)
    dim_TT = middle_TT <= np.quantile(middle_TT, DIM_SHARE)
    dim_n = tiles_nTT[:, dim_TT].sum(axis=1)
    noise_n = 3 * np.sqrt(dim_n)
    usual_n = np.nan_to_num(statistics.highest_around(dim_n), nan=float(np.median(dim_n)))
    lifted_n = dim_n > np.median(dim_n) + noise_n + 5
    # Frames that went wrong together are no witnesses for each other.
    runs_n = runs_of(lifted_n)
    apart_nk = (runs_n[:, None] < 0) | (runs_n[statistics.near_nk] != runs_n[:, None])
    usual_n = np.where(
        lifted_n, np.nan_to_num(statistics.highest_around(dim_n, apart_nk), nan=np.inf), usual_n
    )
    above_n = dim_n - noise_n > TIMES * (usual_n + 3 * np.sqrt(usual_n) + 5)
    share = dim_TT.mean()
    added_n = (dim_n - usual_n) / share
    above_n &= added_n > LEAST_SHARE * statistics.totals_n
    bright_nTT = tiles_nTT > np.percentile(tiles_nTT, MOST_PERCENTILE, axis=0)
    above_n &= bright_nTT[:, dim_TT].mean(axis=1) >= LEAST_AREA
    found_n = np.zeros(len(statistics), np.bool_)
    for index in np.flatnonzero(above_n).tolist():
        found = contrast(statistics.evidence.frame(index), dim_TT, statistics)
        found_n[index] = found.structure - found.error < EVEN
    return found_n
