"""What lies around each pixel.

A diffraction pattern is the spectrum of an exit wave that is smaller than the window, so it
cannot change at will from one pixel to the next: a peak lights the pixels beside it, too. How
much a pixel may outshine them was measured on healthy scans: 5.3 times the brightest of the
eight, in the direct beam; 2 elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .evidence import Bools, Floats

Offsets = NDArray[np.intp]


def _offsets(inner: int, outer: int) -> Offsets:
    """(y, x) of the pixels of a square ring."""
    y, x = np.mgrid[-outer : outer + 1, -outer : outer + 1]
    ring = np.maximum(np.abs(y), np.abs(x)) >= inner
    return np.stack([y[ring], x[ring]], axis=1)


BESIDE = _offsets(1, 1)
"""The eight pixels around one."""

AROUND = _offsets(2, 3)
"""Forty pixels around those."""

COMPASS = 3 * BESIDE
"""Eight of these forty."""

WINDOW = _offsets(0, 2)
"""Five pixels square."""


def highest(image_HW: Floats, where: Offsets, rank: int = 1) -> Floats:
    """The rank-th highest around each pixel; mirrored at the edges."""
    moved = _moved(image_HW, where)
    if rank == 1:
        found: Floats = moved[0].copy()
        for other in moved[1:]:
            np.maximum(found, other, out=found)
        return found
    ranked: Floats = np.partition(np.stack(moved), len(moved) - rank, axis=0)[-rank]
    return ranked


def highest_at(image_HW: Floats, at_HW: Bools, where: Offsets, rank: int) -> Floats:
    """Likewise, of some pixels only, in the order of ``at_HW``."""
    values = _around(image_HW, at_HW, where)
    ranked: Floats = np.partition(values, len(where) - rank, axis=1)[:, -rank]
    return ranked


def lowest(image_HW: Floats, where: Offsets) -> Floats:
    """The lowest around each pixel; mirrored at the edges."""
    found = np.full(image_HW.shape, np.inf)
    for other in _moved(image_HW, where):
        np.minimum(found, other, out=found)
    return found


def how_many(at_HW: Bools, where: Offsets) -> NDArray[np.intp]:
    """How many around each pixel are True."""
    found = np.zeros(at_HW.shape, np.intp)
    for other in _moved(at_HW, where):
        found += other
    return found


def middle_at(image_HW: Floats, at_HW: Bools, least: int = 8) -> Floats:
    """Median of 5 x 5 pixels around some; NaN where less than `least` of them are known.

    Pixels that are not known are NaN.
    """
    values = _around(image_HW, at_HW, WINDOW)
    known = np.isfinite(values).sum(axis=1)
    found = np.full(len(values), np.nan)
    if (known >= least).any():
        found[known >= least] = np.nanmedian(values[known >= least], axis=1)
    return found


def _moved(image_HW: NDArray[Any], where: Offsets) -> list[NDArray[Any]]:
    """The image as each of these neighbours sees it."""
    far = int(np.abs(where).max())
    padded = _padded(image_HW, far)
    height, width = image_HW.shape
    return [
        padded[far + y : far + y + height, far + x : far + x + width] for y, x in where.tolist()
    ]


def _around(image_HW: Floats, at_HW: Bools, where: Offsets) -> Floats:
    """Values (pixels, neighbours) around some pixels."""
    far = int(np.abs(where).max())
    y, x = np.nonzero(at_HW)
    rows, columns = y[:, None] + where[:, 0] + far, x[:, None] + where[:, 1] + far
    values: Floats = _padded(image_HW, far)[rows, columns]
    return values


def _padded(image_HW: NDArray[Any], far: int) -> NDArray[Any]:
    """With mirrored edges, or what there is of them in a small image."""
    return np.pad(image_HW, far, mode="reflect")


def spread(image: NDArray[np.float64]) -> Floats:
    """What Poisson noise may add to a number of photons, generously."""
    deviation: Floats = 5 * np.sqrt(np.maximum(image, 0))
    return deviation
