"""Single counts that no pattern holds: cosmic rays, sparks, pixels that flicker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .evidence import Bools, Evidence, Floats, Indices, PixelMaps
from .hot import hot, outshining
from .neighbours import AROUND, BESIDE, highest_at, spread
from .noise import too_noisy

LEAST_PHOTONS = 25.0
"""A fainter one does little harm in one frame."""

TIMES_AROUND = 3.0
"""Above the highest that those around it hold in any frame."""

TIMES_ITSELF = 4.0
"""Above what the pixel itself holds in nineteen of twenty frames."""

MOST_FRAMES = 0.1
"""A pixel that flashes more often is left out in all frames."""


@dataclass(frozen=True, slots=True)
class Flashes:
    """Pixels with such counts, and when.

    Attributes
    ----------
    often_HW : bool array (H, W)
        Pixels that do so again and again.
    at_HW : bool array (H, W)
        Pixels that do so at times.
    frames, pixels : ndarray
        The entries of these: index of the frame, number of the pixel among ``at_HW``.
    """

    often_HW: Bools
    at_HW: Bools
    frames: Indices
    pixels: Indices


def flashes(evidence: Evidence, maps: PixelMaps, looked_at_n: Bools) -> Flashes:
    """Look for flashes in some frames (n,)."""
    peak_HW = np.where(maps.valid_HW, maps.peak_HW, 0)
    bright_HW = outshining(peak_HW, maps, LEAST_PHOTONS) & maps.valid_HW
    # One frame may make a pixel noisy or hot altogether: that tells against itself alone.
    alone_HW = (too_noisy(maps) | hot(maps)) & maps.valid_HW & ~bright_HW
    suspect_HW = bright_HW | alone_HW
    if not suspect_HW.any():
        nothing = np.zeros(0, np.intp)
        return Flashes(suspect_HW, suspect_HW, nothing, nothing)
    photons = evidence.series(suspect_HW)
    photons[~looked_at_n] = 0
    usual = _usual(peak_HW, bright_HW, suspect_HW)
    if alone_HW.any():
        own = np.percentile(photons[looked_at_n], 95, axis=0)
        alone = alone_HW[suspect_HW]
        usual[alone] = (TIMES_ITSELF * own + spread(own) + LEAST_PHOTONS)[alone]
    flash = photons > usual
    times = flash.sum(axis=0)
    often = times > max(1, MOST_FRAMES * int(looked_at_n.sum()))
    often_HW, at_HW = np.zeros_like(suspect_HW), np.zeros_like(suspect_HW)
    often_HW[suspect_HW] = often
    rare = (times > 0) & ~often
    at_HW[suspect_HW] = rare
    frames, pixels = np.nonzero(flash[:, rare])
    return Flashes(often_HW, at_HW, frames, pixels)


def _usual(peak_HW: Floats, bright_HW: Bools, at_HW: Bools) -> Floats:
    """What pixels may hold: some times the highest count around, without bright ones."""
    others_HW = np.where(bright_HW, 0, peak_HW)
    around = np.minimum(
        highest_at(others_HW, at_HW, BESIDE, rank=1),
        np.maximum(highest_at(others_HW, at_HW, AROUND, rank=3), 1),
    )
    usual: Floats = TIMES_AROUND * around + spread(around) + LEAST_PHOTONS / 2
    return usual
