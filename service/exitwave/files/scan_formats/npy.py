"""npy files: one array of patterns, with all else given beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

from ..assemble import assemble
from ..places import ReadOptions
from ..stored import StoredMeasurement
from ..tree import ArrayTree
from .named_arrays import NamedArrays
from .protocol import ScanFormat

NPY_MAGIC = b"\x93NUMPY"


def _is_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(NPY_MAGIC)) == NPY_MAGIC


def _open_npy(path: Path, options: ReadOptions) -> StoredMeasurement:
    try:
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(str(path), str(error), "a whole npy file") from error
    return assemble(ArrayTree(path, {"data": values}), NamedArrays("npy"), options)


NPY = ScanFormat("npy", _is_npy, _open_npy)
