"""What the engine reconstructs: frames, where they were taken, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

from .frame_masks import FrameMasks
from .positions import check_views, object_shape_YX

Counts = NDArray[Any]

LEAST_VALID = 1 / 16
"""Share of valid pixels below which a mask is taken for an inverted one."""

SCALE_RANGE = 1e3
"""How far a frame's flux may be from all frames' median, either way."""


class FrameSource(Protocol):
    """Diffraction patterns by index, in counts, with DC at the corner."""

    @property
    def shape_HW(self) -> tuple[int, int]:
        """Height and width of one pattern, in pixels."""
        ...

    def __len__(self) -> int: ...

    def read(self, indices: NDArray[np.intp]) -> Counts:
        """Patterns (n, H, W), integers or floats, for `indices` (n,).

        Called for every batch: where all patterns fit into memory, `ArrayFrames` is faster.
        It may be called in another thread than that of `reconstruct`.
        """
        ...


class ArrayFrames:
    """Frames that already lie in memory.

    Parameters
    ----------
    counts_nHW : ndarray (n, H, W)
        Counts of any integer or float type, DC at the corner. Not copied, so it must not
        change during a run; it may be a memory map.
    """

    def __init__(self, counts_nHW: Counts) -> None:
        _refuse_masked(counts_nHW, "frames")
        counts_nHW = np.asarray(counts_nHW)
        if counts_nHW.ndim != 3:
            raise DataError(
                "frames", f"an array of shape {counts_nHW.shape}", "shape (n, H, W)"
            )
        self._counts_nHW = counts_nHW

    @property
    def counts_nHW(self) -> Counts:
        """All patterns, as given."""
        return self._counts_nHW

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
        Relative flux of each frame, about 1; 1 where not given.
    mask_HW : ndarray of bool (H, W), optional
        True = valid pixel, DC at the corner like the frames.
    frame_masks : FrameMasks, optional
        Pixels that do not count in single frames.
    pedestal : float
        Counts that every pixel of every frame has beside its light; they are modelled too.
    pixel_size_m : float, optional
        Pixel size at the sample. The engine carries it along, it does not use it.

    Raises
    ------
    DataError
        Counts of frames and positions differ, values are not finite or out of range, or the
        views cannot be a scan: a single one, all in one place, no overlap at all.
    """

    frames: FrameSource
    positions_px: NDArray[np.float64]
    scale_n: NDArray[np.float64] | None = None
    mask_HW: NDArray[np.bool_] | None = None
    frame_masks: FrameMasks | None = None
    pedestal: float = 0.0
    pixel_size_m: float | None = None

    def __post_init__(self) -> None:
        if not hasattr(self.frames, "read"):
            raise DataError(
                "frames", type(self.frames).__name__, "ArrayFrames(counts), or a FrameSource"
            )
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
        check_views(positions_px, (height, width))
        object.__setattr__(self, "positions_px", positions_px)
        if self.scale_n is not None:
            object.__setattr__(self, "scale_n", _checked_scale(self.scale_n, count))
        if self.mask_HW is not None:
            object.__setattr__(self, "mask_HW", _checked_mask(self.mask_HW, (height, width)))
        if self.frame_masks is not None:
            _check_frame_masks(self.frame_masks, count, height * width)
        if not (isinstance(self.pedestal, Real) and 0 <= self.pedestal < np.inf):
            raise DataError("pedestal", self.pedestal, "counts in every pixel, from 0 on")
        if self.pixel_size_m is not None and not (
            isinstance(self.pixel_size_m, Real) and 0 < self.pixel_size_m < 1
        ):
            raise DataError("pixel_size_m", self.pixel_size_m, "metres, above 0 and below 1")

    def read_valid(self, indices: NDArray[np.intp]) -> Counts:
        """Patterns (n, H, W) for `indices`, zero where a pixel does not count."""
        counts_nHW = np.asarray(self.frames.read(indices))
        masked = self.frame_masks is not None and self.frame_masks.any_of(indices)
        if self.mask_HW is not None:
            counts_nHW = np.where(self.mask_HW, counts_nHW, counts_nHW.dtype.type(0))
        elif masked:
            counts_nHW = counts_nHW.copy()
        if masked and self.frame_masks is not None:
            height, width = self.frames.shape_HW
            counts_nHW.reshape(-1)[self.frame_masks.within(indices, height * width)] = 0
        return counts_nHW

    @property
    def object_shape_YX(self) -> tuple[int, int]:
        """Shape of the object array that holds all views."""
        return object_shape_YX(self.positions_px, self.frames.shape_HW)


def _refuse_masked(values: object, key: str) -> None:
    """A masked array of numpy would lose its mask without a word."""
    if np.ma.is_masked(values):
        raise DataError(
            key, "a masked array", "a plain one; pixels that do not count belong into mask_HW"
        )


def _as_float64(values: object, key: str) -> NDArray[np.float64]:
    _refuse_masked(values, key)
    try:
        given = np.array(values)
        if given.dtype.kind == "c":
            raise DataError(key, "complex numbers", "real ones")
        return given.astype(np.float64)
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
    middle = float(np.median(scale_n))
    if not 0.1 <= middle <= 10:
        raise DataError(
            "scale_n", f"a median of {middle:.3g}", "relative flux, about 1: divide by its mean"
        )
    if scale_n.min() * SCALE_RANGE < middle or scale_n.max() > middle * SCALE_RANGE:
        raise DataError(
            "scale_n",
            f"from {scale_n.min():.3g} to {scale_n.max():.3g}",
            f"flux within {SCALE_RANGE:g} times of the median {middle:.3g}, either way",
        )
    return scale_n


def _check_frame_masks(masks: FrameMasks, count: int, pixels: int) -> None:
    if not isinstance(masks, FrameMasks) or len(masks) != count:
        found = f"{len(masks)} frames" if isinstance(masks, FrameMasks) else type(masks)
        raise DataError("frame_masks", found, f"FrameMasks of {count} frames")
    if len(masks.pixels) and masks.pixels.max() >= pixels:
        raise DataError(
            "frame_masks", f"pixel {int(masks.pixels.max())}", f"flat indices below {pixels}"
        )


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
    if mask_HW.mean() < LEAST_VALID:
        raise DataError(
            "mask_HW",
            f"{int(mask_HW.sum())} valid pixels of {mask_HW.size}",
            f"at least {100 * LEAST_VALID:.0f} %: True = valid; is the mask inverted?",
        )
    return mask_HW
