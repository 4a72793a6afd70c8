"""The formats that scans are read from, one line each; the first that knows a file reads it."""

from __future__ import annotations

from pathlib import Path

from exitwave.schema.errors import DataError

from .cxi import CXI
from .hdf5 import HDF5
from .nexus import NEXUS
from .npy import NPY
from .npz import NPZ
from .protocol import ScanFormat

SCAN_FORMATS: tuple[ScanFormat, ...] = (
    CXI,  # names of the Coherent X-ray Imaging Data Bank, and NXcxi_ptycho
    NEXUS,  # groups known by their class
    HDF5,  # any other file of named datasets: behind all layouts that are known
    NPZ,  # numpy's archives of named arrays
    NPY,  # one array
)


def format_of(path: Path) -> ScanFormat:
    """The format of a file.

    Raises
    ------
    DataError
        There is no such file, it is damaged, or of no format known here.
    """
    if not path.is_file():
        raise DataError(str(path), "no such file", "a file with a scan")
    for known in SCAN_FORMATS:
        if known.recognises(path):
            return known
    names = ", ".join(known.name for known in SCAN_FORMATS)
    raise DataError(str(path), "a file of another kind", f"a readable file, one of {names}")
