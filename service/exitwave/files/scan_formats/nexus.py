"""NeXus: groups are known by their class (``NX_class``), whatever their names.

The patterns are the ``signal`` of the ``default`` NXdata, else of another one, else the data
of an NXdetector. Positions are the axes of an NXtransformations group of the sample, or the
axes of the NXdata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import h5py
import numpy as np

from ..hdf5 import find
from ..places import Places, axis_of
from ..tree import Hdf5Tree, Tree
from .hdf5 import hdf5_format

DEEPEST = 4
"""Levels below an entry in which groups are looked for."""


class NexusLayout:
    """Where NeXus files keep a scan."""

    name = "NeXus"
    columns: Literal["xy", "yx"] = "xy"
    position_unit: str | None = "m"

    def frames(self, tree: Tree) -> Sequence[str]:
        """Signals of NXdata, then data of detectors."""
        entry = _entry(tree)
        if entry is None:
            return ["/entry/data/data", "/entry/instrument/detector/data"]
        default = f"{entry.name}/{_word(entry.attrs.get('default', ''))}"
        data = sorted(_of_class(entry, "NXdata"), key=lambda group: group.name != default)
        return [
            *(f"{group.name}/{_signal(group)}" for group in data),
            *(f"{group.name}/data" for group in _of_class(entry, "NXdetector")),
        ]

    def places(self, tree: Tree, frames: str) -> Places:
        """What belongs to these patterns."""
        entry = _entry(tree, frames)
        if entry is None:
            return Places(positions=[])
        beside = frames.rpartition("/")[0]
        detectors = _detectors(entry, frames, tree)
        beams = _names(entry, "NXbeam")
        light = [*_names(entry, "NXmonochromator"), *_names(entry, "NXsource")]
        return Places(
            positions=[
                f"{group}/{name}"
                for group in (beside, *detectors, *_names(entry, "NXsample"))
                for name in ("translation", "positions")
            ]
            + [f"{group}/translation" for group in _names(entry, "NXgeometry")],
            axes=[*_moved(entry), *_plotted(tree, beside)],
            energy=[
                *_each(beams, "incident_energy", "incident_beam_energy", "energy"),
                *_each(light, "energy"),
            ],
            wavelength=_each([*beams, *light], "incident_wavelength", "wavelength"),
            distance=_each(detectors, "distance"),
            pixel_x=_each(detectors, "x_pixel_size"),
            pixel_y=_each(detectors, "y_pixel_size"),
            basis_vectors=_each(detectors, "basis_vectors"),
            corner=_each(detectors, "corner_position"),
            cxi_masks=_each(detectors, "mask"),
            nexus_masks=[
                f"{detector}/{name}"
                for detector in detectors
                for name in _like(tree, detector, r"pixel_mask(_\d+)?")
            ],
            monitors=_each(_names(entry, "NXmonitor"), "data"),
            source_probes=_each(_names(entry, "NXsource"), "probe"),
        )


def is_nexus(file: h5py.File) -> bool:
    """Whether there is an entry known by its class."""
    return any(True for _ in _children(file, "NXentry"))


def _entry(tree: Tree, frames: str = "") -> h5py.Group | None:
    """The entry that holds the patterns, else the default one, else the first."""
    if not isinstance(tree, Hdf5Tree):
        return None
    entries = list(_children(tree.file, "NXentry"))
    for entry in entries:
        if frames.startswith(f"{entry.name}/"):
            return entry
    default = _word(tree.file.attrs.get("default", ""))
    return next((e for e in entries if e.name == f"/{default}"), next(iter(entries), None))


def _children(group: h5py.Group, kind: str) -> Iterator[h5py.Group]:
    """Groups right below that are of a class."""
    return (node for node in _groups(group) if _word(node.attrs.get("NX_class", "")) == kind)


def _of_class(entry: h5py.Group, kind: str, levels: int = DEEPEST) -> list[h5py.Group]:
    """Groups of a class in an entry, those near to it first."""
    here = [entry]
    found: list[h5py.Group] = []
    for _ in range(levels):
        here = [node for group in here for node in _groups(group)]
        found += [node for node in here if _word(node.attrs.get("NX_class", "")) == kind]
    return found


def _groups(group: h5py.Group) -> Iterator[h5py.Group]:
    return (node for name in group if isinstance(node := _node(group, name), h5py.Group))


def _node(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """What a name stands for; None for a link that leads nowhere, until it is asked for."""
    try:
        return group.get(name)
    except (OSError, RuntimeError):
        return None


def _names(entry: h5py.Group, kind: str) -> list[str]:
    return [str(group.name) for group in _of_class(entry, kind)]


def _each(groups: Sequence[str], *names: str) -> list[str]:
    return [f"{group}/{name}" for group in groups for name in names]


def _like(tree: Tree, group: str, pattern: str) -> list[str]:
    node = find(tree.file, group) if isinstance(tree, Hdf5Tree) else None
    names = [str(name) for name in node] if isinstance(node, h5py.Group) else []
    return [name for name in names if re.fullmatch(pattern, name)]


def _signal(data: h5py.Group) -> str:
    """Name of what an NXdata plots: its attribute, else the dataset that says it is it."""
    said = _word(data.attrs.get("signal", ""))
    if said and said != "1":
        return said
    for name in data:
        node = _node(data, name)
        if isinstance(node, h5py.Dataset) and str(_word(node.attrs.get("signal", ""))) == "1":
            return str(name)
    return "data"


def _detectors(entry: h5py.Group, frames: str, tree: Tree) -> list[str]:
    """The detector of the patterns; all of them where none says it is the one."""
    names = _names(entry, "NXdetector")
    leaf = tree.leaf(frames)
    own = [
        name
        for name in names
        if frames.startswith(f"{name}/")
        or (leaf is not None and tree.leaf(f"{name}/data") == leaf)
    ]
    return own or names


def _moved(entry: h5py.Group) -> list[tuple[str, str]]:
    """Axes y and x of the sample's transformations."""
    samples = [group for sample in _of_class(entry, "NXsample") for group in [sample]]
    groups = [
        group
        for sample in samples
        for group in (
            *_of_class(sample, "NXtransformations", 2),
            *_of_class(sample, "NXpositioner", 2),
        )
    ]
    pairs = []
    for group in groups:
        axes = [
            name
            for name in group
            if isinstance(node := _node(group, name), h5py.Dataset)
            and _word(node.attrs.get("transformation_type", "translation")) == "translation"
            and node.dtype.kind in "uif"
            and node.size > 1
        ]
        y = next((name for name in axes if _across(group[name]) == 1), None)
        x = next((name for name in axes if _across(group[name]) == 0), None)
        if y is not None and x is not None:
            pairs.append((f"{group.name}/{y}", f"{group.name}/{x}"))
    return pairs


