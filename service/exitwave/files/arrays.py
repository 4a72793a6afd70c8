"""A scan in a file as the arrays that the engine takes, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.data import geometry_from_mapping
from exitwave.schema.errors import DataError
from exitwave.schema.geometry import Geometry
from exitwave.schema.verdict import Note

from .scan_formats import open_measurement

MARGIN_PX = 8
"""Object pixels before the first view: room for the probe to be recentred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanArrays:
    """``counts_nHW, positions_px = read(path)``, and what else there is.

    Attributes
    ----------
    counts_nHW : array (n, H, H)
        Counts as stored, cropped to a square, zero frequency at the corner [0, 0].
    positions_px : array (n, 2)
        (y, x) of the top-left pixel of each view in the object, from 8 px on.
    mask_HW : bool array (H, H), optional
        True = valid, zero frequency at the corner.
    pixel_size_m : float
        Of the object.
    geometry : Geometry
    notes : tuple of Note
        What people should know about the file.
    """

    counts_nHW: NDArray[Any]
    positions_px: NDArray[np.float64]
    mask_HW: NDArray[np.bool_] | None
    pixel_size_m: float
    geometry: Geometry
    notes: tuple[Note, ...]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter((self.counts_nHW, self.positions_px))


def read(
    path: str | Path,
    *,
    dataset: str | None = None,
    positions: str | None = None,
    positions_unit: str | None = None,
    frames: int | None = None,
    crop_px: int = 0,
    **geometry: float,
) -> ScanArrays:
    """Read a scan as the engine wants it: ``counts, positions = read("scan.cxi")``.

    Nothing is left out but views without a position. Bad pixels and frames are looked for
    by `exitwave.prepare.build_dataset`, which ``exitwave reconstruct`` uses.

    Parameters
    ----------
    path : str or Path
        CXI, NeXus, other HDF5, npz or npy.
    dataset, positions, positions_unit : str, optional
        As for `open_measurement`.
    frames : int, optional
        Only the first so many frames and positions.
    crop_px : int
        Side of the central square that is kept; 0: as large as it can be.
    **geometry : float
        ``energy_eV``, ``distance_m``, ``detector_pixel_m``: instead of the file's.

    Raises
    ------
    DataError, GeometryError
        As `open_measurement`; or frames and positions differ in number.
    """
    path = Path(path)
    scan = open_measurement(
        path,
        dataset,
        positions,
        positions_unit=positions_unit,
        geometry=geometry_from_mapping(geometry),
    )
    count = _count(path, len(scan.counts_nHW), len(scan.positions_m), frames)
    shorter = min(scan.counts_nHW.shape[1:])
    side_px = crop_px or shorter
    if not 2 <= side_px <= shorter:
        raise DataError("crop_px", crop_px, f"2 to {shorter}, the frame's side")
    pixel_m = scan.geometry.pixel_size_m(side_px)
    positions_m = scan.positions_m[:count]
    known = np.isfinite(positions_m).all(axis=1)
    notes = scan.notes
    if not known.all():
        text = f"{int((~known).sum())} of {count} views have no position and are left out."
        notes = (*notes, Note(code="positions", text=text))
    positions_m = positions_m[known]
    if not len(positions_m):
        raise DataError(f"{path}: positions", "none that is finite", "positions")
    mask_HW = scan.mask_HW
    return ScanArrays(
        counts_nHW=_cornered(scan.counts_nHW[:count][known], side_px),
        positions_px=(positions_m - positions_m.min(axis=0)) / pixel_m + MARGIN_PX,
        mask_HW=None if mask_HW is None else _cornered(mask_HW[None], side_px)[0],
        pixel_size_m=pixel_m,
        geometry=scan.geometry,
        notes=notes,
    )


def _count(path: Path, frames: int, positions: int, asked: int | None) -> int:
    if asked is None:
        if frames != positions:
            least = min(frames, positions)
            raise DataError(
                f"{path}: positions",
                f"{positions} positions for {frames} frames",
                f"one position per frame; frames={least} takes the first {least} of both",
            )
        return frames
    if not 1 <= asked <= min(frames, positions):
        raise DataError("frames", asked, f"1 to {min(frames, positions)}")
    return asked


def _cornered(images_nHW: NDArray[Any], side_px: int) -> NDArray[Any]:
    """The square about the centre pixel n // 2, which comes to the corner."""
    height, width = images_nHW.shape[1:]
    top, left = height // 2 - side_px // 2, width // 2 - side_px // 2
    square = images_nHW[:, top : top + side_px, left : left + side_px]
    return np.ascontiguousarray(np.fft.ifftshift(square, axes=(1, 2)))
