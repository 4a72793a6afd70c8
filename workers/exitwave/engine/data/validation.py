"""All patterns are read once before the run: are they counts, and how many."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

from .dataset import Counts, Dataset
from .zero_frequency import zero_is_in_the_middle

SLAB_BYTES = 1 << 24
"""Of patterns looked at together."""

MOST_COUNTS = 1e15
"""More in one pixel is a mark, and no longer a number to single precision's arithmetic."""

ILLUMINATED_COUNTS = 100
"""Half of the patterns must hold so many counts before an empty one is refused."""

FULL_SCALES = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))
"""Where detectors' converters and counters end."""

LEAST_PLATEAU = 10
"""Counts that must equal such a full scale before they are called saturated."""

HOT_TIMES = 1e5
"""By so much hot pixels outshine all others."""

LEAST_LIGHT = 1e-9
"""Counts in the mean pattern; squares of gradients by less do not fit into single precision."""

MOST_HOT = 16
"""More pixels than that together are no longer called hot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameStatistics:
    """What all patterns together are like, in valid pixels.

    Attributes
    ----------
    dtype : numpy.dtype
        Of the patterns as their source gives them.
    largest : float
        The highest count.
    mean_count : float
        Per valid pixel and pattern.
    whole : bool
        All counts are whole numbers, of whatever type.
    """

    dtype: np.dtype[Any]
    largest: float
    mean_count: float
    whole: bool


def validate_frames(
    dataset: Dataset, interrupt: Callable[[], None] = lambda: None
) -> FrameStatistics:
    """Read all patterns once, slab by slab, and check them; ask `interrupt` before each.

    Raises
    ------
    DataError
        A pattern has the wrong shape or type, holds negative or non-finite counts, is empty
        among illuminated ones or saturated, a pixel is hot, all counts are next to nothing, or
        zero frequency is in the middle.
    """
    count, shape_HW = len(dataset.frames), dataset.frames.shape_HW
    valid_HW = dataset.mask_HW
    valid_pixels = shape_HW[0] * shape_HW[1] if valid_HW is None else int(valid_HW.sum())
    totals_n = np.zeros(count)
    highest_HW = np.zeros(shape_HW)
    summed_HW = np.zeros(shape_HW)
    dtype: np.dtype[Any] | None = None
    whole = True
    for begin, slab_nHW in _slabs(dataset):
        interrupt()
        if dtype is None:
            dtype = slab_nHW.dtype
        elif dtype != slab_nHW.dtype:
            raise DataError(
                f"frames[{begin}]", f"counts of type {slab_nHW.dtype} after {dtype}", "one type"
            )
        # A detector marks dead pixels with NaN or the largest integer: not counts.
        slab_nHW = _only_valid(dataset, slab_nHW, begin)
        _check_counts(slab_nHW, begin)
        whole = whole and (slab_nHW.dtype.kind in "iu" or bool((slab_nHW % 1 == 0).all()))
        end = begin + len(slab_nHW)
        totals_n[begin:end] = slab_nHW.reshape(len(slab_nHW), -1).sum(axis=1, dtype=np.float64)
        np.maximum(highest_HW, slab_nHW.max(axis=0), out=highest_HW)
        summed_HW += slab_nHW.sum(axis=0, dtype=np.float64)
    if dtype is None:
        raise DataError("frames", "no frame", "at least one")
    _check_light(totals_n)
    _check_saturation(dataset, highest_HW, dtype)
    if highest_HW.max() > MOST_COUNTS:
        raise DataError(
            "frames",
            f"{highest_HW.max():.3g} counts in a pixel",
            f"at most {MOST_COUNTS:g}; pixels that do not count belong into mask_HW as False",
        )
    _check_hot(highest_HW)
    _check_corner(summed_HW / count - dataset.pedestal, valid_HW)
    patterns_hold = float(totals_n.mean())
    if not whole and patterns_hold < LEAST_LIGHT:
        raise DataError(
            "frames",
            f"{patterns_hold:.3g} counts in a pattern on average",
            f"at least {LEAST_LIGHT:g}, photons if they are known: multiply all patterns",
        )
    mean_count = patterns_hold / valid_pixels
    if dataset.pedestal > 0:
        mean_count = _light(mean_count, dataset.pedestal)
    return FrameStatistics(
        dtype=dtype,
        largest=float(highest_HW.max()),
        mean_count=mean_count,
        whole=whole,
    )


def _light(mean_count: float, pedestal: float) -> float:
    if mean_count <= pedestal:
        raise DataError(
            "pedestal",
            f"{pedestal:.4g} counts in every pixel, {mean_count:.4g} on average",
            "less than the patterns' mean, which is pedestal and light",
        )
    return mean_count - pedestal


def _only_valid(dataset: Dataset, slab_nHW: Counts, begin: int) -> Counts:
    """The patterns from number `begin` on, zero where a pixel does not count."""
    if dataset.mask_HW is not None:
        slab_nHW = np.where(dataset.mask_HW, slab_nHW, slab_nHW.dtype.type(0))
    frames = np.arange(begin, begin + len(slab_nHW), dtype=np.intp)
    if dataset.frame_masks is not None and dataset.frame_masks.any_of(frames):
        slab_nHW = np.array(slab_nHW)
        pixels = math.prod(slab_nHW.shape[1:])
        slab_nHW.reshape(-1)[dataset.frame_masks.within(frames, pixels)] = 0
    return slab_nHW


def _slabs(dataset: Dataset) -> Iterator[tuple[int, Counts]]:
    """Number of the first pattern and the patterns (n, H, W), slab by slab."""
    count, (height, width) = len(dataset.frames), dataset.frames.shape_HW
    slab = max(1, SLAB_BYTES // (8 * height * width))
    for begin in range(0, count, slab):
        indices = np.arange(begin, min(begin + slab, count), dtype=np.intp)
        counts_nHW = np.asarray(dataset.frames.read(indices))
        if counts_nHW.shape != (len(indices), height, width):
            raise DataError(
                f"frames[{begin}:{begin + len(indices)}]",
                f"shape {counts_nHW.shape}",
                f"shape ({len(indices)}, {height}, {width})",
            )
        if counts_nHW.dtype.kind not in "uif":
            raise DataError("frames", f"values of type {counts_nHW.dtype}", "counts")
        yield begin, counts_nHW


def _check_counts(slab_nHW: Counts, begin: int) -> None:
    if slab_nHW.dtype.kind == "f" and not np.isfinite(slab_nHW).all():
        bad = int(np.flatnonzero(~np.isfinite(slab_nHW).all(axis=(1, 2)))[0])
        raise DataError(
            f"frames[{begin + bad}]",
            f"non-finite counts in {int((~np.isfinite(slab_nHW[bad])).sum())} pixels",
            "finite counts; pixels that do not count belong into mask_HW as False",
        )
    if slab_nHW.dtype.kind != "u" and slab_nHW.min() < 0:
        bad = int(np.flatnonzero(slab_nHW.min(axis=(1, 2)) < 0)[0])
        raise DataError(
            f"frames[{begin + bad}]",
            f"{float(slab_nHW[bad].min())} counts",
            "counts from 0 on; pixels that do not count belong into mask_HW as False",
        )


def _check_light(totals_n: NDArray[np.float64]) -> None:
    empty = np.flatnonzero(totals_n == 0)
    if len(empty) == len(totals_n):
        raise DataError(
            "frames", "no count in any valid pixel of any frame", "patterns with counts"
        )
    if len(empty) and np.median(totals_n[totals_n > 0]) >= ILLUMINATED_COUNTS:
        raise DataError(
            f"frames[{empty[0]}]",
            f"no count in any valid pixel (so in {len(empty)} of {len(totals_n)} frames)",
            "illuminated patterns: leave empty ones out together with their positions",
        )


def _check_saturation(
    dataset: Dataset, highest_HW: NDArray[np.float64], dtype: np.dtype[Any]
) -> None:
    at_HW = saturated_pixels(highest_HW, dtype, lambda: (slab for _, slab in _slabs(dataset)))
    if at_HW.any():
        y, x = (int(axis[0]) for axis in np.nonzero(at_HW))
        raise DataError(
            "frames",
            f"{int(at_HW.sum())} pixels, the first ({y}, {x}), that reach the full scale "
            f"{highest_HW.max():.0f}: saturated",
            "such pixels marked False in mask_HW",
        )


def saturated_pixels(
    highest_HW: NDArray[np.float64],
    dtype: np.dtype[Any],
    slabs: Callable[[], Iterable[Counts]],
) -> NDArray[np.bool_]:
    """Pixels (H, W) whose counts were cut off: the same full scale again and again.

    Parameters
    ----------
    highest_HW : ndarray (H, W)
        The highest count of each pixel.
    dtype : numpy.dtype
        Of the counts.
    slabs : callable
        Gives all patterns, slab by slab; only called where the highest count is suspicious.
    """
    full = highest_HW.max()
    top = np.iinfo(dtype).max if dtype.kind in "ui" else None
    at_HW: NDArray[np.bool_] = highest_HW == full
    if full == top or full in FULL_SCALES:
        # A count may happen to equal full scale; again and again it does not.
        entries = sum(int((slab_nHW[:, at_HW] == full).sum()) for slab_nHW in slabs())
        if entries >= (2 if full == top else LEAST_PLATEAU):
            return at_HW
    if full >= ILLUMINATED_COUNTS and _neighbours(at_HW[None]):
        # Cut off elsewhere. Neighbours are equal neither by chance again and again nor by a
        # pattern's symmetry about its middle, which has equal pixels at a distance.
        pairs = sum(_neighbours(at_HW & (slab_nHW == full)) for slab_nHW in slabs())
        if pairs >= LEAST_PLATEAU:
            return at_HW
    return np.zeros_like(at_HW)


def _neighbours(at_nHW: NDArray[np.bool_]) -> int:
    """Pairs of pixels next to each other, DC at the corner, that are both True."""
    return sum(int((at_nHW & np.roll(at_nHW, 1, axis)).sum()) for axis in (1, 2))


def hot_pixels(highest_HW: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A few pixels (H, W) that outshine all others by far; never that of the direct beam.

    Parameters
    ----------
    highest_HW : ndarray (H, W)
        The highest count of each pixel, DC at the corner.
    """
    falling = np.sort(highest_HW.ravel()[1:])[::-1][: MOST_HOT + 1]
    gaps = np.flatnonzero(falling[:-1] > HOT_TIMES * np.maximum(falling[1:], 1))
    hot_HW = np.zeros(highest_HW.shape, np.bool_)
    if gaps.size:
        hot_HW = highest_HW >= falling[gaps[-1]]
        hot_HW[0, 0] = False
    return hot_HW


def _check_corner(mean_HW: NDArray[np.float64], valid_HW: NDArray[np.bool_] | None) -> None:
    if zero_is_in_the_middle(np.maximum(mean_HW, 0.0), valid_HW):
        raise DataError(
            "frames",
            "zero frequency at the middle of the arrays",
            "zero frequency at [0, 0]: np.fft.ifftshift(counts, axes=(1, 2))",
        )


def _check_hot(highest_HW: NDArray[np.float64]) -> None:
    hot_HW = hot_pixels(highest_HW)
    if hot_HW.any():
        y, x = (int(axis[0]) for axis in np.nonzero(hot_HW))
        raise DataError(
            "frames",
            f"{int(hot_HW.sum())} hot pixels, the first ({y}, {x}), with up to "
            f"{highest_HW[hot_HW].max():.3g} counts: more than {HOT_TIMES:g} times any other's",
            "such pixels marked False in mask_HW",
        )
