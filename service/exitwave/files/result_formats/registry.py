"""The formats that results are written to, one line each."""

from __future__ import annotations

from exitwave.schema.result_formats import ResultFormat

from .cxi import CXI
from .npy import NPY
from .npz import NPZ
from .png import PNG
from .protocol import ResultWriter
from .tiff import TIFF

RESULT_WRITERS: dict[ResultFormat, ResultWriter] = {
    writer.name: writer
    for writer in (
        CXI,
        NPY,
        NPZ,
        PNG,
        TIFF,
    )
}
