"""A measurement whose patterns stay in their file: they may fill half of the memory."""

from __future__ import annotations

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

from .reconstruction import Measurement, Truth, check_scan

SLAB_BYTES = 1 << 26
"""Of patterns copied together."""


class StoredCounts:
    """Patterns (n, H, W) in an HDF5 dataset, read a slice at a time.

    Parameters
    ----------
    path : Path
    name : str
        Of the dataset; it must exist.

    Raises
    ------
    DataError
        The file cannot be read.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        with self._opened() as dataset:
            self.shape: tuple[int, ...] = dataset.shape
            self.dtype: np.dtype[Any] = dataset.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, frames: slice) -> NDArray[Any]:
        with self._opened() as dataset:
            counts_nHW: NDArray[Any] = dataset[frames]
            return counts_nHW

    def copy_to(self, file: h5py.File, name: str) -> None:
        """Copy the dataset into another file, as it is compressed, without reading it."""
        with self._opened() as dataset:
            if not dataset.is_virtual and not dataset.external:
                group, _, leaf = name.rpartition("/")
                dataset.file.copy(dataset, file.require_group(group), name=leaf)
                return
            # Its numbers lie in yet other files.
            copied = file.create_dataset(
                name,
                shape=self.shape,
                dtype=self.dtype,
                chunks=(1, *self.shape[1:]),
                compression="gzip",
                compression_opts=4,
                shuffle=True,
            )
            slab = max(1, SLAB_BYTES // max(1, dataset.nbytes // len(self)))
            for begin in range(0, len(self), slab):
                copied[begin : begin + slab] = dataset[begin : begin + slab]

    @contextmanager
    def _opened(self) -> Iterator[h5py.Dataset]:
        try:
            with h5py.File(self._path, "r") as file:
                yield file[self._name]
        except OSError as error:
            raise DataError(
                f"{self._path}:/{self._name}",
                str(error),
                "a dataset that is whole and readable",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMeasurement:
    """A `Measurement` in all but this: its patterns are read when they are asked for.

    Attributes
    ----------
    counts_nHW : StoredCounts
    positions_m : array (n, 2)
    geometry : Geometry
    mask_HW : bool array (H, W), optional
    truth : Truth, optional
    """

    counts_nHW: StoredCounts
    positions_m: NDArray[np.float64]
    geometry: Geometry
    mask_HW: NDArray[np.bool_] | None = None
    truth: Truth | None = None

    def __post_init__(self) -> None:
        check_scan(self.counts_nHW.shape, self.counts_nHW.dtype, self.positions_m, self.mask_HW)


AnyMeasurement = Measurement | StoredMeasurement
