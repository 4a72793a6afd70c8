"""Where a dataset's numbers lie, when they lie elsewhere, and whether all are there.

HDF5 gives the fill value for what is missing, without a word: a virtual dataset of which a
source file was moved reads as dark frames.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError
from exitwave.schema.verdict import Note

from .hdf5 import find, place

DEEPEST = 8
"""Virtual datasets of virtual datasets are followed so far."""

UNLIMITED = 2**64 - 1
SHOWN_FRAMES = 5


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a dataset is there.

    Attributes
    ----------
    pixels_HW : bool array (H, W), optional
        Pixels that some source brings; None: all.
    notes : tuple of Note
    """

    pixels_HW: NDArray[np.bool_] | None = None
    notes: tuple[Note, ...] = ()


def check_sources(dataset: h5py.Dataset, window_axes: int = 2, depth: int = 0) -> Coverage:
    """Make sure that the numbers of a dataset are there.

    Pixels that no source brings in any frame are gaps between a detector's modules: they are
    told of, not refused.

    Parameters
    ----------
    dataset : h5py.Dataset
    window_axes : int
        How many of its last axes are those of a frame; the others count frames.
    depth : int
        How many virtual datasets led here.

    Raises
    ------
    DataError
        A source file or a dataset in it is missing or too short, or some frames have no
        source; the message names it.
    """
    if dataset.is_virtual:
        return _check_virtual(dataset, window_axes, depth)
    for name, offset, size in dataset.external or ():
        _check_raw_file(dataset, _text(name), offset, size)
    return Coverage(notes=tuple(_unwritten(dataset)))


def _check_virtual(dataset: h5py.Dataset, window_axes: int, depth: int) -> Coverage:
    if depth >= DEEPEST:
        raise DataError(place(dataset), f"{depth} virtual datasets one in another", "fewer")
    lead = max(0, dataset.ndim - window_axes)
    covered_px = np.zeros(dataset.shape[:lead], np.int64)
    pixels_HW = np.zeros(dataset.shape[lead:], np.bool_)
    sources: dict[tuple[str, str], list[Any]] = {}
    for source in dataset.virtual_sources():
        for named in _names(source, dataset.shape):
            sources.setdefault(named, []).append(source)
        for block in _blocks(source.vspace, dataset.shape):
            axes = [_indices(*part) for part in zip(block, dataset.shape, strict=True)]
            pixels_HW[np.ix_(*axes[lead:])] = True
            covered_px[np.ix_(*axes[:lead])] += math.prod(len(axis) for axis in axes[lead:])
    notes = [
        note
        for (file_name, name), found in sources.items()
        for note in _check_source(dataset, file_name, name, found, depth)
    ]
    whole_px = int(pixels_HW.sum())
    holes = np.flatnonzero(covered_px.reshape(-1) < max(whole_px, 1))
    if holes.size:
        raise DataError(
            place(dataset),
            f"a virtual dataset with a hole: {holes.size} of {covered_px.size} frames have no "
            f"source or a part of one, first {holes[:SHOWN_FRAMES].tolist()}",
            "a source for every frame",
        )
    if whole_px == pixels_HW.size:
        return Coverage(notes=tuple(notes))
    gaps = pixels_HW.size - whole_px
    notes.append(
        Note(
            code="gaps",
            text=f"{gaps} pixels have no source in the virtual dataset {dataset.name}: they "
            "are taken for gaps between modules and masked.",
            figures={"pixels": float(gaps)},
        )
    )
    return Coverage(pixels_HW, tuple(notes))


def _check_source(
    dataset: h5py.Dataset, file_name: str, name: str, mappings: list[Any], depth: int
) -> tuple[Note, ...]:
    """Open one source of a virtual dataset and look whether it is as long as it must be."""
    if file_name == ".":
        return _check_found(dataset, dataset.file, name, mappings, depth)
    path = _found_file(dataset, file_name, "HDF5_VDS_PREFIX")
    if path is None:
        raise DataError(
            place(dataset),
            "a virtual dataset of which a source file is missing",
            f"the file {file_name}, as named or beside {Path(dataset.file.filename).name}",
        )
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise DataError(
            place(dataset),
            f"a virtual dataset of which a source file cannot be read: {error}",
            f"a readable HDF5 file {path}",
        ) from error
    with file:
        return _check_found(dataset, file, name, mappings, depth)


def _check_found(
    dataset: h5py.Dataset, file: h5py.File, name: str, mappings: list[Any], depth: int
) -> tuple[Note, ...]:
    node = find(file, name)
    if not isinstance(node, h5py.Dataset):
        raise DataError(
            place(dataset),
            "a virtual dataset of which a source is not in its file",
            f"a dataset {name} in {file.filename}",
        )
    for mapping in mappings:
        needed = _reach(mapping, node.shape, dataset.shape)
        if any(has < needs for has, needs in zip(node.shape, needed, strict=True)):
            raise DataError(
                place(dataset),
                f"a virtual dataset of which a source is too short: {node.shape}",
                f"at least {needed} in {place(node)}",
            )
    return check_sources(node, depth=depth + 1).notes


