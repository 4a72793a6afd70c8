"""Hot pixels: alone, in small flat clusters, and in lines of the readout."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .beam import protected
from .evidence import Bools, Floats, PixelMaps
from .neighbours import AROUND, BESIDE, COMPASS, highest, highest_at, spread

BESIDE_TIMES = 6.0
"""A pixel so much brighter than all eight beside it is none of the pattern's."""

AROUND_TIMES = 40.0
"""Likewise for what lies two and three pixels away: clusters of up to 3 x 3 pixels."""

LEAST_PHOTONS = 60.0
"""In all frames together: less does no harm, ..."""

LEAST_RATE = 0.05
"""... nor do so few in each frame."""

LONGEST_LINE = 0.125
"""Of the detector's side: lines at least so long are looked for."""

CLIFF_TIMES = 30.0
"""The brightest pixel of a hot cluster over the brightest one that touches it."""

CLUSTER_PX = 7
"""No cluster is looked for that is wider."""

FLAT = 0.25
"""Of a cluster's brightest pixel: all of its pixels hold so much."""

ROUNDS = 6


def hot(maps: PixelMaps) -> Bools:
    """Pixels (H, W) that outshine what is around them as no pattern does."""
    least = max(LEAST_PHOTONS, LEAST_RATE * maps.frames)
    found_HW = outshining(maps.total_HW, maps, least)
    return (found_HW | _lines(maps)) & maps.valid_HW


def outshining(image_HW: Floats, maps: PixelMaps, least: float) -> Bools:
    """Pixels (H, W) of an image of photons far above those around them.

    Found ones are taken away and all is looked at again: two beside each other hide each
    other, and the ends of a track hide its middle.
    """
    nothing_HW = np.zeros(image_HW.shape, np.bool_)
    suspects_HW = _outshining(image_HW, nothing_HW, least)
    if not suspects_HW.any():
        return suspects_HW
    # They must not draw the middle of the light towards themselves.
    return _outshining(image_HW, protected(maps.mean_HW, maps.valid_HW & ~suspects_HW), least)


def _outshining(image_HW: Floats, beam_HW: Bools, least: float) -> Bools:
    image_HW = image_HW.copy()
    found_HW = np.zeros(image_HW.shape, np.bool_)
    for _ in range(ROUNDS):
        beside_HW = highest(image_HW, BESIDE)
        above_HW = image_HW > BESIDE_TIMES * beside_HW + spread(beside_HW) + least
        above_HW |= _above_around(image_HW, least) | _clusters(image_HW, least)
        above_HW &= ~beam_HW
        if not above_HW.any():
            break
        found_HW |= above_HW
        image_HW[above_HW] = 0
    return found_HW


def _above_around(image_HW: Floats, least: float) -> Bools:
    """Pixels far above all but two of those two and three pixels away."""
    few_HW = highest(image_HW, COMPASS, rank=3)  # no more than that of all
    above_HW = image_HW > AROUND_TIMES * few_HW + spread(few_HW) + least
    if above_HW.any():
        around = highest_at(image_HW, above_HW, AROUND, rank=3)
        limit = AROUND_TIMES * around + spread(around) + least
        above_HW[above_HW] = image_HW[above_HW] > limit
    return above_HW


def _clusters(image_HW: Floats, least: float) -> Bools:
    """Small areas with a flat top that end in a cliff all around."""
    top_HW = ndimage.maximum_filter(image_HW, CLUSTER_PX)
    flat_HW = (image_HW > FLAT * top_HW) & (image_HW > least)
    labels_HW, count = ndimage.label(flat_HW, structure=np.ones((3, 3)))
    every = np.arange(count + 1)
    rim_HW = np.where(flat_HW, 0, ndimage.maximum_filter(labels_HW, 3))
    rim = np.nan_to_num(ndimage.maximum(image_HW, rim_HW, every))
    top = ndimage.maximum(image_HW, labels_HW, every)
    pixels = ndimage.sum_labels(flat_HW, labels_HW, every)
    hot: Bools = (top > CLIFF_TIMES * rim + spread(rim) + least) & (pixels <= CLUSTER_PX**2)
    # At the edge the cliff is not seen all around. Label 0 is what lies between clusters.
    for edge in (labels_HW[0], labels_HW[-1], labels_HW[:, 0], labels_HW[:, -1], 0):
        hot[edge] = False
    found: Bools = hot[labels_HW]
    return found


def _lines(maps: PixelMaps) -> Bools:
    """Rows and columns, or parts of them, one or two pixels wide."""
    total_HW = maps.total_HW
    beam_HW = np.zeros(total_HW.shape, np.bool_)
    suspects_HW = _hot_columns(total_HW, beam_HW) | _hot_columns(total_HW.T, beam_HW.T).T
    if not suspects_HW.any():
        return suspects_HW
    beam_HW = protected(maps.mean_HW, maps.valid_HW & ~suspects_HW)
    return _hot_columns(total_HW, beam_HW) | _hot_columns(total_HW.T, beam_HW.T).T


def _hot_columns(total_HW: Floats, beam_HW: Bools) -> Bools:
    length = max(8, round(LONGEST_LINE * total_HW.shape[0]))
    sums_HW = ndimage.uniform_filter1d(total_HW, length, axis=0, mode="constant") * length
    lines_HW = np.zeros(total_HW.shape, np.bool_)
    allowed: Bools = ~np.asarray(beam_HW.any(axis=0))
    for wide in (1, 2):
        side_HW = np.maximum.reduce([_moved(sums_HW, by) for by in (1, 2, -wide, -wide - 1)])
        times = BESIDE_TIMES if wide == 1 else 2 * BESIDE_TIMES
        limit_HW = times * side_HW + spread(side_HW) + LEAST_PHOTONS
        above_HW = allowed & (_moved(allowed[None], 1 - wide)[0] > 0)
        for step in range(wide):
            above_HW = above_HW & (_moved(sums_HW, -step) > limit_HW)
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
    return lines_HW & (total_HW > beside_HW)


def _moved(image_HW: Floats | Bools, columns: int) -> Floats:
    """Moved to the right; mirrored at the edges."""
    moved: Floats = ndimage.shift(image_HW, (0, columns), order=0, mode="mirror")
    return moved
