"""Display planes: a complex picture binned for the screen, as amplitude and phase."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.result import LARGEST_PICTURE_PX


@dataclass(frozen=True, slots=True, kw_only=True)
class Planes:
    """A binned picture.

    Attributes
    ----------
    planes_2hw : ndarray (2, h, w), float32
        `LIVE_PLANES`: amplitude, and phase in radians (piston and ramp left in); NaN = not
        illuminated.
    bin_px : int
        Pixels of the full picture per binned pixel, along y and along x.
    box : (int, int, int, int)
        Smallest box (y0, y1, x0, x1), half-open, in binned pixels, around what is
        illuminated; all zero where nothing is.
    finite : bool
        Something is illuminated and all of it is finite. Others must not be shown.
    """

    planes_2hw: NDArray[np.float32]
    bin_px: int
    box: tuple[int, int, int, int]
    finite: bool


def binned_planes(
    picture_YX: NDArray[np.complexfloating],
    known_YX: NDArray[np.bool_] | None = None,
    *,
    limit_px: int = LARGEST_PICTURE_PX,
) -> Planes:
    """Bin a complex picture and split it into amplitude and phase.

    Each binned pixel is the complex mean of those pixels of its b x b block that are known,
    with the smallest b that gives at most `limit_px` along both axes; blocks at the far
    edges may be smaller.

    Parameters
    ----------
    picture_YX : ndarray, complex (Y, X)
    known_YX : ndarray of bool (Y, X), optional
        True = illuminated; all, where not given.
    limit_px : int
        Greatest height and width of the result.
    """
    height, width = picture_YX.shape
    bin_px = max(1, math.ceil(max(height, width) / limit_px))
    known = np.ones((height, width), dtype=bool) if known_YX is None else known_YX
    sums_hw = _block_sums(np.where(known, picture_YX, 0).astype(np.complex128), bin_px)
    counts_hw = _block_sums(known.astype(np.float64), bin_px)
    illuminated_hw = counts_hw > 0
    mean_hw = np.full(illuminated_hw.shape, np.nan, dtype=np.complex128)
    np.divide(sums_hw, counts_hw, out=mean_hw, where=illuminated_hw)
    planes_2hw = np.stack([np.abs(mean_hw), np.angle(mean_hw)]).astype(np.float32)
    return Planes(
        planes_2hw=planes_2hw,
        bin_px=bin_px,
        box=_box(illuminated_hw),
        finite=bool(illuminated_hw.any() and np.isfinite(planes_2hw[:, illuminated_hw]).all()),
    )


def _block_sums(values_YX: NDArray[Any], bin_px: int) -> NDArray[Any]:
    rows = np.arange(0, values_YX.shape[0], bin_px)
    columns = np.arange(0, values_YX.shape[1], bin_px)
    sums: NDArray[Any] = np.add.reduceat(
        np.add.reduceat(values_YX, rows, axis=0), columns, axis=1
    )
    return sums


def _box(known_hw: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(known_hw.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
