"""The formats that scans are read from: one entry each, the first that knows a file reads it.

================  ======================================================================
CXI               names of the Coherent X-ray Imaging Data Bank, and NXcxi_ptycho
NeXus             groups known by their class
HDF5              any other file of named datasets
npz, npy          arrays of numpy
================  ======================================================================
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from exitwave.schema.data import GeometryOverrides
from exitwave.schema.errors import DataError

from .assemble import assemble
from .cxi_layout import CxiLayout, is_cxi
from .hdf5 import opened
from .nexus_layout import NexusLayout, is_nexus
from .places import Layout, ReadOptions
from .plain_layout import PlainLayout
from .reconstruction import Measurement
from .stored import StoredMeasurement
from .tree import ArrayTree, Hdf5Tree

NPY_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files with scans.

    Attributes
    ----------
    name : str
    knows : callable
        Whether a file is one of these.
    opens : callable
        Reads a scan but for its patterns.
    """

    name: str
    knows: Callable[[Path], bool]
    opens: Callable[[Path, ReadOptions], StoredMeasurement]


def open_measurement(
    path: Path,
    dataset: str | None = None,
    positions: str | None = None,
    *,
    positions_unit: str | None = None,
    geometry: GeometryOverrides | None = None,
) -> StoredMeasurement:
    """Read a scan but for its patterns, which stay in their file where they can.

    Parameters
    ----------
    path : Path
    dataset : str, optional
        Name of the patterns in the file; found where the format keeps them, otherwise.
    positions : str, optional
        Name of the positions in the file, or another file: npy, or text in columns.
    positions_unit : str, optional
        m, mm, um, nm, px and the like; else what the file states.
    geometry : GeometryOverrides, optional
        Values that replace those of the file, or that it lacks.

    Returns
    -------
    StoredMeasurement
        Its notes say what people should know, its origins where each value came from.

    Raises
    ------
    DataError
        The file cannot be read, or a part is missing, contradicts itself or is no scan of
        the far field; the message names the part and what was looked at.
    GeometryError
        Values of the geometry are missing or out of range.
    """
    given = ReadOptions(
        dataset=dataset,
        positions=positions,
        positions_unit=positions_unit,
        geometry=geometry or GeometryOverrides(),
    )
    return format_of(path).opens(path, given)


def read_measurement(
    path: Path,
    dataset: str | None = None,
    positions: str | None = None,
    *,
    positions_unit: str | None = None,
    geometry: GeometryOverrides | None = None,
) -> Measurement:
    """Read a scan with its patterns; as `open_measurement`, but stricter.

    Raises
    ------
    DataError
        Also where frames and positions differ in number or are not finite.
    GeometryError
        As `open_measurement`.
    """
    stored = open_measurement(
        path, dataset, positions, positions_unit=positions_unit, geometry=geometry
    )
    return Measurement(
        counts_nHW=stored.counts_nHW[:],
        positions_m=stored.positions_m,
        geometry=stored.geometry,
        mask_HW=stored.mask_HW,
        truth=stored.truth,
        frame_masks=stored.frame_masks,
        monitor_n=stored.monitor_n,
        notes=stored.notes,
    )


def format_of(path: Path) -> Format:
    """The format of a file.

    Raises
    ------
    DataError
        There is no such file, it is damaged, or of no format known here.
    """
    if not path.is_file():
        raise DataError(str(path), "no such file", "a file with a scan")
    for known in FORMATS:
        if known.knows(path):
            return known
    raise DataError(
        str(path),
        "a file of another kind",
        "a readable HDF5 file (CXI, NeXus or with named datasets), npz or npy",
    )


def _hdf5(layout: Layout, knows: Callable[[h5py.File], bool]) -> Format:
    def is_one(path: Path) -> bool:
        if not h5py.is_hdf5(path):
            return False
        with opened(path) as file:
            return knows(file)

    def read(path: Path, given: ReadOptions) -> StoredMeasurement:
        with opened(path) as file:
            return assemble(Hdf5Tree(path, file), layout, given)

    return Format(layout.name, is_one, read)


class _Named(PlainLayout):
    """Named arrays in a kind of file."""

    def __init__(self, name: str) -> None:
        self.name = name


def _is_npz(path: Path) -> bool:
    return zipfile.is_zipfile(path)


def _open_npz(path: Path, given: ReadOptions) -> StoredMeasurement:
    arrays: dict[str, NDArray[Any]] = {}
    try:
        # Opened here: numpy leaves a file open that turns out to be no whole archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            for name in stored.files:
                try:
                    arrays[name] = stored[name]
                except ValueError:
                    continue  # an array of objects, which only pickle reads
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(str(path), str(error), "a whole npz file") from error
    return assemble(ArrayTree(path, arrays), _Named("npz"), given)


def _is_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(NPY_MAGIC)) == NPY_MAGIC


def _open_npy(path: Path, given: ReadOptions) -> StoredMeasurement:
    try:
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(str(path), str(error), "a whole npy file") from error
    return assemble(ArrayTree(path, {"data": values}), _Named("npy"), given)


FORMATS = (
    _hdf5(CxiLayout(), is_cxi),
    _hdf5(NexusLayout(), is_nexus),
    _hdf5(_Named("HDF5"), lambda _: True),
    Format("npz", _is_npz, _open_npz),
    Format("npy", _is_npy, _open_npy),
)
