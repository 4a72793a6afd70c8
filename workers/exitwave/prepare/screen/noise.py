"""Pixels far too noisy, or too quiet, compared with those around them."""

from __future__ import annotations

import numpy as np

from .beam import protected
from .evidence import Bools, Floats, PixelMaps
from .neighbours import middle

LEAST_FRAMES = 16
LEAST_PHOTONS = 30.0
"""In all frames together, before a variance says something."""

QUIET_TIMES = 18.0
"""Variance over mean, against the median around; 8 times less was seen in healthy scans."""

NOISY_TIMES = 27.0
"""Nine times more was seen in healthy scans."""


def too_quiet(maps: PixelMaps) -> Bools:
    """Pixels (H, W) with far less variance over mean than those around them."""
    ratio_HW, around_HW = _ratios(maps)
    return ratio_HW * QUIET_TIMES < around_HW


def too_noisy(maps: PixelMaps) -> Bools:
    """Pixels (H, W) with far more variance over mean than those around them."""
    ratio_HW, around_HW = _ratios(maps)
    return ratio_HW > NOISY_TIMES * around_HW


def _ratios(maps: PixelMaps) -> tuple[Floats, Floats]:
    """Variance over mean of each pixel, and their median around it; NaN if not known."""
    total_HW = maps.total_HW
    known_HW = maps.valid_HW & (total_HW > LEAST_PHOTONS)
    nothing_HW = np.full(total_HW.shape, np.nan)
    if maps.frames < LEAST_FRAMES or not known_HW.any():
        return nothing_HW, nothing_HW
    ratio_HW = maps.variance_HW / np.maximum(maps.mean_HW, 1e-30)
    judged_HW = known_HW & ~protected(maps.mean_HW, maps.valid_HW)
    return np.where(judged_HW, ratio_HW, np.nan), middle(ratio_HW, known_HW)
