"""Pixels far too noisy, or too quiet, compared with those around them."""

from __future__ import annotations

import numpy as np

from .beam import protected
from .evidence import Bools, Floats, PixelMaps
from .neighbours import WINDOW, highest, lowest, middle_at

LEAST_FRAMES = 16
LEAST_PHOTONS = 30.0
"""In all frames together, before a variance says something."""

QUIET_TIMES = 18.0
"""Variance over mean, against the median around; 8 times less was seen in healthy scans."""

NOISY_TIMES = 27.0
"""Nine times more was seen in healthy scans."""


def too_quiet(maps: PixelMaps) -> Bools:
    """Pixels (H, W) with far less variance over mean than those around them."""
    ratio_HW, judged_HW = _ratios(maps)  # also in the direct beam: light is never so quiet
    # The median is no more than the highest: a quick look spares most pixels the median.
    high_HW = highest(np.nan_to_num(ratio_HW, nan=0.0), WINDOW)
    quiet_HW = judged_HW & (ratio_HW * QUIET_TIMES < high_HW)
    quiet_HW[quiet_HW] = ratio_HW[quiet_HW] * QUIET_TIMES < middle_at(ratio_HW, quiet_HW)
    return quiet_HW


def too_noisy(maps: PixelMaps) -> Bools:
    """Pixels (H, W) with far more variance over mean than those around them."""
    ratio_HW, judged_HW = _ratios(maps)
    judged_HW &= ~protected(maps.mean_HW, maps.valid_HW)
    low_HW = lowest(np.nan_to_num(ratio_HW, nan=np.inf), WINDOW)
    noisy_HW = judged_HW & (ratio_HW > NOISY_TIMES * low_HW)
    noisy_HW[noisy_HW] = ratio_HW[noisy_HW] > NOISY_TIMES * middle_at(ratio_HW, noisy_HW)
    return noisy_HW


def _ratios(maps: PixelMaps) -> tuple[Floats, Bools]:
    """Variance over mean of each pixel, NaN if not known, and which are to be judged."""
    known_HW = maps.valid_HW & (maps.total_HW > LEAST_PHOTONS)
    if maps.frames < LEAST_FRAMES:
        known_HW = np.zeros_like(known_HW)
    ratio_HW = np.where(known_HW, maps.variance_HW / np.maximum(maps.mean_HW, 1e-30), np.nan)
    return ratio_HW, known_HW
