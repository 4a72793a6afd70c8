"""Hot pixels: alone, in small flat clusters, and in lines of the readout."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .beam import SURE_PX, protected
from .evidence import Bools, Floats, PixelMaps
from .lines import hot_lines
from .neighbours import AROUND, BESIDE, COMPASS, highest, highest_at, how_many, spread

BESIDE_TIMES = 6.0
"""A pixel so much brighter than all eight beside it is none of the pattern's."""

AROUND_TIMES = 40.0
"""Likewise for what lies two and three pixels away: clusters of up to 3 x 3 pixels."""

BEAM_TIMES = 24.0
"""Over all beside it, for a pixel that may be in the direct beam."""

LEAST_PHOTONS = 60.0
"""In all frames together: less does no harm, ..."""

LEAST_RATE = 0.05
"""... nor do so few in each frame."""

CLIFF_TIMES = 30.0
"""The brightest pixel of a hot cluster over the brightest one that touches it."""

CLUSTER_PX = 7
"""No cluster is looked for that is wider."""

FLAT = 0.25
"""Of a cluster's brightest pixel: all of its pixels hold so much."""

ROUNDS = 6


LEAST_KNOWN = (4, 20, 0.8)
"""Valid pixels that must be seen beside one, around one, and on the rim of a cluster."""


def hot(maps: PixelMaps) -> Bools:
    """Pixels (H, W) that outshine what is around them as no pattern does."""
    least = max(LEAST_PHOTONS, LEAST_RATE * maps.frames)
    found_HW = outshining(maps.total_HW, maps, least)
    return (found_HW | hot_lines(maps, LEAST_PHOTONS)) & maps.valid_HW


def outshining(image_HW: Floats, maps: PixelMaps, least: float) -> Bools:
    """Pixels (H, W) of an image of photons far above those around them.

    Found ones are taken away and all is looked at again: two beside each other hide each
    other, and the ends of a track hide its middle.
    """
    nothing_HW = np.zeros(image_HW.shape, np.bool_)
    suspects_HW = _outshining(image_HW, maps.valid_HW, nothing_HW, least)
    if not suspects_HW.any():
        return suspects_HW
    # They must not draw the middle of the light towards themselves.
    others_HW = maps.valid_HW & ~suspects_HW
    beam_HW = protected(maps.mean_HW, others_HW)
    found_HW = _outshining(image_HW, maps.valid_HW, beam_HW, least)
    beside_HW = highest(np.where(others_HW, image_HW, 0), BESIDE)
    far_above_HW = image_HW > BEAM_TIMES * beside_HW + spread(beside_HW) + least
    sure_HW = protected(maps.mean_HW, others_HW, SURE_PX)
    return found_HW | (suspects_HW & beam_HW & ~sure_HW & far_above_HW)


def _outshining(image_HW: Floats, valid_HW: Bools, beam_HW: Bools, least: float) -> Bools:
    image_HW = np.where(valid_HW, image_HW, 0)
    found_HW = np.zeros(image_HW.shape, np.bool_)
    seen_HW = how_many(valid_HW, BESIDE) >= LEAST_KNOWN[0]
    for _ in range(ROUNDS):
        beside_HW = highest(image_HW, BESIDE)
        above_HW = seen_HW & (image_HW > BESIDE_TIMES * beside_HW + spread(beside_HW) + least)
        above_HW |= _above_around(image_HW, valid_HW, least)
        above_HW |= _clusters(image_HW, valid_HW, least)
        above_HW &= ~beam_HW
        if not above_HW.any():
            break
        found_HW |= above_HW
        image_HW[above_HW] = 0
    return found_HW


def _above_around(image_HW: Floats, valid_HW: Bools, least: float) -> Bools:
    """Pixels far above all but two of those two and three pixels away."""
    few_HW = highest(image_HW, COMPASS, rank=3)  # no more than that of all
    above_HW = image_HW > AROUND_TIMES * few_HW + spread(few_HW) + least
    if above_HW.any():
        around = highest_at(image_HW, above_HW, AROUND, rank=3)
        seen = how_many(valid_HW, AROUND)[above_HW] >= LEAST_KNOWN[1]
        limit = AROUND_TIMES * around + spread(around) + least
        above_HW[above_HW] = seen & (image_HW[above_HW] > limit)
    return above_HW


def _clusters(image_HW: Floats, valid_HW: Bools, least: float) -> Bools:
    """Small areas with a flat top that end in a cliff all around."""
    top_HW = ndimage.maximum_filter(image_HW, CLUSTER_PX)
    flat_HW = (image_HW > FLAT * top_HW) & (image_HW > least)
    labels_HW, count = ndimage.label(flat_HW, structure=np.ones((3, 3)))
    every = np.arange(count + 1)
    rim_HW = np.where(flat_HW, 0, ndimage.maximum_filter(labels_HW, 3))
    rim = np.nan_to_num(ndimage.maximum(image_HW, rim_HW, every))
    top = ndimage.maximum(image_HW, labels_HW, every)
    pixels = np.bincount(labels_HW.ravel(), minlength=count + 1)
    hot: Bools = (top > CLIFF_TIMES * rim + spread(rim) + least) & (pixels <= CLUSTER_PX**2)
    seen = np.bincount(rim_HW.ravel(), valid_HW.ravel(), count + 1)
    hot &= seen >= LEAST_KNOWN[2] * np.bincount(rim_HW.ravel(), minlength=count + 1)
    # At the edge the cliff is not seen all around. Label 0 is what lies between clusters.
    for edge in (labels_HW[0], labels_HW[-1], labels_HW[:, 0], labels_HW[:, -1], 0):
        hot[edge] = False
    found: Bools = hot[labels_HW]
    return found
