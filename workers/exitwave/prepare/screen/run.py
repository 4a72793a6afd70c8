"""The order of all checks: pixels at first sight, frames, then pixels again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .blocks import block_pixels, suspicious
from .checks import FRAME_CHECKS, PIXEL_CHECKS
from .evidence import (
    Bools,
    Evidence,
    Floats,
    PixelMaps,
    first_maps,
    gather,
    look_again,
    pixel_maps,
)
from .flashes import flashes
from .frame_statistics import FrameStatistics, frame_statistics
from .hot import hot
from .too_bright import too_bright

LEAST_VALID = 0.5
"""Of its pixels a frame must keep."""

LEAST_ORDINARY = 0.5
"""Of the frames must be left: else it is not they who are odd."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What one check found.

    Attributes
    ----------
    what : {"frames", "pixels", "pixels of frames"}
    why : str
        Kind of fault.
    frames : ndarray
        Indices of frames; of the entries, where these are pixels of frames.
    pixels : ndarray
        Flat indices into (H, W), DC at the centre.
    """

    what: Literal["frames", "pixels", "pixels of frames"]
    why: str
    frames: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    pixels: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningResult:
    """What is left, and what was found.

    Attributes
    ----------
    valid_HW : bool array (H, W)
        Pixels that can be used, DC at the centre.
    kept_n : bool array (n,)
        Frames that can be used.
    faults : list of Fault
    maps : PixelMaps
        Of the frames that are kept.
    statistics : FrameStatistics
    """

    valid_HW: Bools
    kept_n: Bools
    faults: list[Fault]
    maps: PixelMaps
    statistics: FrameStatistics


def screen(
    counts_nHW: NDArray[Any],
    positions: Floats,
    valid_HW: Bools,
    *,
    unit: float,
    photons: bool,
    whole_n: Bools,
    checks: bool = True,
) -> ScreeningResult:
    """Look for pixels and frames that cannot be what they say.

    Parameters
    ----------
    counts_nHW : ndarray (n, H, W)
        DC at the corner; what was marked as bad is zero.
    positions : ndarray (n, 2)
        Of the views, in any unit.
    valid_HW : bool array (H, W)
        Pixels not masked so far, DC at the centre.
    unit : float
        What one photon counts, or may count.
    photons : bool
        Counts are photons.
    whole_n : bool array (n,)
        Frames without marks.
    checks : bool
        False: only maps and statistics are made, and nothing is looked for.
    """
    evidence = gather(counts_nHW, unit)
    if not checks:
        return _unscreened(evidence, positions, valid_HW, photons, whole_n)
    maps = first_maps(evidence, valid_HW, photons=photons)
    # Only what is too bright can be told before odd frames are known; a median over groups
    # has zeros of its own.
    bad_HW = ~valid_HW | hot(maps)
    everything_n = np.ones(len(counts_nHW), np.bool_)
    maps = pixel_maps(evidence, everything_n, ~bad_HW, photons=photons)
    faults, valid_HW = _flashes(evidence, maps, everything_n, valid_HW)
    bad_HW |= ~valid_HW
    statistics = frame_statistics(evidence, positions, bad_HW, whole_n, photons=photons)
    odd_tiles = suspicious(statistics)
    frame_faults, kept_n = _odd_frames(statistics, list(odd_tiles))
    odd_tiles = {index: flat for index, flat in odd_tiles.items() if kept_n[index]}
    ordinary_n = kept_n.copy()
    ordinary_n[list(odd_tiles)] = False
    if not ordinary_n.any():
        odd_tiles, ordinary_n = {}, kept_n.copy()
    maps = pixel_maps(evidence, ordinary_n, valid_HW, photons=photons)
    pixel_faults, valid_HW = _odd_pixels(maps)
    maps = pixel_maps(evidence, ordinary_n, valid_HW, photons=photons)
    flash_faults, valid_HW = _flashes(evidence, maps, ordinary_n, valid_HW)
    block_faults = _blocks(statistics, odd_tiles, maps, valid_HW)
    for fault in block_faults:
        if fault.what == "frames":
            kept_n[fault.frames] = False
    return ScreeningResult(
        valid_HW=valid_HW,
        kept_n=kept_n,
        faults=[*frame_faults, *pixel_faults, *faults, *flash_faults, *block_faults],
        maps=maps,
        statistics=statistics,
    )


def _unscreened(
    evidence: Evidence, positions: Floats, valid_HW: Bools, photons: bool, whole_n: Bools
) -> ScreeningResult:
    every_n = np.ones(len(evidence), np.bool_)
    return ScreeningResult(
        valid_HW=valid_HW,
        kept_n=every_n,
        faults=[],
        maps=pixel_maps(evidence, every_n, valid_HW, photons=photons),
        statistics=frame_statistics(evidence, positions, ~valid_HW, whole_n, photons=photons),
    )


def _odd_frames(
    statistics: FrameStatistics, with_blocks: list[int]
) -> tuple[list[Fault], Bools]:
    """Frames that are left out; one with a block in it is not called too bright for that."""
    kept_n = np.ones(len(statistics), np.bool_)
    faults = []
    for check in FRAME_CHECKS:
        found_n = check.find(statistics) & kept_n
        if check.find is too_bright:
            found_n[with_blocks] = False
        if found_n.any() and (kept_n & ~found_n).mean() >= LEAST_ORDINARY:
            faults.append(Fault(what="frames", why=check.why, frames=np.flatnonzero(found_n)))
            kept_n &= ~found_n
    return faults, kept_n


def _odd_pixels(maps: PixelMaps) -> tuple[list[Fault], Bools]:
    """Pixels that are left out: each check looks at what those before it have left."""
    faults = []
    for check in PIXEL_CHECKS:
        found_HW = check.find(maps) & maps.valid_HW
        if found_HW.any():
            faults.append(Fault(what="pixels", why=check.why, pixels=np.flatnonzero(found_HW)))
            maps = replace(maps, valid_HW=maps.valid_HW & ~found_HW)
    return faults, maps.valid_HW


def _flashes(
    evidence: Evidence, maps: PixelMaps, looked_at_n: Bools, valid_HW: Bools
) -> tuple[list[Fault], Bools]:
    """Flashes; their counts become zero, so that nothing else is judged by them."""
    found = flashes(evidence, maps, looked_at_n)
    faults = []
    if found.often_HW.any():
        pixels = np.flatnonzero(found.often_HW)
        faults.append(Fault(what="pixels", why="flickering", pixels=pixels))
    if found.frames.size:
        faults.append(
            Fault(
                what="pixels of frames",
                why="flash",
                frames=found.frames,
                pixels=np.flatnonzero(found.at_HW)[found.pixels],
            )
        )
        evidence.blank(found.frames, found.at_HW, found.pixels)
        look_again(evidence, found.frames)
    return faults, valid_HW & ~found.often_HW


def _blocks(
    statistics: FrameStatistics, odd_tiles: dict[int, Bools], maps: PixelMaps, valid_HW: Bools
) -> list[Fault]:
    lost, frames, pixels = [], [], []
    for index, flat_TT in odd_tiles.items():
        block_HW = block_pixels(statistics, index, flat_TT, maps)
        if block_HW is None or (block_HW & valid_HW).sum() > (1 - LEAST_VALID) * valid_HW.sum():
            lost.append(index)
            continue
        pixels.append(np.flatnonzero(block_HW & valid_HW))
        frames.append(np.full(len(pixels[-1]), index, np.intp))
    faults = []
    if lost:
        faults.append(Fault(what="frames", why="block", frames=np.array(lost, np.intp)))
    if pixels and sum(map(len, pixels)):
        faults.append(
            Fault(
                what="pixels of frames",
                why="block",
                frames=np.concatenate(frames),
                pixels=np.concatenate(pixels),
            )
        )
    return faults
