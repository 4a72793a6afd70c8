"""Checkpoints on disk: named arrays in one file that is always whole."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.filesystem.atomic import atomic_file
from exitwave.schema.errors import CheckpointError

_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    MemoryError,  # a damaged header can ask for any size
    NotImplementedError,  # of zipfile: a damaged header can name any compression or version
    zipfile.BadZipFile,
    zlib.error,
)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays (npz); the file before stays until the new one is on disk."""
    with atomic_file(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """What `write_arrays` wrote.

    Raises
    ------
    CheckpointError
        There is no such file or it is not one of ours.
    """
    try:
        # Opened here: numpy leaves a file open that turns out to be no whole archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except FileNotFoundError:
        raise CheckpointError(str(path), "no file", "a checkpoint") from None
    except _UNREADABLE as error:
        raise CheckpointError(
            str(path), f"a file that cannot be read ({error})", "a whole checkpoint"
        ) from None
