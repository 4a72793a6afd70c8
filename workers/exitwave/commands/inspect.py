"""``exitwave inspect``: what a file holds, where it was found, and what would be refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import typer

from exitwave.files.hdf5 import opened
from exitwave.files.pattern_png import mean_pattern, pattern_png
from exitwave.files.scan_formats import format_of, open_measurement
from exitwave.files.stored import StoredMeasurement
from exitwave.files.tree import Hdf5Tree, described
from exitwave.schema.data import DataOptions, data_from_mapping, geometry_from_mapping
from exitwave.schema.errors import ExitwaveError
from exitwave.schema.overrides import split_sections

SHOWN_DATASETS = 40
LARGEST_OBJECT_PX = 16_384
"""Side of the largest object that is taken for a scan, not for a wrong unit."""


@dataclass(slots=True)
class Inspection:
    """What was found in a file.

    Attributes
    ----------
    path : str
    format : str
    values : list of dict
        ``name``, ``value`` in words and ``place`` of each.
    notes : list of dict
    figures : dict
        Numbers by name and unit.
    refused : str, optional
        Why the file cannot be reconstructed like this; None: it can.
    datasets : list of str
        What else the file holds, where it was refused.
    """

    path: str
    format: str = ""
    values: list[dict[str, str]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    refused: str | None = None
    datasets: list[str] = field(default_factory=list)


def inspect_file(
    file: Path,
    *,
    overrides: Mapping[str, Any],
    dataset: str | None,
    positions: str | None,
    positions_unit: str | None,
    png: Path | None,
    as_json: bool,
) -> Inspection:
    """Print what is in a file; with `png` write its mean pattern, too.

    Raises
    ------
    typer.Exit
        Code 1: the file cannot be reconstructed; the reason was printed.
    """
    found = Inspection(str(file))
    sections = split_sections(overrides)
    try:
        found.format = format_of(file).name
        measurement = open_measurement(
            file,
            dataset,
            positions,
            positions_unit=positions_unit,
            geometry=geometry_from_mapping(sections["geometry"]),
        )
        _fill(found, measurement, data_from_mapping(sections["data"]))
        if png is not None:
            _write_picture(found, measurement, png)
    except ExitwaveError as error:
        found.refused = str(error)
        found.datasets = _datasets(file)
    typer.echo(json.dumps(_plain(found), indent=2) if as_json else _text(found))
    if found.refused is not None:
        raise typer.Exit(1)
    return found


def _fill(found: Inspection, scan: StoredMeasurement, data: DataOptions) -> None:
    frames, positions = len(scan.counts_nHW), len(scan.positions_m)
    known = np.isfinite(scan.positions_m).all(axis=1)
    side_px = min(scan.counts_nHW.shape[1:])
    pixel_m = scan.geometry.pixel_size_m(side_px)
    extent_m = np.ptp(scan.positions_m[known], axis=0) if known.any() else np.zeros(2)
    object_px = np.ceil(extent_m / pixel_m) + side_px
    found.format = scan.format
    found.values = [
        {"name": origin.name, "value": origin.value, "place": origin.place}
        for origin in scan.origins
    ]
    found.notes = [note.model_dump() for note in scan.notes]
    found.figures = {
        "frames": frames,
        "frame_height_px": scan.counts_nHW.shape[1],
        "frame_width_px": scan.counts_nHW.shape[2],
        "positions": positions,
        "positions_unknown": int((~known).sum()),
        "energy_eV": scan.geometry.energy_eV,
        "wavelength_m": scan.geometry.wavelength_m,
        "distance_m": scan.geometry.distance_m,
        "detector_pixel_m": scan.geometry.detector_pixel_m,
        "object_pixel_m": pixel_m,
        "view_m": side_px * pixel_m,
        "extent_y_m": float(extent_m[0]),
        "extent_x_m": float(extent_m[1]),
        "masked_px": 0 if scan.mask_HW is None else int((~scan.mask_HW).sum()),
    }
    found.refused = _why_refused(
        frames, positions, int(known.sum()), float(object_px.max()), data
    )


def _why_refused(
    frames: int, positions: int, known: int, object_px: float, data: DataOptions
) -> str | None:
    """What the reconstruction would refuse although the file can be read."""
    least = min(frames, positions)
    if frames != positions and not 0 < data.frames <= least:
        return (
            f"{positions} positions for {frames} frames: --set data.frames={least} takes the "
            "first of both"
        )
    if known < 2:
        return f"{known} positions are known; expected a scan"
    if object_px > LARGEST_OBJECT_PX:
        return (
            f"an object of {object_px:.0f} px a side, at most {LARGEST_OBJECT_PX}: the pixel "
            "size or the positions' unit is wrong"
        )
    return None


def _write_picture(found: Inspection, scan: StoredMeasurement, png: Path) -> None:
    mean_HW, frames = mean_pattern(scan.counts_nHW, scan.mask_HW)
    png.write_bytes(pattern_png(mean_HW, f"mean of {frames} frames, log scale"))
    found.figures["mean_counts"] = float(np.nansum(mean_HW))
    found.figures["mean_pattern_frames"] = frames


def _datasets(file: Path) -> list[str]:
    """What is there to choose from; nothing where the file itself cannot be read."""
    if not h5py.is_hdf5(file):
        return []
    try:
        with opened(file) as handle:
            tree = Hdf5Tree(file, handle)
            return [f"{name} {described(handle[name])}" for name in tree.names()]
    except ExitwaveError:
        return []


def _plain(found: Inspection) -> dict[str, Any]:
    return {
        "file": found.path,
        "format": found.format,
        "values": found.values,
        "figures": found.figures,
        "notes": found.notes,
        "refused": found.refused,
        "datasets": found.datasets,
    }


def _text(found: Inspection) -> str:
    lines = [f"{found.path}: {found.format or 'no known format'}"]
    width = max((len(value["name"]) for value in found.values), default=0)
    for value in found.values:
        lines.append(f"  {value['name']:<{width}}  {value['value']}")
        lines.append(f"  {'':<{width}}    from {value['place']}")
    if unknown := found.figures.get("positions_unknown"):
        lines.append(f"  {unknown:.0f} positions are not known (NaN)")
    lines += [f"note: {note['text']}" for note in found.notes]
    if found.datasets:
        lines.append("datasets:")
        lines += [f"  {name}" for name in found.datasets[:SHOWN_DATASETS]]
        more = len(found.datasets) - SHOWN_DATASETS
        lines += [f"  and {more} more"] if more > 0 else []
    if found.refused is None:
        lines.append("can be reconstructed")
    else:
        lines.append(f"cannot be reconstructed: {found.refused}")
    return "\n".join(lines)
