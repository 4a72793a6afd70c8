"""A result as CXI: HDF5 that exitwave reads again."""

from __future__ import annotations

from pathlib import Path

from ..cxi import write_reconstruction
from ..reconstruction import Reconstruction
from .protocol import ExportOptions, ResultWriter


def _write(path: Path, result: Reconstruction, _: ExportOptions) -> None:
    write_reconstruction(path, result)


CXI = ResultWriter(name="cxi", suffix=".cxi", media_type="application/x-hdf5", write=_write)