def _across(axis: h5py.Dataset) -> int | None:
    """0: an axis along x, 1: along y, by its vector, else by its name; None: neither."""
    vector = np.asarray(axis.attrs.get("vector", ()))
    if vector.size == 3 and vector.dtype.kind in "uif":
        largest = int(np.argmax(np.abs(vector)))
        return largest if largest < 2 else None
    return axis_of(str(axis.name).rpartition("/")[2])


def _plotted(tree: Tree, group: str) -> list[tuple[str, str]]:
    """Axes y and x of an NXdata: those it names, or datasets called so."""
    node = find(tree.file, group) if isinstance(tree, Hdf5Tree) else None
    if not isinstance(node, h5py.Group):
        return []
    axes = [name for name in _words(node.attrs.get("axes", ())) if name not in {"", "."}]
    axes += [name.removesuffix("_indices") for name in node.attrs if name.endswith("_indices")]
    axes = [*axes, *(str(name) for name in node)]
    axes = [name for name in dict.fromkeys(axes) if isinstance(_node(node, name), h5py.Dataset)]
    ys = [name for name in axes if axis_of(name) == 1]
    xs = [name for name in axes if axis_of(name) == 0]
    return [(f"{group}/{y}", f"{group}/{x}") for y, x in zip(ys, xs, strict=False)]


def _word(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _words(value: Any) -> list[str]:
    parts = [_word(part) for part in np.atleast_1d(np.asarray(value, dtype=object)).reshape(-1)]
    return [word for part in parts for word in re.split(r"[:,\[\]]", part)]


NEXUS = hdf5_format(NexusLayout(), is_nexus)
