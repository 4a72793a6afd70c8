"""What the engine reconstructs: frames, where they were taken, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

Counts = NDArray[Any]


class FrameSource(Protocol):
    """Diffraction patterns by index, in counts, with DC at the corner."""

    @property
    def shape_HW(self) -> tuple[int, int]:
        """Height and width of one pattern, in pixels."""
        ...

    def __len__(self) -> int: ...

    def read(self, indices: NDArray[np.intp]) -> Counts:
        """Patterns (n, H, W), unsigned integers or float32, for `indices` (n,)."""
        ...


class ArrayFrames:
    """Frames that already lie in memory.

    Parameters
    ----------
    counts_nHW : ndarray (n, H, W)
        Counts, DC at the corner. Not copied.
    """

    def __init__(self, counts_nHW: Counts) -> None:
        if counts_nHW.ndim != 3:
            raise DataError(
                "frames", f"an array of shape {counts_nHW.shape}", "shape (n, H, W)"
            )
        self._counts_nHW = counts_nHW

    def __len__(self) -> int:
        return int(self._counts_nHW.shape[0])

    @property
    def shape_HW(self) -> tuple[int, int]:
        return int(self._counts_nHW.shape[1]), int(self._counts_nHW.shape[2])

    def read(self, indices: NDArray[np.intp]) -> Counts:
        return self._counts_nHW[indices]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A scan as the engine takes it.

    Parameters
    ----------
    frames : FrameSource
        The patterns. Their values are checked when they are read.
    positions_px : ndarray (n, 2)
        (y, x) of the top-left pixel of each view in the object array; >= 0, may be
        fractional. The reconstructed object lies in this frame.
    scale_n : ndarray (n,), optional
        Relative flux of each frame; 1 where not given.
    mask_HW : ndarray of bool (H, W), optional
        True = valid pixel, DC at the corner like the frames.
    pixel_size_m : float, optional
        Pixel size at the sample. The engine carries it along, it does not use it.

    Raises
    ------
    DataError
        Counts of frames and positions differ, values are not finite or out of range.
    """

    frames: FrameSource
    positions_px: NDArray[np.float64]
    scale_n: NDArray[np.float64] | None = None
    mask_HW: NDArray[np.bool_] | None = None
    pixel_size_m: float | None = None

    def __post_init__(self) -> None:
        count = len(self.frames)
        height, width = self.frames.shape_HW
        if count == 0 or min(height, width) < 2:
            raise DataError(
                "frames", f"{count} frames of {height} x {width} px", "at least one of 2 x 2 px"
            )
        positions_px = _as_float64(self.positions_px, "positions_px")
        if positions_px.ndim != 2 or positions_px.shape[1] != 2:
            raise DataError("positions_px", f"shape {positions_px.shape}", "shape (frames, 2)")
        if len(positions_px) != count:
            raise DataError(
                "positions_px",
                f"{len(positions_px)} positions for {count} frames",
                "one position per frame",
            )
        _check_finite(positions_px, "positions_px", "finite (y, x) pixels for every frame")
        if positions_px.min() < 0:
            raise DataError("positions_px", float(positions_px.min()), "pixels from 0 on")
        object.__setattr__(self, "positions_px", positions_px)
        if self.scale_n is not None:
            object.__setattr__(self, "scale_n", _checked_scale(self.scale_n, count))
        if self.mask_HW is not None:
            object.__setattr__(self, "mask_HW", _checked_mask(self.mask_HW, (height, width)))
        if self.pixel_size_m is not None and not 0 < self.pixel_size_m < 1:
            raise DataError("pixel_size_m", self.pixel_size_m, "metres, above 0 and below 1")

    @property
    def object_shape_YX(self) -> tuple[int, int]:
        """Shape of the object array that holds all views."""
        return object_shape_YX(self.positions_px, self.frames.shape_HW)