def _reach(
    mapping: Any, shape: tuple[int, ...], target_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """How far a mapping reaches into a source of this shape, along each axis."""
    if mapping.src_space.get_select_type() == h5py.h5s.SEL_ALL:
        # All of it, whatever its size was when it was mapped: as much as it is to fill.
        needs = sum(
            math.prod(
                len(_indices(slab, side))
                for slab, side in zip(block, target_shape, strict=True)
            )
            for block in _blocks(mapping.vspace, target_shape)
        )
        return (-(-needs // max(1, math.prod(shape[1:]))), *shape[1:])
    reach = [0] * len(shape)
    for block in _blocks(mapping.src_space, shape):
        for axis, (start, stride, count, size) in enumerate(block):
            if count != UNLIMITED:
                reach[axis] = max(reach[axis], start + (count - 1) * stride + size)
    return tuple(reach)


def _names(source: Any, shape: tuple[int, ...]) -> list[tuple[str, str]]:
    """File and dataset of a source; of a series of files (``%b``) one for each block."""
    names = (source.file_name, source.dset_name)
    if not any("%b" in name for name in names):
        return [names]
    blocks = max(
        -(-max(0, side - start) // max(1, stride))
        for block in _blocks(source.vspace, shape)
        for (start, stride, count, _), side in zip(block, shape, strict=True)
        if count == UNLIMITED
    )
    return [
        (names[0].replace("%b", str(block)), names[1].replace("%b", str(block)))
        for block in range(blocks)
    ]


def _blocks(space: Any, shape: tuple[int, ...]) -> Iterator[list[tuple[int, int, int, int]]]:
    """Hyperslabs of a selection: (start, stride, count, block size) an axis."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        yield [(0, 1, 1, side) for side in shape]
    elif space.is_regular_hyperslab():
        start, stride, count, size = space.get_regular_hyperslab()
        yield list(zip(start, stride, count, size, strict=True))
    else:
        for low, high in space.get_select_hyper_blocklist():
            yield [(int(a), 1, 1, int(b) - int(a) + 1) for a, b in zip(low, high, strict=True)]


def _indices(slab: tuple[int, int, int, int], side: int) -> NDArray[np.intp]:
    """Indices along one axis that a hyperslab selects, below `side`."""
    start, stride, count, size = slab
    begins = np.arange(start, side, max(1, stride))[: min(count, side)]
    indices = (begins[:, None] + np.arange(size)).reshape(-1)
    return indices[indices < side].astype(np.intp)


def _check_raw_file(dataset: h5py.Dataset, name: str, offset: int, size: int) -> None:
    """External storage: HDF5 reads zeros behind the end of the file."""
    path = _found_file(dataset, name, "HDF5_EXTFILE_PREFIX")
    if path is None:
        raise DataError(
            place(dataset),
            "a dataset whose numbers lie in another file, which is missing",
            f"the file {name}, as named or in a folder of HDF5_EXTFILE_PREFIX",
        )
    needs = offset + min(size, dataset.size * dataset.dtype.itemsize)
    has = path.stat().st_size
    if has < needs:
        raise DataError(
            place(dataset),
            f"a dataset whose numbers lie in another file, which has {has} bytes",
            f"at least {needs} bytes in {name}",
        )


def _found_file(dataset: h5py.Dataset, name: str, variable: str) -> Path | None:
    """The file that HDF5 would open, None if there is none.

    It looks under the name itself and in folders of an environment variable; for sources of
    virtual datasets also beside the file that holds the dataset.
    """
    plain = Path(name.replace("%%", "%"))
    beside = Path(dataset.file.filename)
    prefixes = os.environ.get(variable, "").replace("${ORIGIN}", str(beside.parent))
    folders = [Path(part) for part in prefixes.split(":") if part]
    if dataset.is_virtual:
        folders += [beside.parent, beside.resolve().parent]
    last = plain.name if plain.is_absolute() else plain
    tried = [plain, *(folder / last for folder in folders)]
    return next((path for path in tried if path.is_file()), None)


def _unwritten(dataset: h5py.Dataset) -> Iterator[Note]:
    """Tells of frames that were never written."""
    if dataset.chunks is None or dataset.ndim < 3:
        return
    sizes = zip(dataset.shape, dataset.chunks, strict=True)
    per_axis = [-(-side // chunk) for side, chunk in sizes]
    if dataset.id.get_num_chunks() >= int(np.prod(per_axis)):
        return
    written = np.zeros(dataset.shape[0], np.int64)

    def take(chunk: Any) -> None:
        first = chunk.chunk_offset[0]
        written[first : first + dataset.chunks[0]] += 1

    dataset.id.chunk_iter(take)
    missing = np.flatnonzero(written < int(np.prod(per_axis[1:])))
    if missing.size:
        yield Note(
            code="unwritten",
            text=f"{missing.size} of {dataset.shape[0]} frames of {dataset.name} were never "
            f"written or only in part, first {missing[:SHOWN_FRAMES].tolist()}: "
            f"{dataset.fillvalue} is read there.",
            figures={"frames": float(missing.size)},
        )


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
