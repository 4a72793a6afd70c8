"""How much neighbouring views of a scan overlap, from where they lie and the probe."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError


def overlap(positions_px: NDArray[np.float64], probe_NHW: NDArray[Any]) -> float | None:
    """Linear overlap of neighbouring views, 1 - step / probe diameter.

    Below zero where views do not touch; None where all views lie on one line, or the probe
    is dark. See `mean_step_px` and `probe_diameter_px` for the two lengths.
    """
    step_px = mean_step_px(positions_px)
    diameter_px = probe_diameter_px(probe_NHW)
    if step_px is None or diameter_px == 0:
        return None
    return 1 - step_px / diameter_px


def mean_step_px(positions_px: NDArray[np.float64]) -> float | None:
    """Step of the square raster that would fill the same area with as many views.

    With A the area and C the circumference of the views' convex hull, a square raster of
    step s has n = A / s^2 + C / (2 s) + 1 views (Pick's theorem); solved for s. For other
    scans it is a mean: steps of two lengths count by the root of their product, nearly.
    None for fewer than three views, or views on one line.

    Parameters
    ----------
    positions_px : ndarray (n, 2)
        (y, x) of the views.
    """
    count = len(positions_px)
    if count < 3:
        return None
    try:
        hull = ConvexHull(positions_px)
    except QhullError:
        return None
    area, circumference = float(hull.volume), float(hull.area)  # so named in two dimensions
    half = circumference / 4
    per_px = (np.sqrt(half**2 + area * (count - 1)) - half) / area
    return float(1 / per_px)


def probe_diameter_px(probe_NHW: NDArray[Any]) -> float:
    """Diameter of the even disk that is as large as the probe, in pixels.

    With I the power of all probe states, its area is (sum I)^2 / sum I^2 (the inverse
    participation ratio): exact for a disk of even light, and little changed by weak rims
    or noise. Zero for a dark probe.

    Parameters
    ----------
    probe_NHW : ndarray, complex (N, H, W)
    """
    power_HW = (np.abs(probe_NHW).astype(np.float64) ** 2).sum(axis=0)
    squares = float((power_HW**2).sum())
    if squares == 0:
        return 0.0
    return float(2 * np.sqrt(power_HW.sum() ** 2 / squares / np.pi))
