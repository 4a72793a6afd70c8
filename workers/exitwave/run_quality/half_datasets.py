"""The two halves of a scan's data, each a data set that the engine takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.engine import ArrayFrames, Dataset, FrameSource
from exitwave.quality import ChosenFrames, ThinnedFrames
from exitwave.quality.halves import Part
from exitwave.schema.job import Halves

_SLAB_FRAMES = 64
"""So many frames are thinned at a time."""


def half_of(dataset: Dataset, halves: Halves, half: Part, seed: int) -> Dataset:
    """One of two disjoint halves of a dataset, in its object frame.

    Parameters
    ----------
    dataset : Dataset
    halves : {"frames", "counts"}
        Every other frame; or all frames with half of their counts (`ThinnedFrames`), which
        are drawn once and kept in memory.
    half : {0, 1}
    seed : int
        Of the throw of the coin; the same for both halves.

    Raises
    ------
    DataError
        Too few frames to be halved, or what is to be split are no counts.
    """
    if halves == "frames":
        return _every_other(dataset, half)
    thinned = ThinnedFrames(dataset.frames, half, seed=seed, mask_HW=dataset.mask_HW)
    # Half of what every pixel has beside its light goes to either part, too.
    return replace(dataset, frames=ArrayFrames(_all_of(thinned)), pedestal=dataset.pedestal / 2)


def _every_other(dataset: Dataset, first: int) -> Dataset:
    chosen = np.arange(first, len(dataset.frames), 2, dtype=np.intp)
    frames: FrameSource = ChosenFrames(dataset.frames, chosen)
    if isinstance(dataset.frames, ArrayFrames):
        frames = ArrayFrames(dataset.frames.counts_nHW[first::2])
    return replace(
        dataset,
        frames=frames,
        positions_px=dataset.positions_px[chosen],
        scale_n=None if dataset.scale_n is None else dataset.scale_n[chosen],
        frame_masks=None if dataset.frame_masks is None else dataset.frame_masks.chosen(chosen),
    )


def _all_of(frames: ThinnedFrames) -> NDArray[Any]:
    indices = np.arange(len(frames), dtype=np.intp)
    counts_nHW = np.empty((len(frames), *frames.shape_HW), frames.read(indices[:1]).dtype)
    for begin in range(0, len(frames), _SLAB_FRAMES):
        slab = slice(begin, begin + _SLAB_FRAMES)
        counts_nHW[slab] = frames.read(indices[slab])
    return counts_nHW
