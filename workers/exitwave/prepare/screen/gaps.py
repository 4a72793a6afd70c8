"""Gaps between modules and dead pixels that read zero, where light must be.

Zero is what a dark corner reads, too. A gap is told from it by its rim: light that goes out
by itself fades over some pixels, and does not stop from one pixel to the next on both sides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from .beam import light_centre
from .evidence import Bools, Floats, PixelMaps
from .hot import hot
from .neighbours import BESIDE, lowest, spread

DEAD_TIMES = 25.0
"""A pixel so much darker than all eight beside it is dead; 14 times was seen in rings."""

LEAST_PHOTONS = 100.0
"""Expected in all frames together, along y and x, where none was counted."""

EACH_PHOTON = 1.0
"""Times as many for each one that was: 1/60 was seen between rings of a sharp pinhole."""

ALONE_PHOTONS = 250.0
"""Likewise, where only one of both directions tells: rings of a sharp pinhole are dark, too."""

JOINED_PHOTONS = 10.0
"""Enough where the dark pixel is joined to such a one."""

AREA_PHOTONS = 400.0
"""Expected in an area at least three pixels wide, together."""

BAND_PHOTONS = 100.0
"""Expected in rows that are dark from edge to edge, together."""

DARK_PHOTONS = 3.0
"""So few in all frames together may be noise in a dark pixel."""

WIDEST = 0.25
"""Of the detector's side: no gap is wider."""

DIM_SHARE = 0.05
DIM_PERCENTILE = 95
"""Of the light in bright pixels: darker areas are looked at as a whole."""

THICK_PX = 3.5
"""Half of the width of a dark area that may be the optics', not the detector's."""

OPTICS_PHOTONS = 1000.0
"""Expected in a pixel of such an area, and none counted: the edge is no optics'."""

RISING_TIMES = 1.5
"""By so much the light rises towards a beamstop that hides its middle."""


def gaps(maps: PixelMaps) -> Bools:
    """Pixels (H, W) that never count amid others that do."""
    # Between two hot pixels nothing need be illuminated.
    maps = replace(maps, valid_HW=maps.valid_HW & ~hot(maps))
    total_HW = maps.total_HW
    dark_HW = maps.valid_HW & (total_HW <= DARK_PHOTONS)
    along_x_HW = _across(total_HW, dark_HW, maps.valid_HW)
    along_y_HW = _across(total_HW.T, dark_HW.T, maps.valid_HW.T).T
    either_HW = np.maximum(along_x_HW, along_y_HW)
    times_HW = 1 + EACH_PHOTON * total_HW
    sure_HW = np.minimum(along_x_HW, along_y_HW) > times_HW * LEAST_PHOTONS
    sure_HW |= either_HW > times_HW * ALONE_PHOTONS
    both_HW = np.where(dark_HW, np.minimum(along_x_HW, along_y_HW) / times_HW, 0)
    joined_HW = dark_HW & (either_HW > times_HW * JOINED_PHOTONS)
    sure_HW = (dark_HW & sure_HW) | _areas(both_HW)
    found_HW = ndimage.binary_propagation(sure_HW, np.ones((3, 3)), joined_HW | sure_HW)
    found_HW = _without_optics(found_HW, either_HW, total_HW, maps)
    found_HW |= _bands(total_HW, dark_HW) | _bands(total_HW.T, dark_HW.T).T
    return found_HW | (_dead(total_HW, maps.valid_HW) & maps.valid_HW)


def _dead(total_HW: Floats, valid_HW: Bools) -> Bools:
    """Single pixels far below all of their neighbours."""
    beside_HW = lowest(np.where(valid_HW, total_HW, np.inf), BESIDE)
    beside_HW[~np.isfinite(beside_HW)] = 0
    surely_HW = beside_HW - spread(beside_HW) / 2
    dead_HW: Bools = surely_HW > DEAD_TIMES * total_HW + LEAST_PHOTONS / 2
    return dead_HW


