"""Building the engine's dataset from a scan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from exitwave.engine import ArrayFrames, Dataset
from exitwave.engine.survey import hot_pixels, saturated_pixels
from exitwave.scans import Scan
from exitwave.schema.data import DataOptions
from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import Geometry

from .frames import Framing, kept_type, unusable

log = structlog.get_logger(__name__)

MARGIN_PX = 8
"""Object pixels before the first view: room for the probe to be recentred."""

SLAB_FRAMES = 64

LEAST_VALID = 0.5
"""Share of the pixels that must hold counts, in a frame and in all of them."""

ReadProgress = Callable[[int, int], None]
"""Called with frames read and frames in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A scan, ready for the engine.

    Attributes
    ----------
    dataset : Dataset
        Frames with DC at the corner, mask and positions in pixels.
    geometry : Geometry
        As given.
    pixel_size_m : float
        Of the object.
    frame_indices : ndarray (n,)
        Which frames of the scan are in the dataset.
    positions_m : ndarray (n, 2)
        Metres (y, x) of the beam, the middle of each view.
    origin_m : (float, float)
        Metres (y, x) of the object's pixel (0, 0): the beam of a view is at
        ``origin_m + (positions_px + side // 2) * pixel_size_m``.
    """

    dataset: Dataset
    geometry: Geometry
    pixel_size_m: float
    frame_indices: NDArray[np.intp]
    positions_m: NDArray[np.float64]
    origin_m: tuple[float, float]


def build_dataset(
    scan: Scan,
    data: DataOptions,
    geometry: Geometry,
    *,
    on_progress: ReadProgress | None = None,
) -> Prepared:
    """Read a scan and make it what the engine takes.

    Frames keep their integer type and are in memory once. Frames that are dark or lost are
    dropped with their positions; pixels that are dead, hot or saturated in any frame are
    masked. Both halves of a scan (``data.subset``) share one object frame.

    Parameters
    ----------
    scan : Scan
        Where frames and positions come from.
    data : DataOptions
        Which part is used.
    geometry : Geometry
        Gives the object's pixel size.
    on_progress : callable, optional
        Called after each slab that was read.

    Raises
    ------
    DataError
        Frames or positions cannot be used; the message says what was found.
    GeometryError
        With this pixel size the views cannot be a scan: an absurdly large object, all of
        them in one place, or no overlap.
    """
    side_px = _side_px(scan.shape_HW, data.crop_px)
    pixel_size_m = geometry.pixel_size_m(side_px)
    all_positions_m = _checked_positions(scan)
    chosen = _chosen(scan.n_frames, data.subset)
    framing = Framing(scan.orientation, side_px)
    read = _read(scan, chosen, framing, on_progress)
    valid_HW = _valid(scan, framing, read)
    lit = _lit(read, valid_HW, chosen)
    counts_nHW, chosen = _kept(read.counts_nHW, lit), chosen[lit]

    first_m = all_positions_m.min(axis=0)
    positions_m = all_positions_m[chosen]
    positions_px = (positions_m - first_m) / pixel_size_m + MARGIN_PX
    origin_m = first_m - (MARGIN_PX + side_px // 2) * pixel_size_m
    return Prepared(
        dataset=_dataset(counts_nHW, positions_px, valid_HW, pixel_size_m),
        geometry=geometry,
        pixel_size_m=pixel_size_m,
        frame_indices=chosen,
        positions_m=positions_m,
        origin_m=(float(origin_m[0]), float(origin_m[1])),
    )


def _side_px(shape_HW: tuple[int, int], crop_px: int) -> int:
    """Side of the square that is used; both axes must have one pixel size."""
    shorter = min(shape_HW)
    if crop_px > shorter:
        raise DataError("data.crop_px", crop_px, f"at most {shorter}, the frame's side")
    if crop_px == 0 and shape_HW[0] != shape_HW[1]:
        log.info("frames.squared", stored_px=shape_HW, used_px=shorter)
    return crop_px or shorter


def _checked_positions(scan: Scan) -> NDArray[np.float64]:
    positions_m = scan.positions_m()
    if positions_m.shape != (scan.n_frames, 2):
        raise DataError(
            "positions",
            f"{len(positions_m)} positions for {scan.n_frames} frames",
            "one position (y, x) per frame",
        )
    missing = np.flatnonzero(~np.isfinite(positions_m).all(axis=1))
    if missing.size:
        raise DataError(
            "positions",
            f"{missing.size} of {scan.n_frames} are NaN or infinite, the first at frame "
            f"{missing[0]}",
            "a finite position for every frame",
        )
    return positions_m


def _chosen(n_frames: int, subset: str) -> NDArray[np.intp]:
    first, step = {"all": (0, 1), "even": (0, 2), "odd": (1, 2)}[subset]
    chosen = np.arange(first, n_frames, step, dtype=np.intp)
    if not chosen.size:
        raise DataError("data.subset", f"{subset} of {n_frames} frames", "at least one frame")
    return chosen


@dataclass(frozen=True, slots=True)
class _Read:
    """What the frames held: counts, highest count and bad pixels of all, and lost frames.

    A pixel that is bad at times only is no dead one: it was saturated, or something is wrong.
    """

    counts_nHW: NDArray[Any]
    highest_HW: NDArray[np.float64]
    bad_HW: NDArray[np.bool_]
    at_times_bad_HW: NDArray[np.bool_]
    lost_n: NDArray[np.bool_]


def _read(
    scan: Scan,
    chosen: NDArray[np.intp],
    framing: Framing,
    on_progress: ReadProgress | None,
) -> _Read:
    """The chosen frames, slab by slab into one array."""
    counts_nHW: NDArray[Any] | None = None
    shape_HW = (framing.side_px, framing.side_px)
    highest_HW = np.zeros(shape_HW)
    bad_HW = np.zeros(shape_HW, np.bool_)
    good_HW = np.zeros(shape_HW, np.bool_)
    lost_n = np.zeros(len(chosen), np.bool_)
    for start in range(0, scan.n_frames, SLAB_FRAMES):
        stop = min(start + SLAB_FRAMES, scan.n_frames)
        slab = scan.frames(start, stop)
        if slab.shape[0] != stop - start:
            raise DataError(
                f"frames {start} to {stop}", f"{slab.shape[0]} frames", f"{stop - start} frames"
            )
        low, high = np.searchsorted(chosen, [start, stop])
        framed = framing.apply(slab[chosen[low:high] - start])
        if counts_nHW is None:
            counts_nHW = np.empty((len(chosen), *shape_HW), kept_type(slab.dtype))
        counts_nHW[low:high] = framed
        bad_nHW = unusable(framed)
        lost_n[low:high] = bad_nHW.mean(axis=(1, 2)) > LEAST_VALID
        found = ~lost_n[low:high]
        bad_HW |= bad_nHW[found].any(axis=0)
        good_HW |= (~bad_nHW[found]).any(axis=0)
        np.maximum(highest_HW, framed[found].max(axis=0, initial=0), out=highest_HW)
        if on_progress is not None:
            on_progress(stop, scan.n_frames)
    if counts_nHW is None:
        raise DataError("frames", "no frame", "at least one")
    return _Read(counts_nHW, highest_HW, bad_HW, bad_HW & good_HW, lost_n)


def _valid(scan: Scan, framing: Framing, read: _Read) -> NDArray[np.bool_]:
    """Pixels (H, W) that can be used, DC at the corner."""
    counts_nHW = read.counts_nHW
    valid_HW = ~read.bad_HW
    stored_HW = scan.mask_HW()
    if stored_HW is not None:
        valid_HW &= framing.apply(stored_HW[None])[0]
    hot_HW = hot_pixels(np.where(valid_HW, read.highest_HW, 0))
    valid_HW &= ~hot_HW
    saturated_HW = saturated_pixels(
        np.where(valid_HW, read.highest_HW, 0),
        counts_nHW.dtype,
        lambda: (
            counts_nHW[start : start + SLAB_FRAMES]
            for start in range(0, len(counts_nHW), SLAB_FRAMES)
        ),
    )
    valid_HW &= ~saturated_HW
    for event, at_HW in (
        ("frames.hot_masked", hot_HW),
        ("frames.saturated_masked", saturated_HW),
        ("frames.saturated_or_bad_at_times_masked", read.at_times_bad_HW),
    ):
        if at_HW.any():
            log.warning(event, pixels=int(at_HW.sum()))
    if valid_HW.mean() < LEAST_VALID or read.lost_n.all():
        share = 0.0 if read.lost_n.all() else valid_HW.mean()
        raise DataError(
            "frames",
            f"{100 * share:.0f} % of the pixels hold counts in every frame",
            f"at least {100 * LEAST_VALID:.0f} % neither masked, saturated nor negative",
        )
    if not valid_HW.all():
        log.info("frames.masked", pixels=int((~valid_HW).sum()))
    return valid_HW


def _lit(
    read: _Read, valid_HW: NDArray[np.bool_], chosen: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Which frames were recorded and have any count in a valid pixel."""
    found = (frame[valid_HW].any() for frame in read.counts_nHW)
    lit = np.fromiter(found, np.bool_, len(chosen))
    for event, gone in (("frames.dark_dropped", ~lit), ("frames.lost_dropped", read.lost_n)):
        if gone.any() and not gone.all():
            log.warning(event, dropped=int(gone.sum()), first=chosen[gone][:20].tolist())
    lit &= ~read.lost_n
    if not lit.any():
        raise DataError("frames", f"no count in any of {len(chosen)} frames", "lit frames")
    return lit


def _kept(counts_nHW: NDArray[Any], kept_n: NDArray[np.bool_]) -> NDArray[Any]:
    """The frames that are kept, moved together in place: a copy might not fit."""
    for place, index in enumerate(np.flatnonzero(kept_n)):
        if place != index:
            counts_nHW[place] = counts_nHW[index]
    return counts_nHW[: int(kept_n.sum())]


def _dataset(
    counts_nHW: NDArray[Any],
    positions_px: NDArray[np.float64],
    valid_HW: NDArray[np.bool_],
    pixel_size_m: float,
) -> Dataset:
    try:
        return Dataset(
            frames=ArrayFrames(counts_nHW),
            positions_px=positions_px,
            mask_HW=None if valid_HW.all() else valid_HW,
            pixel_size_m=pixel_size_m,
        )
    except DataError as error:
        if error.key != "positions_px":
            raise
        raise GeometryError(
            "geometry",
            f"a pixel of {pixel_size_m * 1e9:.4g} nm, with it {error.found}",
            f"{error.expected}; check energy, distance, detector pixel and the motors' units",
        ) from error