def object_shape_YX(
    positions_px: NDArray[np.float64], window_HW: tuple[int, int]
) -> tuple[int, int]:
    """Smallest object array (Y, X) that starts at (0, 0) and holds all views.

    Parameters
    ----------
    positions_px : ndarray (n, 2)
        (y, x) top-left pixel of each view, >= 0, may be fractional.
    window_HW : (int, int)
        Height and width of a view.
    """
    far_y, far_x = np.ceil(np.max(positions_px, axis=0)).astype(int)
    return int(far_y) + window_HW[0], int(far_x) + window_HW[1]


def read_counts(dataset: Dataset, *, slab: int = 256) -> Counts:
    """All patterns (n, H, W) in memory, checked, with invalid pixels set to zero.

    Raises
    ------
    DataError
        A pattern has the wrong shape, negative or non-finite counts, or all are dark.
    """
    count = len(dataset.frames)
    height, width = dataset.frames.shape_HW
    counts_nHW: Counts | None = None
    for begin in range(0, count, slab):
        indices = np.arange(begin, min(begin + slab, count), dtype=np.intp)
        part = np.asarray(dataset.frames.read(indices))
        if part.shape != (len(indices), height, width):
            raise DataError(
                f"frames[{begin}:{begin + len(indices)}]",
                f"shape {part.shape}",
                f"shape ({len(indices)}, {height}, {width})",
            )
        if part.dtype.kind not in "uif":
            raise DataError("frames", f"values of type {part.dtype}", "counts")
        if counts_nHW is None:
            kept = np.dtype(np.float32) if part.dtype.kind == "f" else part.dtype
            counts_nHW = np.empty((count, height, width), dtype=kept)
        if dataset.mask_HW is not None:
            # A detector marks dead pixels with NaN or the largest integer: not counts.
            part = np.where(dataset.mask_HW, part, part.dtype.type(0))
        _check_counts(part, begin)
        counts_nHW[begin : begin + len(indices)] = part
    if counts_nHW is None or not counts_nHW.any():
        raise DataError(
            "frames", "no count in any valid pixel of any frame", "patterns with counts"
        )
    return counts_nHW


def _check_counts(part_nHW: Counts, begin: int) -> None:
    if part_nHW.dtype.kind == "f" and not np.isfinite(part_nHW).all():
        bad = int(np.flatnonzero(~np.isfinite(part_nHW).all(axis=(1, 2)))[0])
        raise DataError(f"frames[{begin + bad}]", "non-finite counts", "finite counts")
    if part_nHW.dtype.kind != "u" and part_nHW.min() < 0:
        bad = int(np.flatnonzero(part_nHW.min(axis=(1, 2)) < 0)[0])
        raise DataError(f"frames[{begin + bad}]", float(part_nHW.min()), "counts from 0 on")


def _as_float64(values: object, key: str) -> NDArray[np.float64]:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(key, type(values).__name__, "an array of numbers") from error


def _check_finite(values: NDArray[np.float64], key: str, expected: str) -> None:
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if len(bad):
        raise DataError(
            key, f"{len(bad)} entries not finite, the first at index {bad[0]}", expected
        )


def _checked_scale(values: object, count: int) -> NDArray[np.float64]:
    scale_n = _as_float64(values, "scale_n")
    if scale_n.shape != (count,):
        raise DataError("scale_n", f"shape {scale_n.shape}", f"shape ({count},)")
    _check_finite(scale_n, "scale_n", "a finite relative flux for every frame")
    if scale_n.min() <= 0:
        raise DataError("scale_n", float(scale_n.min()), "relative flux above 0")
    return scale_n


def _checked_mask(values: object, shape_HW: tuple[int, int]) -> NDArray[np.bool_]:
    mask_HW = np.asarray(values)
    if mask_HW.dtype != np.bool_ or mask_HW.shape != shape_HW:
        raise DataError(
            "mask_HW",
            f"{mask_HW.dtype} of shape {mask_HW.shape}",
            f"bool of shape {shape_HW}, True = valid",
        )
    if not mask_HW.any():
        raise DataError("mask_HW", "no valid pixel", "at least one True")
    return mask_HW
