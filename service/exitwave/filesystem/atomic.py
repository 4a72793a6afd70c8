"""Files that appear under their name only once they are whole and on disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PRIVATE_MODE = 0o600
"""Only this user reads and writes it."""


@contextmanager
def atomic_file(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Write a file; the one before stays until the new one is on disk, and if this fails.

    Parameters
    ----------
    path : Path
    mode : int
        Permissions, less those that the umask takes away.

    Yields
    ------
    BinaryIO
        Open for writing.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with atomic_path(path) as part, open(os.open(part, flags, mode), "wb") as file:
        yield file


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """As `atomic_file`, for a library that opens the file itself.

    Yields
    ------
    Path
        Where to write; it is renamed to `path` afterwards, and removed if this fails.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        _sync(part)
        part.replace(path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def write_private_text(path: Path, text: str) -> None:
    """Write a text that only this user may read."""
    with atomic_file(path, PRIVATE_MODE) as file:
        file.write(text.encode())


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """A new name is on disk once its folder is, where the system can say so at all."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # written to, but not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # network filesystems have no such call
            raise
    finally:
        os.close(descriptor)
