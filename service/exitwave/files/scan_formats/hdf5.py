"""HDF5 files: of a layout that is known, or any other with named datasets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py

from ..assemble import assemble
from ..hdf5 import opened
from ..places import Layout, ReadOptions
from ..stored import StoredMeasurement
from ..tree import Hdf5Tree
from .named_arrays import NamedArrays
from .protocol import ScanFormat


def hdf5_format(layout: Layout, recognises: Callable[[h5py.File], bool]) -> ScanFormat:
    """The format of HDF5 files that keep a scan as `layout` says."""

    def is_one(path: Path) -> bool:
        if not h5py.is_hdf5(path):
            return False
        with opened(path) as file:
            return recognises(file)

    def read(path: Path, options: ReadOptions) -> StoredMeasurement:
        with opened(path) as file:
            return assemble(Hdf5Tree(path, file), layout, options)

    return ScanFormat(layout.name, is_one, read)


HDF5 = hdf5_format(NamedArrays("HDF5"), lambda _: True)
