"""A constant background of photons: air, dark counts or an open shutter, the same everywhere.

What a sample scatters differs from pixel to pixel and from view to view. What is the same in
all dim pixels and in all frames, down to counting noise, is none of the sample's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.verdict import Note

from .frame_reader import slabs_of

Bools = NDArray[np.bool_]

DIM_SHARE = 0.25
"""Of the pixels, the dimmest ones."""

LEAST_FRAMES = 8
LEAST_PIXELS = 64

LEAST_PHOTONS = 5.0
"""In each dim pixel, over the dim frames together: fewer do not tell."""

LIKE_NOISE = (0.25, 0.5)
"""Beyond 1 in the variance over mean of dim pixels' sums, and of frames' sums over dim
pixels; or three times what chance makes it."""

SHARE = (0.01, 0.95)
"""Of all photons, that a background may be."""


def background(counts_nHW: NDArray[Any], kept_n: Bools, valid_HW: Bools) -> float:
    """Photons a pixel and frame that lie under everything; 0 where that is not certain.

    Parameters
    ----------
    counts_nHW : ndarray (n, H, W)
        Whole photons.
    kept_n : bool array (n,)
    valid_HW : bool array (H, W)
    """
    frames = np.flatnonzero(kept_n)
    if len(frames) < LEAST_FRAMES or valid_HW.sum() < LEAST_PIXELS / DIM_SHARE:
        return 0.0
    # What is chosen for being dim is looked at elsewhere: pixels in the other frames, frames
    # in the other pixels. Else the selection itself would make both dimmer.
    choosing_HW = _sums(counts_nHW, frames[::2])
    dim = np.flatnonzero(
        valid_HW & (choosing_HW <= np.quantile(choosing_HW[valid_HW], DIM_SHARE))
    )
    frames = frames[1::2]
    some = _over(counts_nHW, frames, dim[::2])
    frames = frames[some <= np.median(some)]
    dim = dim[1::2]
    sums_HW = _sums(counts_nHW, frames)
    of_pixels = sums_HW.ravel()[dim]
    mean = float(of_pixels.mean())
    if mean < LEAST_PHOTONS or not _like_noise(of_pixels, LIKE_NOISE[0]):
        return 0.0
    if not _like_noise(_over(counts_nHW, frames, dim), LIKE_NOISE[1]):
        return 0.0
    share = mean * valid_HW.sum() / float(sums_HW[valid_HW].sum())
    return mean / len(frames) if SHARE[0] <= share <= SHARE[1] else 0.0


def background_note(photons: float) -> Note:
    """What people should know."""
    return Note(
        code="background",
        text=f"{photons:.3g} photons a pixel lie under every frame: modelled, too",
        figures={"photons_per_px": photons},
    )


def _like_noise(sums: NDArray[np.float64], beyond: float) -> bool:
    """Whether numbers of photons differ as counting noise does."""
    chance = 3 * np.sqrt(2 / (len(sums) - 1))
    return bool(sums.var(ddof=1) <= (1 + max(beyond, chance)) * sums.mean())


def _sums(counts_nHW: NDArray[Any], frames: NDArray[np.intp]) -> NDArray[np.float64]:
    sums_HW = np.zeros(counts_nHW.shape[1:])
    for part in slabs_of(len(frames)):
        sums_HW += counts_nHW[frames[part]].sum(axis=0, dtype=np.float64)
    return sums_HW


def _over(
    counts_nHW: NDArray[Any], frames: NDArray[np.intp], pixels: NDArray[np.intp]
) -> NDArray[np.float64]:
    flat = counts_nHW.reshape(len(counts_nHW), -1)
    parts = [
        flat[frames[part][:, None], pixels].sum(axis=1, dtype=np.float64)
        for part in slabs_of(len(frames))
    ]
    return np.concatenate(parts)
