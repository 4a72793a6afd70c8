"""The level of a pixel without light, and its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DIM_SHARE = 0.5
DIMMEST_SHARE = 0.05
"""Of the pixels: nearly all of their values are the dark level's."""

NEGATIVE_SHARE = 0.05
"""Of dim values below zero: noise about zero, and no marks of single pixels."""

EXACT_SHARE = 0.002
"""Fewer values below a level are faults of single pixels."""

ALIKE = 3.0
"""So many times more or fewer values below zero than noise about a level above it makes."""

QUIET = 0.5
"""Variance over mean of the dimmest pixels: photons have 1, a pedestal has less."""

EVEN = 0.2
"""Spread of the dimmest pixels' means over their mean: a pedestal is the same everywhere."""

LEAST_PART = 1e-3
"""Of all light and pedestal together: less is none."""

CLIPPED_SHARES = (0.25, 0.75)
"""Zeros among dim values, where noise below zero was cut off."""

HALF_NORMAL_MEDIAN = 0.6745

LEAST_PIXELS = 64
MOST_VALUES = 400_000


@dataclass(frozen=True, slots=True)
class Level:
    """Of a pixel without light.

    Attributes
    ----------
    pedestal : float
        Its typical value.
    noise : float
        Standard deviation of the read-out; 0 = values are exact.
    sure : bool
        There are values below zero: a level above it need not be told from light.
    """

    pedestal: float = 0.0
    noise: float = 0.0
    sure: bool = True


def dark_level(values_nP: Floats) -> Level:
    """Of a sample (frames, pixels); where it is not `sure`, ask `is_pedestal`."""
    dim_nP = _dimmest(values_nP, DIM_SHARE)
    dim = np.sort(dim_nP.ravel()[:: max(1, dim_nP.size // MOST_VALUES)])
    negative = dim[dim < 0]
    spread = np.unique(negative).size > 1
    if negative.size > (NEGATIVE_SHARE if spread else 0.5) * dim.size:
        return _about(dim, _mode(dim))
    if negative.size > EXACT_SHARE * dim.size:
        level = _about(dim, _mode(dim))
        expected = _below_zero(level)
        alike = expected / ALIKE < negative.size / dim.size < ALIKE * expected
        return level if spread and alike else Level()
    lowest = np.sort(_dimmest(values_nP, DIMMEST_SHARE).ravel())
    if lowest[int(EXACT_SHARE * lowest.size)] > 0:
        return replace(_about(lowest, _mode(lowest)), sure=False)
    return _cut_at_zero(dim)


def is_pedestal(values_nP: Floats, gain: float) -> bool:
    """Whether the dimmest pixels hold something that is no light.

    Parameters
    ----------
    values_nP : ndarray (frames, pixels)
    gain : float
        Value of one photon.
    """
    dimmest_nP = _dimmest(values_nP, DIMMEST_SHARE)
    means_P = dimmest_nP.mean(axis=0)
    level = float(means_P.mean())
    if level <= LEAST_PART * float(values_nP.mean()):
        return False
    quiet = float(dimmest_nP.var(axis=0, ddof=1).mean()) < QUIET * gain * level
    return quiet and float(means_P.std()) < EVEN * level


def without_constant(values_nP: Floats) -> Floats:
    """Without pixels that never change, if enough are left: dead ones, or never illuminated."""
    changing_P = np.ptp(values_nP, axis=0) > 0
    return values_nP[:, changing_P] if changing_P.sum() >= LEAST_PIXELS else values_nP


def _dimmest(values_nP: Floats, share: float) -> Floats:
    """Values of the dimmest pixels.

    Pixels are chosen in every other frame and looked at in the others: where all are alike
    but for noise, the selection itself would make them dimmer.
    """
    means_P = values_nP[::2].mean(axis=0)
    dimmest_nP: Floats = values_nP[1::2][:, means_P <= np.quantile(means_P, share)]
    return dimmest_nP


def _about(ascending: Floats, mode: float) -> Level:
    """Level and noise of sorted values about their mode."""
    away = mode - ascending[ascending < mode]
    if away.size < NEGATIVE_SHARE * ascending.size:
        return Level(mode, 0.0)
    # Outliers far below (dead pixels) must not widen the noise, nor light above it.
    noise = 1.4826 * float(np.median(away))
    for _ in range(4):
        near = ascending[np.abs(ascending - mode) < 1.5 * noise]
        if near.size:
            mode = float(np.median(near))
        away = mode - ascending[(ascending < mode) & (ascending > mode - 5 * noise)]
        noise = float(np.sqrt((away**2).mean())) if away.size else noise
    return Level(0.0 if abs(mode) < 0.1 * noise else mode, noise)


def _below_zero(level: Level) -> float:
    """Share of values below zero that noise about a level makes."""
    if level.noise == 0:
        return 0.0
    return 0.5 * math.erfc(level.pedestal / (level.noise * math.sqrt(2)))


def _cut_at_zero(dim: Floats) -> Level:
    """Noise of values whose negative ones were set to zero."""
    above = dim[dim > 0]
    zeros = 1 - above.size / dim.size
    repeated = above.size and np.unique(above).size < 0.1 * above.size
    if not CLIPPED_SHARES[0] <= zeros <= CLIPPED_SHARES[1] or repeated or not above.size:
        return Level()
    # As many as were cut off lie above zero; the others are light.
    share = min(0.9, 0.5 * zeros / (1 - zeros))
    noise = float(np.quantile(above, share)) / HALF_NORMAL_MEDIAN
    return Level(0.0, noise) if (above < 3 * noise).mean() > 0.5 else Level()


def _mode(ascending: Floats) -> float:
    """The most likely one of sorted values.

    Where values repeat, the one that does most often; else the middle of the densest part,
    found by halving.
    """
    values, counts = np.unique(ascending, return_counts=True)
    if values.size < 0.1 * ascending.size:
        return float(values[np.argmax(counts)])
    part = ascending
    while part.size > 64:
        half = (part.size + 1) // 2
        widths = part[half - 1 :] - part[: part.size - half + 1]
        begin = int(np.argmin(widths))
        part = part[begin : begin + half]
    return float(part.mean())
