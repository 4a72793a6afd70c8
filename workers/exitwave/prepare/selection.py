"""Which frames of a scan are used, and where they were taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exitwave.engine.data.positions import STRAY_GROWTH, isolated_positions
from exitwave.scans import Scan
from exitwave.schema.data import DataOptions, frame_ranges
from exitwave.schema.errors import DataError
from exitwave.schema.verdict import LeftOut

from .left_out import frames_left_out
from .orientations import oriented

FEW_SHARE = 0.05
FEW = 3
"""So many views without a usable position are left out; more refuse the scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSelection:
    """Frames to read.

    Attributes
    ----------
    frames : ndarray (n,)
        Their numbers in the scan, rising.
    positions_m : ndarray (n, 2)
        Metres (y, x) of the beam, oriented.
    lowest_m : ndarray (2,)
        Lowest (y, x) over all usable frames, whichever subset is read.
    left_out : list of LeftOut
    """

    frames: NDArray[np.intp]
    positions_m: NDArray[np.float64]
    lowest_m: NDArray[np.float64]
    left_out: list[LeftOut]


def select_frames(scan: Scan, data: DataOptions, window_m: float) -> FrameSelection:
    """Frames and positions as `data` asks for them.

    Parameters
    ----------
    scan : Scan
    data : DataOptions
        `orientation` must have been decided.
    window_m : float
        Side of a view, in metres.

    Raises
    ------
    DataError
        Frames and positions do not belong together, or too many positions are of no use.
    """
    positions_m = scan.positions_m()
    count = _count(scan.n_frames, positions_m, data.frames)
    left_out = []
    if count < scan.n_frames:
        behind = np.arange(count, scan.n_frames)
        left_out.append(frames_left_out("beyond the first n", behind, (f"n = {count}",)))
    positions_m = oriented(positions_m[:count], data.orientation)
    wanted_n = _not_excluded(scan.n_frames, data.exclude)[:count]
    if not wanted_n.all():
        left_out.append(frames_left_out("excluded", np.flatnonzero(~wanted_n)))
    placed_n = np.isfinite(positions_m).all(axis=1)
    _check_few(wanted_n & ~placed_n, int(wanted_n.sum()), "NaN or infinite")
    usable_n = wanted_n & placed_n
    usable_n[_strays(positions_m, usable_n, window_m)] = False
    for why, gone_n in (("no position", ~placed_n), ("far from all others", placed_n)):
        gone_n = gone_n & wanted_n & ~usable_n
        if gone_n.any():
            left_out.append(frames_left_out(why, np.flatnonzero(gone_n)))
    first, step = {"all": (0, 1), "even": (0, 2), "odd": (1, 2)}[data.subset]
    frames = np.arange(first, count, step, dtype=np.intp)
    frames = frames[usable_n[frames]]
    if not frames.size:
        raise DataError(
            "data.subset", f"no usable frame of {scan.n_frames} in it", "at least one frame"
        )
    return FrameSelection(
        frames=frames,
        positions_m=positions_m[frames],
        lowest_m=positions_m[usable_n].min(axis=0),
        left_out=left_out,
    )


def _count(n_frames: int, positions_m: NDArray[np.float64], first: int) -> int:
    """How many frames have a position of their own."""
    if positions_m.ndim != 2 or positions_m.shape[1] != 2:
        raise DataError("positions", f"shape {positions_m.shape}", "shape (frames, 2)")
    shared = min(n_frames, len(positions_m))
    if first > shared:
        raise DataError(
            "data.frames",
            first,
            f"at most {shared}: there are {n_frames} frames and {len(positions_m)} positions",
        )
    if first == 0 and n_frames != len(positions_m):
        raise DataError(
            "positions",
            f"{len(positions_m)} positions for {n_frames} frames",
            "one position (y, x) per frame; if the first of both belong together and the "
            f"surplus lies at the end, data.frames={shared} takes these",
        )
    return first or n_frames


def _not_excluded(n_frames: int, exclude: str) -> NDArray[np.bool_]:
    wanted_n = np.ones(n_frames, np.bool_)
    for first, last in frame_ranges(exclude):
        if last >= n_frames:
            raise DataError(
                "data.exclude", exclude, f"numbers of frames from 0 to {n_frames - 1}"
            )
        wanted_n[first : last + 1] = False
    if not wanted_n.any():
        raise DataError("data.exclude", exclude, "at least one frame that is left")
    return wanted_n


def _check_few(gone_n: NDArray[np.bool_], count: int, what: str) -> None:
    gone = np.flatnonzero(gone_n)
    if gone.size > max(FEW, FEW_SHARE * count):
        raise DataError(
            "positions",
            f"{gone.size} of {count} are {what}, the first at frame {gone[0]}",
            f"a finite position for all frames but {FEW} or {100 * FEW_SHARE:.0f} %, which "
            "would be left out",
        )


def _strays(
    positions_m: NDArray[np.float64], usable_n: NDArray[np.bool_], window_m: float
) -> NDArray[np.intp]:
    """A few frames so far from all others that the object would grow out of proportion."""
    frames = np.flatnonzero(usable_n)
    most = max(FEW, FEW_SHARE * frames.size)
    if frames.size < 2:
        return frames[:0]
    views = positions_m[frames] / window_m
    views -= views.min(axis=0)
    alone = isolated_positions(views, (1, 1))
    if not 0 < alone.sum() <= most:
        return frames[:0]
    others = views[~alone]
    whole, compact = np.ptp(views, axis=0) + 1, np.ptp(others, axis=0) + 1
    if whole.prod() <= STRAY_GROWTH * compact.prod():
        return frames[:0]
    beyond = np.maximum(others.min(axis=0) - views, views - others.max(axis=0)).max(axis=1)
    strays: NDArray[np.intp] = frames[alone & (beyond > 1)]
    return strays
