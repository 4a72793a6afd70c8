"""Building the engine's dataset from a scan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from exitwave.engine import ArrayFrames, Dataset
from exitwave.scans import Scan
from exitwave.schema.data import DataOptions
from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import Geometry
from exitwave.schema.verdict import Note, Preparation

from .background import background, background_note
from .centre import centre_note
from .exclude import (
    check_enough_left,
    exclude_dark,
    exclude_masked,
    exclude_saturated,
    exclude_scan_masks,
)
from .exclusions import Exclusions
from .flux import relative_flux
from .frame_reader import ReadProgress, read_frames
from .frames import Framing
from .invalid_values import find_invalid_values, sample_values
from .photons import below_dark, to_photons
from .screen import ScreeningResult, screen
from .selection import FrameSelection, select_frames
from .values import DetectorCalibration, estimate_calibration

log = structlog.get_logger(__name__)

MARGIN_PX = 8
"""Object pixels before the first view: room for the probe to be recentred."""

ASSUMED_PHOTONS = 1e5
"""In a frame whose counts are no photons: how faint a fault is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A scan, ready for the engine.

    Attributes
    ----------
    dataset : Dataset
        Frames with DC at the corner, masks, flux and positions in pixels.
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
    preparation : Preparation
        What was left out and done, and why.
    """

    dataset: Dataset
    geometry: Geometry
    pixel_size_m: float
    frame_indices: NDArray[np.intp]
    positions_m: NDArray[np.float64]
    origin_m: tuple[float, float]
    preparation: Preparation = field(default_factory=Preparation)


def build_dataset(
    scan: Scan,
    data: DataOptions,
    geometry: Geometry,
    *,
    on_progress: ReadProgress | None = None,
) -> Prepared:
    """Read a scan and make it what the engine takes.

    Frames keep their type where they hold photons and are in memory once. Frames and pixels
    that cannot be what they say are left out, with a line for each in ``preparation``. Both
    halves of a scan (``data.subset``) share one object frame.

    Parameters
    ----------
    scan : Scan
        Where frames and positions come from.
    data : DataOptions
        Which part is used, and how; ``orientation`` must have been decided.
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
    selection = select_frames(scan, data, side_px * pixel_size_m)
    framing = Framing(scan.orientation, side_px)
    exclusions = Exclusions(selection.frames, framing.stored(scan.shape_HW), scan.shape_HW[1])
    exclude_masked(scan, data, framing, exclusions)
    counts_nHW = read_frames(scan, selection.frames, framing, on_progress)
    exclude_scan_masks(scan, selection, framing, exclusions)
    counts_nHW, calibration = _photons(counts_nHW, exclusions)
    screened = _screened(counts_nHW, selection, calibration, exclusions, data.screen == "auto")
    exclude_dark(counts_nHW, exclusions)
    below = calibration.kept_pedestal
    if calibration.photons and data.screen == "auto":
        below = background(counts_nHW, exclusions.kept_n, exclusions.valid_HW)
    statistics = screened.statistics
    flux = relative_flux(
        data.flux,
        _monitor(scan, selection),
        selection.positions_m,
        selection.frames,
        replace(statistics, tiles_nTT=statistics.tiles_nTT * exclusions.kept_n[:, None, None]),
    )
    shifted_HW = np.fft.fftshift(exclusions.valid_HW)
    centre = centre_note(screened.maps.mean_HW, shifted_HW)
    kept_n = exclusions.kept_n
    positions_m = selection.positions_m[kept_n]
    origin_m = selection.lowest_m - (MARGIN_PX + side_px // 2) * pixel_size_m
    left_out = [*selection.left_out, *exclusions.left_out]
    for line in left_out:
        log.warning("scan.left_out", what=line.what, why=line.why, count=line.count)
    dataset = _dataset(
        frames=ArrayFrames(_kept(counts_nHW, kept_n)),
        positions_px=(positions_m - selection.lowest_m) / pixel_size_m + MARGIN_PX,
        scale_n=None if flux.scale_n is None else flux.scale_n[kept_n],
        mask_HW=None if exclusions.valid_HW.all() else exclusions.valid_HW,
        frame_masks=exclusions.frame_masks(),
        pedestal=below,
        pixel_size_m=pixel_size_m,
    )
    notes: list[Note] = [*scan.notes, *calibration.notes(), *flux.notes]
    if calibration.photons and below > 0:
        notes.append(background_note(below))
    return Prepared(
        dataset=dataset,
        geometry=geometry,
        pixel_size_m=pixel_size_m,
        frame_indices=selection.frames[kept_n],
        positions_m=positions_m,
        origin_m=(float(origin_m[0]), float(origin_m[1])),
        preparation=Preparation(
            left_out=left_out,
            notes=notes if centre is None else [*notes, centre],
            orientation=data.orientation,
        ),
    )


def _side_px(shape_HW: tuple[int, int], crop_px: int) -> int:
    """Side of the square that is used; both axes must have one pixel size."""
    shorter = min(shape_HW)
    if crop_px > shorter:
        raise DataError("data.crop_px", crop_px, f"at most {shorter}, the frame's side")
    if crop_px == 0 and shape_HW[0] != shape_HW[1]:
        log.info("frames.squared", stored_px=shape_HW, used_px=shorter)
    return crop_px or shorter


def _photons(
    counts_nHW: NDArray[Any], exclusions: Exclusions
) -> tuple[NDArray[Any], DetectorCalibration]:
    """Photons where it can be told what the values are; zero where they are none."""
    calibration = estimate_calibration(sample_values(counts_nHW, exclusions.valid_HW))
    invalid = find_invalid_values(counts_nHW, calibration)
    exclusions.exclude_frames("not recorded", invalid.lost_n)
    exclusions.exclude_pixels("bad", invalid.often_HW)
    check_enough_left(exclusions)
    exclusions.exclude_entries("bad at times", invalid.frames, invalid.pixels)
    exclude_saturated(counts_nHW, invalid, exclusions)
    exclusions.exclude_pixels("below dark", below_dark(counts_nHW, calibration))
    counts_nHW[invalid.lost_n] = 0
    exclusions.blank(counts_nHW)
    return to_photons(counts_nHW, calibration, exclusions.valid_HW), calibration


def _screened(
    counts_nHW: NDArray[Any],
    selection: FrameSelection,
    calibration: DetectorCalibration,
    exclusions: Exclusions,
    checks: bool,
) -> ScreeningResult:
    """Leave out what cannot be what it says."""
    screened = screen(
        counts_nHW,
        selection.positions_m,
        np.fft.fftshift(exclusions.valid_HW),
        unit=1.0 if calibration.photons else _assumed_unit(counts_nHW, calibration),
        photons=calibration.photons,
        whole_n=exclusions.kept_n & ~exclusions.marked_n(),
        checks=checks,
    )
    side = np.arange(exclusions.valid_HW.size).reshape(exclusions.valid_HW.shape)
    corner = np.fft.fftshift(side).ravel()
    for fault in screened.faults:
        if fault.what == "frames":
            at_n = np.zeros(len(counts_nHW), np.bool_)
            at_n[fault.frames] = True
            exclusions.exclude_frames(fault.why, at_n)
        elif fault.what == "pixels":
            at_HW = np.zeros(exclusions.valid_HW.shape, np.bool_)
            at_HW.flat[corner[fault.pixels]] = True
            exclusions.exclude_pixels(fault.why, at_HW)
        else:
            exclusions.exclude_entries(fault.why, fault.frames, corner[fault.pixels])
    check_enough_left(exclusions)
    return screened


def _assumed_unit(counts_nHW: NDArray[Any], calibration: DetectorCalibration) -> float:
    """What is taken for a photon where that is not known."""
    count = len(counts_nHW)
    chosen = np.unique(np.linspace(0, count - 1, min(count, 64)).astype(np.intp))
    light_n = (counts_nHW[chosen] - np.float32(calibration.kept_pedestal)).sum(axis=(1, 2))
    usual = float(np.median(light_n)) / ASSUMED_PHOTONS
    return max(usual, calibration.noise / (calibration.gain or 1.0) / 2, 1e-30)


def _monitor(scan: Scan, selection: FrameSelection) -> NDArray[np.float64] | None:
    monitor_n = scan.monitor_n
    if monitor_n is None:
        return None
    if len(monitor_n) <= int(selection.frames[-1]):
        raise DataError(
            "monitor",
            f"{len(monitor_n)} readings for {scan.n_frames} frames",
            "one reading per frame, or data.flux=off",
        )
    return np.asarray(monitor_n, np.float64)[selection.frames]


def _kept(counts_nHW: NDArray[Any], kept_n: NDArray[np.bool_]) -> NDArray[Any]:
    """The frames that are kept, moved together in place: a copy might not fit."""
    for place, index in enumerate(np.flatnonzero(kept_n)):
        if place != index:
            counts_nHW[place] = counts_nHW[index]
    return counts_nHW[: int(kept_n.sum())]


def _dataset(pixel_size_m: float, **parts: Any) -> Dataset:
    try:
        return Dataset(pixel_size_m=pixel_size_m, **parts)
    except DataError as error:
        if error.key != "positions_px":
            raise
        raise GeometryError(
            "geometry",
            f"a pixel of {pixel_size_m * 1e9:.4g} nm, with it {error.found}",
            f"{error.expected}; check energy, distance, detector pixel and the motors' units",
        ) from error
