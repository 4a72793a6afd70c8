"""A measurement whose patterns stay in their file: they may fill half of the memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  # registers the filters that detectors compress with
import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError
from exitwave.schema.geometry import Geometry
from exitwave.schema.verdict import Note

from .frame_masks import FrameMasks
from .frame_orientation import AS_STORED, FrameOrientation
from .reconstruction import Measurement, Truth, check_scan

SLAB_BYTES = 1 << 26
"""Of patterns copied together."""


class StoredCounts:
    """Patterns (n, H, W) in an HDF5 dataset, read a slice at a time.

    Parameters
    ----------
    path : Path
    name : str
        Of the dataset; it must exist. Its last two axes are those of a pattern, the others
        are taken in row order: a raster of (rows, columns) patterns is read row by row.
    orientation : FrameOrientation, optional
        What is done to the stored patterns.

    Raises
    ------
    DataError
        The file cannot be read, or the dataset holds no patterns.
    """

    def __init__(
        self, path: Path, name: str, orientation: FrameOrientation = AS_STORED
    ) -> None:
        self._path, self._name, self._orientation = path, name, orientation
        with self._opened() as dataset:
            if dataset.ndim < 3:
                raise DataError(
                    f"{path}:/{name.lstrip('/')}",
                    f"shape {dataset.shape}",
                    "patterns of shape (n, H, W) or (rows, columns, H, W)",
                )
            self._lead: tuple[int, ...] = dataset.shape[:-2]
            height, width = dataset.shape[-2:]
            self.shape: tuple[int, ...] = (
                math.prod(self._lead),
                *orientation.shape(height, width),
            )
            self.dtype: np.dtype[Any] = dataset.dtype.newbyteorder("=")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, frames: slice) -> NDArray[Any]:
        start, stop, step = frames.indices(len(self))
        with self._opened() as dataset:
            stored = self._read(dataset, start, stop)[::step]
        counts_nHW: NDArray[Any] = self._orientation.apply(stored).astype(
            self.dtype, copy=False
        )
        return counts_nHW

    def copy_to(self, file: h5py.File, name: str) -> None:
        """Copy the patterns into another file, if possible as they are compressed, unread."""
        with self._opened() as dataset:
            elsewhere = dataset.is_virtual or dataset.external
            if not elsewhere and len(self._lead) == 1 and not self._orientation:
                group, _, leaf = name.rpartition("/")
                dataset.file.copy(dataset, file.require_group(group), name=leaf)
                return
        copied = file.create_dataset(
            name,
            shape=self.shape,
            dtype=self.dtype,
            chunks=(1, *self.shape[1:]),
            compression="gzip",
            compression_opts=4,
            shuffle=True,
        )
        frame_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        slab = max(1, SLAB_BYTES // max(1, frame_bytes))
        for begin in range(0, len(self), slab):
            copied[begin : begin + slab] = self[begin : begin + slab]

    def _read(self, dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (n, H, W) as stored."""
        stop = max(start, stop)
        if len(self._lead) == 1:
            counts_nHW: NDArray[Any] = dataset[start:stop]
            return counts_nHW
        # Whole rows of the raster, of which the ends are cut off.
        behind = math.prod(self._lead[1:])
        first, last = start // behind, -(-stop // behind)
        rows: NDArray[Any] = dataset[first:last].reshape(-1, *dataset.shape[-2:])
        return rows[start - first * behind : stop - first * behind]

    @contextmanager
    def _opened(self) -> Iterator[h5py.Dataset]:
        try:
            with h5py.File(self._path, "r") as file:
                yield file[self._name]
        except (OSError, KeyError, RuntimeError) as error:
            raise DataError(
                f"{self._path}:/{self._name.lstrip('/')}",
                str(error),
                "a dataset that is whole and readable",
            ) from error


@dataclass(frozen=True, slots=True)
class Origin:
    """A value of a measurement in words, and where it came from.

    Attributes
    ----------
    name : str
        Such as ``energy``.
    value : str
        With its unit.
    place : str
        Name of the dataset, or what was given or assumed instead.
    """

    name: str
    value: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMeasurement:
    """A `Measurement` in all but this: its patterns are read when they are asked for.

    Frames and positions may differ in number, and positions may be NaN: `exitwave.prepare`
    decides which of them are used.

    Attributes
    ----------
    counts_nHW : StoredCounts, or an array
    positions_m : array (m, 2)
    geometry : Geometry
    mask_HW : bool array (H, W), optional
    truth : Truth, optional
    frame_masks : FrameMasks, optional
    monitor_n : float array (n,), optional
    notes : tuple of Note
    format : str
        Name of the file's format.
    origins : tuple of Origin
        Where each value came from.
    """

    counts_nHW: StoredCounts | NDArray[Any]
    positions_m: NDArray[np.float64]
    geometry: Geometry
    mask_HW: NDArray[np.bool_] | None = None
    truth: Truth | None = None
    frame_masks: FrameMasks | None = None
    monitor_n: NDArray[np.float64] | None = None
    notes: tuple[Note, ...] = ()
    format: str = ""
    origins: tuple[Origin, ...] = ()

    def __post_init__(self) -> None:
        check_scan(self.counts_nHW.shape, self.counts_nHW.dtype, self.positions_m, self.mask_HW)


AnyMeasurement = Measurement | StoredMeasurement
