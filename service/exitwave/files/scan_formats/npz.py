"""npz files: numpy's archives of named arrays."""

from __future__ import annotations

import zipfile
import zlib
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


def _is_npz(path: Path) -> bool:
    return zipfile.is_zipfile(path)


def _open_npz(path: Path, options: ReadOptions) -> StoredMeasurement:
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
    return assemble(ArrayTree(path, arrays), NamedArrays("npz"), options)


NPZ = ScanFormat("npz", _is_npz, _open_npz)
