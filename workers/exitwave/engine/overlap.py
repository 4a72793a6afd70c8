"""Whether the illuminations of neighbouring views meet, judged from the patterns alone.

The autocorrelation of an exit wave is as wide as the wave itself. It only tells a lower
bound of the beam's width (noise hides its rim), so views are refused only where all doubt is
against them: enough light, hardly any masked pixel, exactly the noise of counts beyond the
width found, and neighbours more than twice that width apart.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

from .dataset import Dataset

SAMPLED_FRAMES = 128
SAMPLED_VIEWS = 512

FAR_WIDTHS = 2.0
"""Neighbours this many beam widths apart certainly do not overlap."""

_HIGHEST_NOISE = 0.05
_NOISE_ONLY = (0.95, 1.05)
_MASKED_SHARE = 0.02
_LEAST_WIDTH_PX = 3.0  # below it the patterns are flat: noise, and no beam at all


def check_overlap(dataset: Dataset) -> None:
    """Refuse a scan whose neighbouring views certainly do not overlap.

    Raises
    ------
    DataError
        Names the distance of neighbours and the beam's width.
    """
    distance_px = neighbour_distance_px(dataset.positions_px)
    width_px = beam_width_px(dataset)
    if width_px is not None and distance_px > FAR_WIDTHS * width_px:
        raise DataError(
            "positions_px",
            f"neighbouring views {distance_px:.3g} px apart, with a beam that is about "
            f"{width_px:.3g} px wide",
            "views that overlap: steps below the width of the beam; the steps are too wide, or "
            "the pixel size too small",
        )


def neighbour_distance_px(positions_px: NDArray[np.float64]) -> float:
    """Median distance of views to the nearest other view, from up to 512 views."""
    count = len(positions_px)
    nearest_px = []
    for i in np.unique(np.linspace(0, count - 1, min(count, SAMPLED_VIEWS)).astype(np.intp)):
        apart_px = np.hypot(*(positions_px - positions_px[i]).T)
        apart_px[i] = np.inf
        nearest_px.append(apart_px.min())
    return float(np.median(nearest_px))


def beam_width_px(dataset: Dataset) -> float | None:
    """About how wide the illumination is at the sample; None where that is not certain."""
    if dataset.mask_HW is not None and (~dataset.mask_HW).mean() > _MASKED_SHARE:
        return None
    count, (height, width) = len(dataset.frames), dataset.frames.shape_HW
    chosen = np.unique(np.linspace(0, count - 1, min(count, SAMPLED_FRAMES)).astype(np.intp))
    spots_HW = np.zeros((height, width))
    root_total = 0.0
    for i in chosen:
        counts_HW = dataset.read_valid(np.array([i], dtype=np.intp))[0]
        spots_HW += np.abs(np.fft.ifft2(counts_HW)) * counts_HW.size
        root_total += math.sqrt(counts_HW.sum(dtype=np.float64))
    if spots_HW[0, 0] <= 0:
        return None
    # Poisson noise in all pixels makes a floor of Rayleigh distributed moduli.
    noise = math.sqrt(math.pi) / 2 * root_total / spots_HW[0, 0]
    if noise > _HIGHEST_NOISE:
        return None
    spots_HW /= spots_HW[0, 0]
    lag_HW = np.hypot(
        np.fft.fftfreq(height, 1 / height)[:, None], np.fft.fftfreq(width, 1 / width)
    )
    width_px = float(lag_HW[spots_HW > max(2 * noise, 1e-3)].max())
    beyond = spots_HW[lag_HW > width_px]
    if not beyond.size or width_px < _LEAST_WIDTH_PX:
        return None
    low, high = (share * noise for share in _NOISE_ONLY)
    return width_px if low < beyond.mean() < high else None
