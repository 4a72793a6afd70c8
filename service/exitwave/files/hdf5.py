"""HDF5 as all formats need it: opened, links followed, values read; errors name the place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  # registers the filters that detectors compress with
import numpy as np
from numpy.typing import NDArray

from exitwave.filesystem.atomic import atomic_path
from exitwave.schema.errors import DataError

SHOWN_LINKS = 5
LINKS_IN_A_ROW = 16
"""Links that lead to links are followed so far; more is a circle."""


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to read.

    Raises
    ------
    DataError
        There is no such file, it is no whole HDF5 file, or HDF5 comes upon damage while it
        is read.
    """
    if not path.is_file():
        raise DataError(str(path), "no such file", "a file with a scan")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise DataError(str(path), str(error), "a readable HDF5 file") from error
    except KeyError as error:
        if "Unable to" not in str(error):  # HDF5's own words
            raise
        raise DataError(str(path), str(error), "a readable HDF5 file") from error


@contextmanager
def created(path: Path) -> Iterator[h5py.File]:
    """A new file under a temporary name, renamed when it is whole, removed if it fails."""
    with atomic_path(path) as part, h5py.File(part, "w") as file:
        yield file


def place(node: h5py.Dataset | h5py.Group) -> str:
    """How messages name a dataset or group: file and path in it."""
    return f"{node.file.filename}:{node.name}"


def find(group: h5py.Group, name: str, links: int = 0) -> h5py.Dataset | h5py.Group | None:
    """What lies under a name, None if nothing does.

    Parameters
    ----------
    group : h5py.Group
        Where a relative name begins.
    name : str
    links : int
        How many links led here.

    Raises
    ------
    DataError
        A link on the way leads nowhere; the message names what it points to.
    """
    here: h5py.Group | h5py.Dataset = group.file["/"] if name.startswith("/") else group
    for part in filter(None, name.split("/")):
        if not isinstance(here, h5py.Group) or here.get(part, getlink=True) is None:
            return None  # `in` would say the same of a link that leads nowhere
        try:
            here = here[part]
        except (KeyError, OSError, RuntimeError) as error:
            raise _leads_nowhere(here, part, str(error), links) from error
    return here


def dataset(group: h5py.Group, name: str) -> h5py.Dataset | None:
    """The dataset of that name, None if there is none; raises as `find`.

    Raises
    ------
    DataError
        It holds nothing, not even a shape.
    """
    node = find(group, name)
    if not isinstance(node, h5py.Dataset):
        return None
    if node.shape is None:
        raise DataError(place(node), "an empty dataset", "values")
    return node


def whole(node: h5py.Dataset) -> NDArray[Any]:
    """All values, in the machine's byte order.

    Raises
    ------
    DataError
        They cannot be read.
    """
    try:
        return native(np.asarray(node[()]))
    except OSError as error:
        raise DataError(
            place(node), str(error), "a dataset that is whole and readable"
        ) from error


def native(values: NDArray[Any]) -> NDArray[Any]:
    """The same in the machine's byte order."""
    isnative = values.dtype.isnative
    return values if isnative else values.astype(values.dtype.newbyteorder("="))


def broken_links(file: h5py.File) -> list[str]:
    """The first few links of a file that lead nowhere, in words."""
    groups: list[h5py.Group] = [file["/"]]
    file.visititems(lambda _, node: groups.append(node) if _is_group(node) else None)
    found: list[str] = []
    for group in groups:
        for name in group:
            try:
                find(group, str(name))
            except DataError as error:
                found.append(f"{group.name.rstrip('/')}/{name} ({error.expected})")
            if len(found) >= SHOWN_LINKS:
                return found
    return found


def _is_group(node: Any) -> bool:
    return isinstance(node, h5py.Group)


def _leads_nowhere(group: h5py.Group, part: str, why: str, links: int) -> DataError:
    """The error that names the end of a chain of links."""
    key = f"{group.file.filename}:{group.name.rstrip('/')}/{part}"
    link = group.get(part, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        return DataError(
            key,
            f"a link that leads nowhere ({why})",
            f"the file {link.filename} that it names, with {link.path} in it",
        )
    if not isinstance(link, h5py.SoftLink):
        return DataError(key, why, "a dataset that can be opened")
    if links < LINKS_IN_A_ROW:
        try:
            find(group, link.path, links + 1)
        except DataError as error:
            return error
    return DataError(key, "a link that leads nowhere", f"{link.path} that it points to")
