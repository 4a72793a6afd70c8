"""Values that are no counts: what detectors write into dead, lost or saturated pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frame_reader import slabs_of
from .values import DetectorCalibration

SAMPLED_FRAMES = 64
SAMPLED_VALUES = 1 << 18

LOST_SHARE = 0.5
"""Of a frame's pixels that are no counts: the frame was not recorded."""

OFTEN_SHARE = 0.15
"""Of the frames: a pixel that holds no counts more often is left out in all of them."""

FAR_BELOW = 8.0
"""Standard deviations of noise below the dark level: an invalid value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidValues:
    """What is no count.

    Attributes
    ----------
    lost_n : bool array (n,)
        Frames that were not recorded.
    often_HW : bool array (H, W)
        Pixels that are bad in many of the other frames.
    highest_HW : ndarray (H, W)
        The highest value of each pixel that is a count.
    frames, pixels : ndarray
        The entries of pixels that are bad at times: frame, flat index of the pixel.
    """

    lost_n: NDArray[np.bool_]
    often_HW: NDArray[np.bool_]
    highest_HW: NDArray[np.float64]
    frames: NDArray[np.intp]
    pixels: NDArray[np.intp]


def sample_values(counts_nHW: NDArray[Any], valid_HW: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values (frames, pixels) of some frames, without those with invalid values."""
    count = len(counts_nHW)
    chosen = np.unique(np.linspace(0, count - 1, min(count, SAMPLED_FRAMES)).astype(np.intp))
    frames = counts_nHW[chosen]
    marked_nHW = surely_invalid(frames)
    lost_n = np.array([_mostly_one_negative(frame) for frame in frames])
    lost_n |= marked_nHW.mean(axis=(1, 2)) > LOST_SHARE
    usable_HW = valid_HW & ~marked_nHW[~lost_n].any(axis=0)
    pixels = np.flatnonzero(usable_HW)
    pixels = pixels[:: max(1, pixels.size * len(chosen) // SAMPLED_VALUES)]
    values: NDArray[np.float64] = (
        frames[~lost_n].reshape(-1, valid_HW.size)[:, pixels].astype(np.float64)
    )
    return values


def find_invalid_values(
    counts_nHW: NDArray[Any], calibration: DetectorCalibration
) -> InvalidValues:
    """Look for invalid values in all frames (n, H, W), as stored."""
    count, height, width = counts_nHW.shape
    lost_n = np.zeros(count, np.bool_)
    times_HW = np.zeros((height, width), np.intp)
    highest_HW = np.zeros((height, width))
    for part in slabs_of(count):
        slab_nHW = counts_nHW[part]
        bad_nHW = is_invalid(slab_nHW, calibration)
        if bad_nHW.any():
            lost_n[part] = bad_nHW.mean(axis=(1, 2)) > LOST_SHARE
            times_HW += bad_nHW[~lost_n[part]].sum(axis=0)
            slab_nHW = np.where(bad_nHW, slab_nHW.dtype.type(0), slab_nHW)
        np.maximum(highest_HW, slab_nHW.max(axis=0), out=highest_HW)
    often_HW = times_HW > OFTEN_SHARE * max(1, count - int(lost_n.sum()))
    frames, pixels = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    rare_HW = (times_HW > 0) & ~often_HW
    if rare_HW.any():
        places = np.flatnonzero(rare_HW)
        flat = counts_nHW.reshape(count, -1)
        for part in slabs_of(count):
            bad = is_invalid(flat[part, places], calibration) & ~lost_n[part, None]
            which, where = np.nonzero(bad)
            frames.append(which + part.start)
            pixels.append(places[where])
    return InvalidValues(
        lost_n=lost_n,
        often_HW=often_HW,
        highest_HW=highest_HW,
        frames=np.concatenate(frames),
        pixels=np.concatenate(pixels),
    )


def surely_invalid(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are not finite, or the largest of their type."""
    bad: NDArray[np.bool_]
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values)
    else:
        bad = values == np.iinfo(values.dtype).max
    return bad


def is_invalid(values: NDArray[Any], calibration: DetectorCalibration) -> NDArray[np.bool_]:
    """Which values are no counts: also negative ones, unless noise, and parts of photons."""
    bad = surely_invalid(values)
    if values.dtype.kind != "u":
        lowest = 0.0
        if calibration.noise > 0:
            lowest = min(calibration.pedestal - FAR_BELOW * calibration.noise, 0.0)
        bad |= values < lowest
    return bad | calibration.splits(values)


def _mostly_one_negative(frame_HW: NDArray[Any]) -> bool:
    """Whether most of a frame is one negative number."""
    if frame_HW.dtype.kind == "u":
        return False
    lowest = frame_HW.min()
    return bool(lowest < 0 and (frame_HW == lowest).mean() > LOST_SHARE)
