"""From a file and the layout of its format to a measurement."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError
from exitwave.schema.verdict import Note

from .far_field import check_far_field, metres, nearest_step, refuse_near_field
from .frame_masks import FrameMasks
from .frame_orientation import FrameOrientation
from .frames import choose_frames
from .hdf5 import native
from .masks import CXI_BITS, NEXUS_BITS, MaskFound, read_mask, read_plain_mask
from .places import Layout, ReadContext, ReadOptions
from .positions import read_positions
from .quantities import read_detector, read_geometry
from .reconstruction import Truth
from .sources import check_sources
from .stored import StoredCounts, StoredMeasurement
from .tree import ArrayLeaf, Hdf5Tree, Tree, described, key

FRAME_MASKS = "/exitwave/frame_masks"
TRUTH = "/truth"


def assemble(tree: Tree, layout: Layout, options: ReadOptions) -> StoredMeasurement:
    """Read a scan but for its patterns.

    Raises
    ------
    DataError, GeometryError
        Something is missing, contradicts itself, cannot be read, or is no far field; the
        message names the place.
    """
    frames = choose_frames(tree, layout, options)
    context = ReadContext(
        tree=tree, layout=layout, places=layout.places(tree, frames.name), options=options
    )
    context.notes.extend(frames.notes)
    stored_shape = tuple(frames.leaf.shape)
    window = (stored_shape[-2], stored_shape[-1])
    refuse_near_field(context)
    detector = read_detector(context, window)
    counts_nHW = _counts(tree, frames.name, detector.orientation)
    side_px = min(counts_nHW.shape[1:])
    context.add_origin("frames", _frames_text(frames.leaf, counts_nHW), frames.name)
    if not any(origin.name == "orientation" for origin in context.origins):
        context.add_origin("orientation", "as stored", "assumed: rows run down, columns right")
    geometry = read_geometry(context, detector)
    positions_m = read_positions(context, stored_shape, side_px, geometry)
    context.notes.extend(check_far_field(geometry, side_px, nearest_step(positions_m)))
    pixel = metres(geometry.pixel_size_m(side_px))
    context.add_origin(
        "object pixel", pixel, "wavelength x distance / (pixels x detector pixel)"
    )
    mask_HW, frame_masks = _masks(context, stored_shape, detector.orientation, frames.pixels_HW)
    monitor_n = _monitor(context, len(counts_nHW))
    if layout.position_unit is None:
        places = [origin for origin in context.origins if origin.place.startswith("/")]
        taken = ", ".join(f"{origin.name} {origin.place}" for origin in places)
        context.add_note("names", f"Taken by name and shape: {taken}.")
    return StoredMeasurement(
        counts_nHW=counts_nHW,
        positions_m=positions_m,
        geometry=geometry,
        mask_HW=mask_HW,
        truth=_truth(tree),
        frame_masks=frame_masks,
        monitor_n=monitor_n,
        notes=(*context.notes, *_unequal(len(counts_nHW), len(positions_m))),
        format=layout.name,
        origins=tuple(context.origins),
    )


def _counts(
    tree: Tree, name: str, orientation: FrameOrientation
) -> StoredCounts | NDArray[Any]:
    if isinstance(tree, Hdf5Tree):
        return StoredCounts(tree.path, name, orientation)
    leaf = tree.leaf(name)
    values = leaf.values if isinstance(leaf, ArrayLeaf) else tree.whole(name)
    return native(orientation.apply(values.reshape(-1, *values.shape[-2:])))


def _frames_text(leaf: Any, counts_nHW: StoredCounts | NDArray[Any]) -> str:
    text = described(leaf)
    raster = f", read row by row as {counts_nHW.shape}" if leaf.ndim == 4 else ""
    order = "" if leaf.dtype.isnative else ", of the other byte order"
    return f"{text}{raster}{order}"


def _masks(
    context: ReadContext,
    stored_shape: tuple[int, ...],
    orientation: FrameOrientation,
    pixels_HW: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.bool_] | None, FrameMasks | None]:
    """All masks of the file together."""
    places = context.places
    found: list[MaskFound] = []
    for names, bits in ((places.cxi_masks, CXI_BITS), (places.nexus_masks, NEXUS_BITS)):
        for name in _different(context.tree, names):
            leaf = context.tree.leaf(name)
            if isinstance(context.tree, Hdf5Tree):
                check_sources(leaf)
            mask = read_mask(leaf, key(context.tree, name), stored_shape, bits, orientation)
            found.append(mask)
            context.add_origin("mask", mask.text, name)
    for name in _different(context.tree, places.plain_masks):
        window = (stored_shape[-2], stored_shape[-1])
        mask = read_plain_mask(
            context.tree.leaf(name), key(context.tree, name), window, orientation
        )
        found.append(mask)
        context.add_origin("mask", mask.text, name)
    for mask in found:
        context.notes.extend(mask.notes)
    valid = [mask.valid_HW for mask in found]
    if pixels_HW is not None:
        valid.append(orientation.apply(pixels_HW))
    per_frame = [mask.frame_masks for mask in found if mask.frame_masks is not None]
    if (own := _own_frame_masks(context.tree)) is not None:
        per_frame.append(own)
    if len(per_frame) > 1:
        raise DataError(
            f"{context.tree.path}: masks", "several with one mask a frame", "one of them"
        )
    if per_frame and len(per_frame[0]) != int(np.prod(stored_shape[:-2])):
        raise DataError(
            f"{context.tree.path}: masks", f"masks for {len(per_frame[0])} frames", "all frames"
        )
    return (
        np.logical_and.reduce(valid) if valid else None,
        per_frame[0] if per_frame else None,
    )


def _different(tree: Tree, names: Any) -> list[str]:
    """Names of arrays that are there, without links to one that was already named."""
    kept: list[str] = []
    for name in dict.fromkeys(names):
        leaf = tree.leaf(name)
        if leaf is not None and not any(tree.leaf(other) == leaf for other in kept):
            kept.append(name)
    return kept


def _own_frame_masks(tree: Tree) -> FrameMasks | None:
    offsets, pixels = f"{FRAME_MASKS}/offsets", f"{FRAME_MASKS}/pixels"
    if tree.leaf(offsets) is None or tree.leaf(pixels) is None:
        return None
    return FrameMasks(tree.whole(offsets).astype(np.int64), tree.whole(pixels).astype(np.int32))


def _monitor(context: ReadContext, frames: int) -> NDArray[np.float64] | None:
    for name in context.places.monitors:
        leaf = context.tree.leaf(name)
        if leaf is not None and leaf.size == frames and leaf.dtype.kind in "uif":
            context.add_origin("monitor", described(leaf), name)
            return context.tree.whole(name).astype(np.float64).reshape(-1)
    return None


def _truth(tree: Tree) -> Truth | None:
    if tree.leaf(f"{TRUTH}/object") is None or tree.leaf(f"{TRUTH}/probe") is None:
        return None
    return Truth(object_YX=tree.whole(f"{TRUTH}/object"), probe_HW=tree.whole(f"{TRUTH}/probe"))


def _unequal(frames: int, positions: int) -> list[Note]:
    if frames == positions:
        return []
    least = min(frames, positions)
    return [
        Note(
            code="numbers",
            text=f"{positions} positions for {frames} frames: data.frames={least} takes the "
            f"first {least} of both.",
            figures={"frames": float(frames), "positions": float(positions)},
        )
    ]