def _across(total_HW: Floats, dark_HW: Bools, valid_HW: Bools) -> Floats:
    """Photons expected in dark pixels of a row from the illuminated ones on both sides.

    From each side what the last two illuminated pixels lead to, at most as much as the last
    one; the lower of both sides. Masked pixels are looked past.
    """
    height, width = total_HW.shape
    place = np.arange(width)
    illuminated_HW = ~dark_HW & valid_HW
    sides = []
    for flip in (slice(None), slice(None, None, -1)):
        illuminated, total = illuminated_HW[:, flip], total_HW[:, flip]
        last = np.maximum.accumulate(np.where(illuminated, place, -1), axis=1)
        before = np.concatenate([np.full((height, 1), -1), last[:, :-1]], axis=1)
        rows = np.arange(height)[:, None]
        at_last = np.where(last >= 0, total[rows, np.maximum(last, 0)], 0)
        second = before[rows, np.maximum(last, 0)]
        at_second = np.where(second >= 0, total[rows, np.maximum(second, 0)], at_last)
        leads_to = at_last * np.minimum(1, at_last / np.maximum(at_second, 1e-30))
        near = place - last <= WIDEST * width
        sides.append(np.where((last >= 0) & near, leads_to, 0)[:, flip])
    expected_HW: Floats = np.minimum(sides[0], sides[1])
    return expected_HW


def _areas(expected_HW: Floats) -> Bools:
    """Areas of three pixels and wider in which much was expected together."""
    wide_HW = ndimage.binary_opening(expected_HW > JOINED_PHOTONS, np.ones((3, 3)))
    labels_HW, count = ndimage.label(wide_HW)
    sums = ndimage.sum_labels(expected_HW, labels_HW, np.arange(count + 1))
    sums[0] = 0
    much: Bools = sums > AREA_PHOTONS
    found: Bools = much[labels_HW]
    return found


def _bands(total_HW: Floats, dark_HW: Bools) -> Bools:
    """Columns dark from edge to edge between columns that are illuminated."""
    sums = total_HW.sum(axis=0)[None]
    dark: Bools = np.asarray(dark_HW.all(axis=0))[None] & (sums <= DARK_PHOTONS)
    expected = _across(sums, dark, np.ones_like(dark))
    labels, count = ndimage.label(dark & (expected > JOINED_PHOTONS))
    hidden = ndimage.sum_labels(expected, labels, np.arange(count + 1))
    hidden[0] = 0
    much: Bools = hidden > BAND_PHOTONS
    found: Bools = np.repeat(much[labels], len(total_HW), axis=0)
    return found


def _without_optics(
    found_HW: Bools, expected_HW: Floats, total_HW: Floats, maps: PixelMaps
) -> Bools:
    """Without what lies in a thick dark area in the light's middle, as a ring beam has one.

    A beamstop is dark, too; but light rises towards it, or its edge is so sharp that much was
    expected behind it: optics let some light through to there.
    """
    if not found_HW.any():
        return found_HW
    soft_HW = ndimage.uniform_filter(total_HW, 3)
    dim_HW = (soft_HW < DIM_SHARE * np.percentile(soft_HW, DIM_PERCENTILE)) | found_HW
    labels_HW, count = ndimage.label(dim_HW)
    depth_HW = ndimage.distance_transform_edt(np.pad(dim_HW, 1))[1:-1, 1:-1]
    centre_y, centre_x = light_centre(maps.mean_HW, maps.valid_HW)
    edge = np.concatenate([labels_HW[0], labels_HW[-1], labels_HW[:, 0], labels_HW[:, -1]])
    kept_HW = found_HW.copy()
    for label in range(1, count + 1):
        area_HW = labels_HW == label
        if label in edge or depth_HW[area_HW].max() <= THICK_PX:
            continue
        y, x = np.nonzero(area_HW)
        inside = y.min() <= centre_y <= y.max() and x.min() <= centre_x <= x.max()
        rises = inside and _rises(area_HW, total_HW)
        area_HW &= found_HW
        faint = not area_HW.any() or np.quantile(expected_HW[area_HW], 0.9) < OPTICS_PHOTONS
        if inside and faint and not rises:
            kept_HW &= ~area_HW
    return kept_HW


def _rises(area_HW: Bools, total_HW: Floats) -> bool:
    """Whether light rises towards a dark area."""
    distance_HW = ndimage.distance_transform_edt(~area_HW)
    near = total_HW[(distance_HW > 1) & (distance_HW <= 3)]
    far = total_HW[(distance_HW > 5) & (distance_HW <= 8)]
    if not near.size or not far.size:
        return False
    return bool(near.mean() > RISING_TIMES * far.mean())
