"""What lies around each pixel.

A diffraction pattern is the spectrum of an exit wave that is smaller than the window, so it
cannot change at will from one pixel to the next: a peak lights the pixels beside it, too. How
much a pixel may outshine them was measured on healthy scans: 5.3 times the brightest of the
eight, in the direct beam; 2 elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .evidence import Bools, Floats


def _ring(inner: int, outer: int) -> Bools:
    y, x = np.mgrid[-outer : outer + 1, -outer : outer + 1]
    ring: Bools = np.maximum(np.abs(y), np.abs(x)) >= inner
    return ring


BESIDE = _ring(1, 1)
"""The eight pixels around one."""

AROUND = _ring(2, 3)
"""Forty pixels around those."""


def highest(image_HW: Floats, where: Bools, rank: int = 1) -> Floats:
    """The rank-th highest around each pixel; mirrored at the edges."""
    found: Floats = ndimage.rank_filter(image_HW, rank=-rank, footprint=where, mode="mirror")
    return found


def lowest(image_HW: Floats, where: Bools) -> Floats:
    """The lowest around each pixel; infinite beyond the edges."""
    found: Floats = ndimage.minimum_filter(
        image_HW, footprint=where, mode="constant", cval=np.inf
    )
    return found


def middle(image_HW: Floats, known_HW: Bools, least: int = 8) -> Floats:
    """Median of what is known in 5 x 5 pixels; NaN where that is less than `least`."""
    height, width = image_HW.shape
    padded = np.pad(np.where(known_HW, image_HW, np.nan), 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    found = np.full((height, width), np.nan)
    for row in range(height):
        values = windows[row].reshape(width, -1)
        enough = np.isfinite(values).sum(axis=1) >= least
        if enough.any():
            found[row, enough] = np.nanmedian(values[enough], axis=1)
    return found


def spread(image: NDArray[np.float64]) -> Floats:
    """What Poisson noise may add to a number of photons, generously."""
    deviation: Floats = 5 * np.sqrt(np.maximum(image, 0))
    return deviation
