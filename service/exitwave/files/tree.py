"""Named arrays, wherever they lie: in an HDF5 file, an npz file or a single npy file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

from .hdf5 import dataset, native, whole
from .sources import check_sources
from .units import stated_unit, unit_in_name

EQUAL = 1e-3
"""Relative difference up to which several readings of one value are one."""

MOST_NAMES = 2000
"""Datasets of a file that are looked at when nothing says where things are."""


class Tree(Protocol):
    """Arrays by name. Names begin with a slash."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    def leaf(self, name: str) -> Any | None:
        """What has shape, dtype, attrs and can be sliced; None if there is none.

        Raises
        ------
        DataError
            A link on the way leads nowhere, or a source of the numbers is missing.
        """
        ...

    def names(self) -> list[str]:
        """All arrays."""
        ...

    def texts(self) -> Iterator[tuple[str, str]]:
        """Names and values of all that is a single text, attributes of groups too."""
        ...

    def whole(self, name: str) -> NDArray[Any]:
        """All values of an array that is there, in the machine's byte order."""
        ...


@dataclass(frozen=True, slots=True)
class Hdf5Tree:
    """The datasets of an open HDF5 file."""

    path: Path
    file: h5py.File

    def leaf(self, name: str) -> h5py.Dataset | None:
        return dataset(self.file, name)

    def names(self) -> list[str]:
        found: list[str] = []

        def take(name: str, node: Any) -> bool | None:
            if isinstance(node, h5py.Dataset) and node.shape is not None:
                found.append(f"/{name}")
            return True if len(found) >= MOST_NAMES else None

        self.file.visititems(take)
        return found

    def texts(self) -> Iterator[tuple[str, str]]:
        groups: list[h5py.Group] = [self.file]

        def take(_: str, node: Any) -> bool | None:
            if isinstance(node, h5py.Group):
                groups.append(node)
            return True if len(groups) >= MOST_NAMES else None

        self.file.visititems(take)
        for group in groups:
            for name, value in group.attrs.items():
                if (said := _text(value)) is not None:
                    yield f"{group.name.rstrip('/')}/{name}", said
        for name in self.names():
            if (said := text(self, name)) is not None:
                yield name, said

    def whole(self, name: str) -> NDArray[Any]:
        node = self.leaf(name)
        if node is None:
            raise DataError(key(self, name), "no such dataset", "this dataset")
        check_sources(node, max(0, node.ndim - 1))
        return whole(node)


@dataclass(frozen=True, slots=True)
class ArrayLeaf:
    """An array that is held like a dataset, without attributes."""

    values: NDArray[Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    @property
    def ndim(self) -> int:
        return self.values.ndim

    @property
    def size(self) -> int:
        return self.values.size

    def __getitem__(self, part: Any) -> NDArray[Any]:
        found: NDArray[Any] = self.values[part]
        return found


@dataclass(frozen=True, slots=True)
class ArrayTree:
    """Arrays in memory, or memory maps."""

    path: Path
    arrays: Mapping[str, NDArray[Any]]

    def leaf(self, name: str) -> ArrayLeaf | None:
        values = self.arrays.get(name.lstrip("/"))
        return None if values is None else ArrayLeaf(values)

    def names(self) -> list[str]:
        return [f"/{name}" for name in self.arrays]

    def texts(self) -> Iterator[tuple[str, str]]:
        for name in self.names():
            if (said := text(self, name)) is not None:
                yield name, said

    def whole(self, name: str) -> NDArray[Any]:
        return native(np.asarray(self.arrays[name.lstrip("/")]))


def key(tree: Tree, name: str) -> str:
    """How messages name an array."""
    return f"{tree.path}:/{name.lstrip('/')}"


def number(tree: Tree, name: str) -> float:
    """A single number, or the mean of readings that are all but equal.

    Raises
    ------
    DataError
        It is no number, not finite, or readings differ.
    """
    values = tree.whole(name)
    if not values.size or values.dtype.kind not in "uif":
        raise DataError(key(tree, name), f"{values.dtype} of shape {values.shape}", "a number")
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite([low, high]).all() and high - low <= EQUAL * max(abs(low), abs(high))):
        raise DataError(key(tree, name), f"readings from {low:g} to {high:g}", "one number")
    return low if low == high else float(values.mean())


def unit(tree: Tree, name: str, *, pixels: bool = False) -> str | None:
    """The unit that an array's attributes or its name state; None if neither does.

    `pixels`: whether ``_px`` at the end of its name is one.
    """
    leaf = tree.leaf(name)
    said = None if leaf is None else stated_unit(leaf, key(tree, name))
    return said or unit_in_name(name, pixels=pixels)


def text(tree: Tree, name: str) -> str | None:
    """A single text; None if there is none of that name."""
    leaf = tree.leaf(name)
    if leaf is None or leaf.size != 1 or leaf.dtype.kind not in "OSU":
        return None
    return _text(leaf[()])


def described(leaf: Any) -> str:
    """Type and shape for people, such as ``uint16 (100, 64, 64)``."""
    return f"{leaf.dtype} {tuple(leaf.shape)}"


def _text(value: Any) -> str | None:
    """The text in an attribute or in an array of one; None for anything else."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size == 1 else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, str) else None
