"""Hot lines: rows and columns of the readout, or parts of them, one or two pixels wide."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .beam import protected
from .evidence import Bools, Floats, PixelMaps
from .neighbours import spread

TIMES = 6.0
"""Above what lies on both sides; twice as much for lines two pixels wide."""

LEAST_LENGTH = (8, 0.125)
"""Pixels, and share of the detector's side, that a line is long."""

PIXEL_TIMES = 2.0
PIXEL_PHOTONS = 5.0
"""Above what lies on both sides, for each pixel of a line: there it ends."""


def hot_lines(maps: PixelMaps, least: float) -> Bools:
    """Pixels (H, W) of lines that hold more than `least` photons in all frames."""
    nothing_HW = np.zeros(maps.mean_HW.shape, np.bool_)
    suspects_HW = _both_ways(maps, nothing_HW, least)
    if not suspects_HW.any():
        return suspects_HW
    # They must not draw the middle of the light towards themselves.
    beam_HW = protected(maps.mean_HW, maps.valid_HW & ~suspects_HW)
    return _both_ways(maps, beam_HW, least)


def _both_ways(maps: PixelMaps, beam_HW: Bools, least: float) -> Bools:
    total_HW, valid_HW = maps.total_HW, maps.valid_HW
    columns_HW = _columns(total_HW, valid_HW, beam_HW, least)
    return columns_HW | _columns(total_HW.T, valid_HW.T, beam_HW.T, least).T


def _columns(total_HW: Floats, valid_HW: Bools, beam_HW: Bools, least: float) -> Bools:
    length = max(LEAST_LENGTH[0], round(LEAST_LENGTH[1] * total_HW.shape[0]))
    sums_HW = ndimage.uniform_filter1d(total_HW, length, axis=0, mode="constant") * length
    seen_HW = ndimage.uniform_filter1d(valid_HW.astype(float), length, axis=0)
    lines_HW = np.zeros(total_HW.shape, np.bool_)
    allowed: Bools = ~np.asarray(beam_HW.any(axis=0))
    for wide in (1, 2):
        sides = (1, 2, -wide, -wide - 1)
        side_HW = np.maximum.reduce([_moved(sums_HW, by) for by in sides])
        times = wide * TIMES
        limit_HW = times * side_HW + spread(side_HW) + least
        # Beside a gap there is nothing to compare with: two columns of four must be seen.
        above_HW = np.sum([_moved(seen_HW, by) > 0.5 for by in sides], axis=0) >= 2
        above_HW &= allowed & (_moved(allowed[None], 1 - wide)[0] > 0)
        for step in range(wide):
            above_HW &= _moved(sums_HW, -step) > limit_HW
        columns = np.flatnonzero(above_HW.any(axis=0))
        for step in range(wide):
            # The middle one of its pixels, too: a single bright one makes no line.
            line_HW = total_HW[:, np.minimum(columns + step, total_HW.shape[1] - 1)]
            even_HW = ndimage.median_filter(line_HW, size=(length, 1), mode="constant")
            above_HW[:, columns] &= even_HW * length > limit_HW[:, columns]
        reached_HW = ndimage.maximum_filter1d(above_HW, length, axis=0)
        for step in range(wide):
            lines_HW |= _moved(reached_HW, step) > 0
    beside_HW = np.maximum(_moved(total_HW, 2), _moved(total_HW, -2))
    return lines_HW & (total_HW > PIXEL_TIMES * beside_HW + PIXEL_PHOTONS)


def _moved(image_HW: Floats | Bools, columns: int) -> Floats:
    """Moved to the right; mirrored at the edges."""
    moved: Floats = ndimage.shift(
        image_HW.astype(np.float64), (0, columns), order=0, mode="mirror"
    )
    return moved
