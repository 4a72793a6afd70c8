"""Areas of single frames that hold something else: a block of garbage, a bright module.

Structure tells them from a strongly scattering piece of the sample: what the detector makes
by itself is flat.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .evidence import Bools, Floats, PixelMaps
from .frame_statistics import FrameStatistics, contrast

TIMES = 3.0
"""Above what nineteen of twenty frames have in a tile."""

LEAST_PHOTONS = 50.0
PERCENTILE = 95

EVEN = 0.2
"""A contrast below: speckles have 0.3 and more."""

EXACT = 0.5
"""Variance over that of Poisson noise: light is never less noisy than that."""

SURPLUS = 1.5
"""A frame's photons over those of the brightest around it, and over nearly all others'. A
crystal, too, may light a flat disk in one frame; but it takes that light from elsewhere."""

PIXEL_TIMES = 3.0
"""Above the highest count of ordinary frames: pixels of the area, down to its ragged edge."""

PIXEL_PHOTONS = 10.0


def suspicious(statistics: FrameStatistics) -> dict[int, Bools]:
    """Tiles (T, T), by frame, that are far too bright and flat."""
    usual_TT = np.percentile(statistics.tiles_nTT, PERCENTILE, axis=0)
    above_TT = TIMES * usual_TT + 5 * np.sqrt(usual_TT) + LEAST_PHOTONS
    bright_nTT = statistics.tiles_nTT > above_TT
    surplus_n = _surplus(statistics)
    found = {}
    for index in np.flatnonzero(bright_nTT.any(axis=(1, 2))).tolist():
        frame_HW = statistics.evidence.frame(index)
        flat_TT = _exact(frame_HW, bright_nTT[index], statistics)
        if surplus_n[index]:
            flat_TT |= _even(frame_HW, bright_nTT[index], statistics)
        if flat_TT.any():
            found[index] = flat_TT
    return found


def _exact(frame_HW: Floats, bright_TT: Bools, statistics: FrameStatistics) -> Bools:
    """Bright tiles with less noise than light has."""
    exact_TT = np.zeros_like(bright_TT)
    for row, column in np.argwhere(bright_TT):
        alone_TT = np.zeros_like(bright_TT)
        alone_TT[row, column] = True
        exact_TT[row, column] = contrast(frame_HW, alone_TT, statistics).noise < EXACT
    return exact_TT


def _even(frame_HW: Floats, bright_TT: Bools, statistics: FrameStatistics) -> Bools:
    """Areas of bright tiles without structure."""
    areas_TT, count = ndimage.label(bright_TT)
    even_TT = np.zeros_like(bright_TT)
    for area in range(1, count + 1):
        area_TT = areas_TT == area
        found = contrast(frame_HW, area_TT, statistics)
        if found.structure + 2 * found.error < EVEN:
            even_TT |= area_TT
    return even_TT


def _surplus(statistics: FrameStatistics) -> Bools:
    """Frames (n,) with more light than those around them."""
    totals_n = statistics.totals_n
    around_n = np.nan_to_num(statistics.highest_around(totals_n), nan=np.inf)
    usual = float(np.percentile(totals_n, PERCENTILE))
    found_n: Bools = totals_n > SURPLUS * np.maximum(around_n, usual)
    return found_n


def block_pixels(
    statistics: FrameStatistics, index: int, flat_TT: Bools, maps: PixelMaps
) -> Bools | None:
    """Pixels (H, W) of one frame in its flat tiles, and beside them those that hold too much.

    None where that leaves too much beside them: the area cannot be told from the rest.
    """
    edges_y, edges_x = statistics.evidence.tile_edges()
    frame_HW = statistics.evidence.frame(index)
    found_HW = np.repeat(np.repeat(flat_TT, np.diff(edges_y), 0), np.diff(edges_x), 1)
    rim_TT = ndimage.binary_dilation(flat_TT, np.ones((3, 3))) & ~flat_TT
    rim_HW = np.repeat(np.repeat(rim_TT, np.diff(edges_y), 0), np.diff(edges_x), 1)
    found_HW |= rim_HW & (frame_HW > PIXEL_TIMES * maps.peak_HW + PIXEL_PHOTONS)
    usual = float(maps.mean_HW[rim_HW & maps.valid_HW].sum())
    rest = float(frame_HW[rim_HW & maps.valid_HW & ~found_HW].sum())
    return found_HW if rest <= TIMES * usual + LEAST_PHOTONS else None
