"""Frames brighter than the beam: no sample adds light."""

from __future__ import annotations

import numpy as np

from .evidence import Bools
from .frame_statistics import FrameStatistics

TIMES_AROUND = 3.0
TIMES_ALL = 2.0
BRIGHT_PERCENTILE = 95


def too_bright(statistics: FrameStatistics) -> Bools:
    """Frames (n,) far brighter than all around them and than nearly all of the scan."""
    totals_n = statistics.totals_n
    noise_n = 5 * np.sqrt(totals_n)
    around_n = np.nan_to_num(statistics.highest_around(totals_n), nan=np.inf)
    usual = float(np.percentile(totals_n, BRIGHT_PERCENTILE))
    surely_n = totals_n - noise_n
    found_n: Bools = (surely_n > TIMES_AROUND * around_n) & (surely_n > TIMES_ALL * usual)
    return found_n
