"""`data.orientation=auto`: the way in which positions fit the patterns, found and applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from exitwave.engine.consistency import OrientationSearch, try_orientations
from exitwave.engine.data.scan import Interrupt
from exitwave.scans import Scan
from exitwave.schema.data import DataOptions, Orientation
from exitwave.schema.geometry import Geometry
from exitwave.schema.recipe import Recipe
from exitwave.schema.verdict import Note, OrientationTried

from .dataset import MARGIN_PX, Prepared, build_dataset
from .frame_reader import ReadProgress
from .orientations import ORIENTATIONS
from .selection import select_frames

TWIN = (
    "with both axes mirrored besides, the picture turned by half a turn, its phase negated, "
    "fits just as well: no pattern distinguishes the two"
)

BY_HAND = "data.orientation sets it by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedOrientation:
    """What `auto` came to.

    Attributes
    ----------
    orientation : str
        What is to be done to the positions; "none" also where that could not be decided.
    tried : list of OrientationTried
        The best one first.
    note : Note
        A line for people, of kind "orientation" or "orientation undecided".
    """

    orientation: Orientation
    tried: list[OrientationTried]
    note: Note


def build_oriented(
    scan: Scan,
    data: DataOptions,
    geometry: Geometry,
    recipe: Recipe,
    device: torch.device,
    *,
    on_progress: ReadProgress | None = None,
    interrupt: Interrupt | None = None,
) -> Prepared:
    """`build_dataset` for any orientation: `auto` is found by short runs and applied.

    Frames are read once. Where no way is clearly best, positions stay as they are.

    Parameters
    ----------
    scan, data, geometry, on_progress
        As in `build_dataset`.
    recipe : Recipe
        Of the run to come.
    device : torch.device
        Where short runs are made.
    interrupt : callable, optional
        Asked during short runs; raises where they are to end.

    Raises
    ------
    DataError, GeometryError
        As from `build_dataset`.
    """
    if data.orientation != "auto":
        return build_dataset(scan, data, geometry, on_progress=on_progress)
    as_recorded = replace(data, orientation="none")
    prepared = build_dataset(scan, as_recorded, geometry, on_progress=on_progress)
    resolved = resolve_orientation(prepared, recipe, device, interrupt=interrupt)
    return _with_orientation(prepared, scan, data, resolved)


def resolve_orientation(
    prepared: Prepared,
    recipe: Recipe,
    device: torch.device,
    *,
    interrupt: Interrupt | None = None,
) -> ResolvedOrientation:
    """Which way the axes of the positions lie to those of the patterns.

    Parameters
    ----------
    prepared : Prepared
        With orientation "none".
    recipe : Recipe
    device : torch.device
    interrupt : callable, optional
    """
    ways = try_orientations(prepared.dataset, recipe, device, interrupt=interrupt)
    tried = [
        OrientationTried(orientation=one.name, loss=one.loss)
        for one in ways.tried
        if np.isfinite(one.loss)
    ]
    best = ways.tried[0].name if ways.clear else "none"
    orientation = next(name for name in ORIENTATIONS if name == best)
    return ResolvedOrientation(orientation=orientation, tried=tried, note=_note(ways, tried))


def _losses(tried: Sequence[OrientationTried]) -> str:
    return ", ".join(f"{one.orientation} {one.loss:.3g}" for one in tried)


def _note(ways: OrientationSearch, tried: list[OrientationTried]) -> Note:
    figures = {f"loss_{one.orientation}": one.loss for one in tried}
    if ways.line:
        text = "all views lie on one line, which looks alike from both sides"
    elif not ways.clear:
        text = f"no way fits clearly best (losses of short runs: {_losses(tried)})"
    elif ways.tried[0].name == "none":
        text = (
            "positions and patterns fit together as they are (losses of short runs: "
            f"{_losses(tried)}); {TWIN}"
        )
        return Note(code="orientation", text=text, figures=figures)
    else:
        text = (
            f"{ways.tried[0].name} was applied to the positions, which then fit the patterns "
            f"clearly better (losses of short runs: {_losses(tried)}); {TWIN}"
        )
        return Note(code="orientation", text=text, figures=figures)
    text = f"the orientation of the positions is undecided and left as it is: {text}; {BY_HAND}"
    return Note(code="orientation undecided", text=text, figures=figures)


def _with_orientation(
    prepared: Prepared, scan: Scan, data: DataOptions, resolved: ResolvedOrientation
) -> Prepared:
    """The same frames with positions in the way that was found."""
    preparation = prepared.preparation.model_copy(
        update={
            "notes": [*prepared.preparation.notes, resolved.note],
            "orientation": resolved.orientation,
            "orientations_tried": resolved.tried,
        }
    )
    if resolved.orientation == "none":
        return replace(prepared, preparation=preparation)
    pixel_size_m = prepared.pixel_size_m
    side_px = prepared.dataset.frames.shape_HW[0]
    oriented = replace(data, orientation=resolved.orientation)
    selection = select_frames(scan, oriented, side_px * pixel_size_m)
    kept = np.searchsorted(selection.frames, prepared.frame_indices)
    positions_m = selection.positions_m[kept]
    origin_m = selection.lowest_m - (MARGIN_PX + side_px // 2) * pixel_size_m
    dataset = replace(
        prepared.dataset,
        positions_px=(positions_m - selection.lowest_m) / pixel_size_m + MARGIN_PX,
    )
    return replace(
        prepared,
        dataset=dataset,
        positions_m=positions_m,
        origin_m=(float(origin_m[0]), float(origin_m[1])),
        preparation=preparation,
    )
