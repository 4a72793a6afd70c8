"""Arrays of a run, whatever their layout: rows of the file itself, or slabs over HTTP."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import h5py
import hdf5plugin  # noqa: F401  # registers the filters of compressed files
import numpy as np
from numpy.typing import NDArray

from exitwave.files.hdf5 import find
from exitwave.files.sources import check_sources
from exitwave.schema.errors import DataError
from exitwave.tiled_http import Json, TiledReader, array_dtype, array_shape

SLAB_FRAMES = 64
"""Frames per HTTP request: fewer are slow, more gain nothing."""

_SLAB_BYTES = 100 * 2**20


@dataclass(frozen=True, slots=True)
class LocalDataset:
    """Where an array lies in an HDF5 file on this machine."""

    path: Path
    dataset: str


class RunArray:
    """One key of a run.

    A fly scan's frames come as (n, H, W), (n, 1, H, W), (1, n, H, W) or (rows, columns, H,
    W) and its positions as (n,), (n, samples) or (1, n x samples): only the number and the
    order of the items count.
    """

    def __init__(self, server: TiledReader, path: str, attributes: Json) -> None:
        self.path = path
        self.shape = array_shape(attributes)
        self.dtype = array_dtype(attributes)
        self.local = local_dataset(attributes)
        self._server = server
        self._attributes = attributes
        self._is_whole = False

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def flat(self) -> NDArray[Any]:
        """All elements in one dimension."""
        if self.local is not None:
            with _open(self.local) as dataset:
                _check_size(dataset, self.size, self.local)
                self._check_whole(dataset, max(0, dataset.ndim - 1))
                values: NDArray[Any] = dataset[:].ravel()[: self.size]
                return values
        return self._server.slab(self.path, self._attributes, ()).ravel()

    def images(self, start: int, stop: int) -> NDArray[Any]:
        """Images `start` to `stop` (n, H, W); the last two axes are those of an image."""
        if self.local is not None:
            with _open(self.local) as dataset:
                _check_size(dataset, self.size, self.local)
                _check_window(dataset, self.shape[-2:], self.local)
                self._check_whole(dataset, 2)
                window = _window(dataset.shape[:-2], start, stop)
                return _cut(dataset[window.slices], window, start, stop)
        frame_bytes = self.dtype.itemsize * math.prod(self.shape[-2:])
        slab = max(1, min(SLAB_FRAMES, _SLAB_BYTES // frame_bytes))
        parts = [
            self._slab(begin, min(begin + slab, stop)) for begin in range(start, stop, slab)
        ]
        return np.concatenate(parts) if parts else np.empty((0, *self.shape[-2:]), self.dtype)

    def _check_whole(self, dataset: h5py.Dataset, window_axes: int) -> None:
        """Once: HDF5 reads zeros where a source of a virtual dataset is missing."""
        if not self._is_whole:
            check_sources(dataset, window_axes)
            self._is_whole = True

    def _slab(self, start: int, stop: int) -> NDArray[Any]:
        window = _window(self.shape[:-2], start, stop)
        bounds = [(part.start, part.stop) for part in window.slices]
        return _cut(self._server.slab(self.path, self._attributes, bounds), window, start, stop)


@dataclass(frozen=True, slots=True)
class _Window:
    """The smallest block of leading axes that holds some images, and its first image."""

    slices: tuple[slice, ...]
    first: int


def _window(lead: tuple[int, ...], start: int, stop: int) -> _Window:
    """Slice the first axis that is longer than one; take all of those behind it."""
    if not lead:
        return _Window((), 0)
    axis = next((i for i, length in enumerate(lead) if length > 1), len(lead) - 1)
    per_row = math.prod(lead[axis + 1 :])
    rows = slice(start // per_row, -(-stop // per_row))
    slices = [slice(0, 1)] * axis + [rows] + [slice(0, length) for length in lead[axis + 1 :]]
    return _Window(tuple(slices), rows.start * per_row)


def _cut(block: NDArray[Any], window: _Window, start: int, stop: int) -> NDArray[Any]:
    images = block.reshape(-1, *block.shape[-2:])
    return images[start - window.first : stop - window.first]


def local_dataset(attributes: Json) -> LocalDataset | None:
    """The HDF5 dataset behind an array, if it is one file that this process can read."""
    sources = attributes.get("data_sources") or []
    if len(sources) != 1 or sources[0]["mimetype"] != "application/x-hdf5":
        return None
    assets = sources[0]["assets"]
    parameters = sources[0]["parameters"]
    if len(assets) != 1 or not parameters.get("dataset") or parameters.get("slice"):
        return None
    uri = urlparse(assets[0]["data_uri"])
    path = Path(unquote(uri.path))
    if uri.scheme != "file" or not _readable(path):
        return None
    return LocalDataset(path, parameters["dataset"])


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


@contextmanager
def _open(local: LocalDataset) -> Iterator[h5py.Dataset]:
    """A dataset of an HDF5 file; problems become `DataError`."""
    try:
        with _open_file(local.path) as file:
            dataset = find(file, local.dataset)
            if not isinstance(dataset, h5py.Dataset):
                raise DataError(f"{local.path}:{local.dataset}", "nothing", "a dataset")
            yield dataset
    except OSError as error:
        raise _unreadable(local, error) from None


def _open_file(path: Path) -> h5py.File:
    """Open plainly, which notices a truncated file; as SWMR only if a writer has it open.

    A SWMR reader does not compare the file's length with what its header says and reads
    zeros for what is missing.
    """
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if "already open for" not in str(error):
            raise
        return h5py.File(path, "r", swmr=True, locking=False)


def _unreadable(local: LocalDataset, error: OSError) -> DataError:
    return DataError(
        str(local.path), f"an HDF5 file that cannot be read: {error}", "a whole file"
    )


def _check_size(dataset: h5py.Dataset, size: int, local: LocalDataset) -> None:
    if dataset.size < size:
        raise DataError(
            f"{local.path}:{local.dataset}",
            f"{dataset.size} elements",
            f"{size}, as the run's documents say",
        )


def _check_window(
    dataset: h5py.Dataset, window_HW: tuple[int, ...], local: LocalDataset
) -> None:
    if dataset.shape[-2:] != window_HW:
        raise DataError(
            f"{local.path}:{local.dataset}",
            f"shape {dataset.shape}",
            f"images of {window_HW}, as the run's documents say",
        )
