"""CXI as programs write it: every part at any of the places in use.

The format is one of names, not of classes: ``entry_1``, ``data_1``, ``instrument_1`` and so
on, with other numbers where there are several. Values are in SI unless an attribute ``units``
says otherwise. NXcxi_ptycho is a CXI file in which NeXus is at home, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import h5py

from ..hdf5 import find
from ..places import Places
from ..tree import Hdf5Tree, Tree
from .hdf5 import hdf5_format

_ENTRY = re.compile(r"entry_\d+")


class CxiLayout:
    """Where CXI files keep a scan."""

    name = "CXI"
    columns: Literal["xy", "yx"] = "xy"
    position_unit: str | None = "m"

    def frames(self, tree: Tree) -> Sequence[str]:
        """Patterns of all entries, the first entry's first."""
        return [
            name
            for entry in _groups(tree, "", "entry") or ["/entry_1"]
            for name in (
                *_each(tree, entry, "data", "data"),
                *(f"{detector}/data" for detector in _detectors(tree, entry)),
                *_each(tree, entry, "image", "data"),
            )
        ]

    def places(self, tree: Tree, frames: str) -> Places:
        """What belongs to these patterns."""
        first = frames.split("/")[1]
        entry = f"/{first}" if _ENTRY.fullmatch(first) else "/entry_1"
        beside = frames.rpartition("/")[0]
        detector = _detector_of(tree, entry, frames)
        samples = _numbered(tree, entry, "sample")
        instruments = _numbered(tree, entry, "instrument")
        beams = [
            beam
            for parent in (*instruments, *samples)
            for beam in _groups(tree, parent, "beam") or [f"{parent}/beam_1"]
        ]
        light = [
            group
            for parent in instruments
            for kind in ("source", "monochromator")
            for group in _numbered(tree, parent, kind)
        ]
        return Places(
            positions=[
                f"{beside}/translation",
                *_each(tree, entry, "data", "translation"),
                *(
                    f"{geometry}/translation"
                    for sample in samples
                    for geometry in _numbered(tree, sample, "geometry")
                ),
                f"{detector}/translation",
                *_each(tree, entry, "image", "translation"),
                *(f"{sample}/translation" for sample in samples),
            ],
            axes=[
                (f"{group}/y", f"{group}/x")
                for group in (
                    *(f"{sample}/transformations" for sample in samples),
                    *_numbered(tree, entry, "data"),
                )
            ],
            energy=[
                *(
                    f"{beam}/{name}"
                    for beam in beams
                    for name in ("incident_energy", "incident_beam_energy", "energy")
                ),
                *(f"{group}/energy" for group in light),
            ],
            wavelength=[
                *(
                    f"{beam}/{name}"
                    for beam in beams
                    for name in ("incident_wavelength", "wavelength")
                ),
                *(f"{group}/wavelength" for group in light),
            ],
            distance=[f"{detector}/distance"],
            pixel_x=[f"{detector}/x_pixel_size"],
            pixel_y=[f"{detector}/y_pixel_size"],
            basis_vectors=[
                f"{detector}/basis_vectors",
                *(f"{geometry}/basis_vectors" for geometry in _geometries(tree, detector)),
            ],
            corner=[
                f"{detector}/corner_position",
                f"{detector}/corner_positions",
                *(f"{geometry}/corner_position" for geometry in _geometries(tree, detector)),
            ],
            cxi_masks=[f"{detector}/mask", f"{beside}/mask"],
            nexus_masks=[f"{detector}/pixel_mask"],
            monitors=[
                f"{beside}/monitor",
                *(
                    f"{monitor}/data"
                    for parent in (entry, *instruments)
                    for monitor in _groups(tree, parent, "monitor")
                ),
                f"{entry}/monitor/data",
            ],
            source_probes=[f"{group}/probe" for group in light],
        )


def is_cxi(file: h5py.File) -> bool:
    """Whether the names are those of CXI."""
    return "cxi_version" in file or any(_ENTRY.fullmatch(str(name)) for name in file)


def _detector_of(tree: Tree, entry: str, frames: str) -> str:
    """The detector whose patterns these are: by identity, else by number, else the first."""
    detectors = _detectors(tree, entry)
    for detector in detectors:
        if frames.startswith(f"{detector}/"):
            return detector
    leaf = tree.leaf(frames)
    for detector in detectors:
        if leaf is not None and tree.leaf(f"{detector}/data") == leaf:
            return detector
    ending = re.search(r"_\d+(?=/[^/]*$)", frames)
    number = ending.group() if ending else "_1"
    return next((d for d in detectors if d.endswith(f"detector{number}")), detectors[0])


def _detectors(tree: Tree, entry: str) -> list[str]:
    found = [
        detector
        for instrument in _numbered(tree, entry, "instrument")
        for detector in _groups(tree, instrument, "detector")
    ]
    return found or [f"{entry}/instrument_1/detector_1"]


def _geometries(tree: Tree, detector: str) -> list[str]:
    return _groups(tree, detector, "geometry")


def _each(tree: Tree, entry: str, kind: str, name: str) -> list[str]:
    return [f"{group}/{name}" for group in _numbered(tree, entry, kind)]


def _numbered(tree: Tree, parent: str, kind: str) -> list[str]:
    """Groups of a kind, at least the first, so that messages name it."""
    return _groups(tree, parent, kind) or [f"{parent}/{kind}_1"]


def _groups(tree: Tree, parent: str, kind: str) -> list[str]:
    """Groups ``kind_1``, ``kind_2`` … that are there, in the order of their numbers."""
    if not isinstance(tree, Hdf5Tree):
        return []
    group = find(tree.file, parent or "/")
    if not isinstance(group, h5py.Group):
        return []
    numbers = [
        int(found.group(1))
        for name in group
        if (found := re.fullmatch(rf"{kind}_(\d+)", str(name)))
    ]
    return [f"{parent}/{kind}_{number}" for number in sorted(numbers)]


CXI = hdf5_format(CxiLayout(), is_cxi)
