"""Building the engine's dataset from a scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from exitwave.engine import ArrayFrames, Dataset
from exitwave.engine.data.validation import saturated_pixels
from exitwave.scans import Scan
from exitwave.schema.data import DataOptions
from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import Geometry
from exitwave.schema.verdict import Note, Preparation

from .background import background, background_note
from .centre import centre_note
from .choice import Choice, choose
from .convert import below_dark, to_photons
from .faults import Faults
from .flux import relative_flux
from .frames import Framing
from .marks import OFTEN_SHARE, Marks, find_marks, sample_of
from .mask_file import read_mask
from .reading import ReadProgress, read_frames, slabs_of
from .screen import Screened, screen
from .screen.neighbours import BESIDE, highest
from .values import Unit, read_unit

log = structlog.get_logger(__name__)

MARGIN_PX = 8
"""Object pixels before the first view: room for the probe to be recentred."""

LEAST_VALID = 0.5
"""Share of the pixels that must hold counts."""

HOT_TIMES = 6.0
"""Its highest count over those beside it: a hot pixel's."""

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
    choice = choose(scan, data, side_px * pixel_size_m)
    framing = Framing(scan.orientation, side_px)
    faults = Faults(choice.frames, framing.stored(scan.shape_HW), scan.shape_HW[1])
    _leave_masked(scan, data, framing, faults)
    counts_nHW = read_frames(scan, choice.frames, framing, on_progress)
    _leave_scan_masks(scan, choice, framing, faults)
    counts_nHW, unit = _photons(counts_nHW, faults)
    screened = _screened(counts_nHW, choice, unit, faults, data.screen == "auto")
    _leave_dark(counts_nHW, faults)
    below = unit.kept_pedestal
    if unit.photons and data.screen == "auto":
        below = background(counts_nHW, faults.kept_n, faults.valid_HW)
    signs = screened.signs
    flux = relative_flux(
        data.flux,
        _monitor(scan, choice),
        choice.positions_m,
        choice.frames,
        replace(signs, tiles_nTT=signs.tiles_nTT * faults.kept_n[:, None, None]),
    )
    shifted_HW = np.fft.fftshift(faults.valid_HW)
    centre = centre_note(screened.maps.mean_HW, shifted_HW)
    kept_n = faults.kept_n
    positions_m = choice.positions_m[kept_n]
    origin_m = choice.lowest_m - (MARGIN_PX + side_px // 2) * pixel_size_m
    left_out = [*choice.left_out, *faults.left_out]
    for line in left_out:
        log.warning("scan.left_out", what=line.what, why=line.why, count=line.count)
    dataset = _dataset(
        frames=ArrayFrames(_kept(counts_nHW, kept_n)),
        positions_px=(positions_m - choice.lowest_m) / pixel_size_m + MARGIN_PX,
        scale_n=None if flux.scale_n is None else flux.scale_n[kept_n],
        mask_HW=None if faults.valid_HW.all() else faults.valid_HW,
        frame_masks=faults.frame_masks(),
        pedestal=below,
        pixel_size_m=pixel_size_m,
    )
    notes: list[Note] = [*scan.notes, *unit.notes(), *flux.notes]
    if unit.photons and below > 0:
        notes.append(background_note(below))
    return Prepared(
        dataset=dataset,
        geometry=geometry,
        pixel_size_m=pixel_size_m,
        frame_indices=choice.frames[kept_n],
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


def _leave_masked(scan: Scan, data: DataOptions, framing: Framing, faults: Faults) -> None:
    """Leave out what the scan's mask and `data.mask` name."""
    stored_HW = scan.mask_HW()
    if stored_HW is not None:
        faults.leave_pixels("marked", ~framing.apply(stored_HW[None])[0])
    if data.mask:
        given_HW = read_mask(data.mask, scan.shape_HW)
        faults.leave_pixels("masked", ~framing.apply(given_HW[None])[0])


def _photons(counts_nHW: NDArray[Any], faults: Faults) -> tuple[NDArray[Any], Unit]:
    """Photons where it can be told what the values are; zero where they are none."""
    unit = read_unit(sample_of(counts_nHW, faults.valid_HW))
    marks = find_marks(counts_nHW, unit)
    faults.leave_frames("not recorded", marks.lost_n)
    faults.leave_pixels("bad", marks.often_HW)
    _check_valid(faults)
    faults.leave_entries("bad at times", marks.frames, marks.pixels)
    _leave_saturated(counts_nHW, marks, faults)
    faults.leave_pixels("below dark", below_dark(counts_nHW, unit))
    counts_nHW[marks.lost_n] = 0
    faults.blank(counts_nHW)
    return to_photons(counts_nHW, unit, faults.valid_HW), unit


def _leave_saturated(counts_nHW: NDArray[Any], marks: Marks, faults: Faults) -> None:
    """Pixels whose counts are cut off at one value, in all frames or in single ones."""
    highest_HW = np.where(faults.valid_HW, marks.highest_HW, 0)
    at_HW = _saturated(highest_HW, counts_nHW)
    if not at_HW.any():
        # A hot pixel must not hide where all others end.
        seen_HW = np.fft.fftshift(highest_HW)
        alone_HW = seen_HW > HOT_TIMES * highest(seen_HW, BESIDE)
        highest_HW = np.where(np.fft.ifftshift(alone_HW), 0, highest_HW)
        at_HW = _saturated(highest_HW, counts_nHW)
    if not at_HW.any():
        return
    places = np.flatnonzero(at_HW)
    full = counts_nHW.reshape(len(counts_nHW), -1)[:, places] == highest_HW.max()
    often = full.mean(axis=0) > OFTEN_SHARE
    often_HW = np.zeros_like(at_HW)
    often_HW.flat[places[often]] = True
    faults.leave_pixels("saturated", often_HW)
    frames, which = np.nonzero(full[:, ~often])
    faults.leave_entries("saturated at times", frames, places[~often][which])


def _saturated(highest_HW: NDArray[np.float64], counts_nHW: NDArray[Any]) -> NDArray[np.bool_]:
    def slabs() -> Iterator[NDArray[Any]]:
        return (counts_nHW[part] for part in slabs_of(len(counts_nHW)))

    return saturated_pixels(highest_HW, counts_nHW.dtype, slabs)


def _leave_scan_masks(scan: Scan, choice: Choice, framing: Framing, faults: Faults) -> None:
    """Leave out what the scan's masks of single frames name."""
    masks = scan.frame_masks
    if masks is None:
        return
    frames, pixels = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    for place, number in enumerate(choice.frames):
        stored = masks.of(int(number))
        if not len(stored):
            continue
        bad_HW = np.zeros(scan.shape_HW, np.bool_)
        bad_HW.flat[stored] = True
        pixels.append(np.flatnonzero(framing.apply(bad_HW[None])[0]))
        frames.append(np.full(len(pixels[-1]), place, np.intp))
    faults.leave_entries("masked at times", np.concatenate(frames), np.concatenate(pixels))


def _screened(
    counts_nHW: NDArray[Any], choice: Choice, unit: Unit, faults: Faults, checks: bool
) -> Screened:
    """Leave out what cannot be what it says."""
    screened = screen(
        counts_nHW,
        choice.positions_m,
        np.fft.fftshift(faults.valid_HW),
        unit=1.0 if unit.photons else _assumed_unit(counts_nHW, unit),
        photons=unit.photons,
        whole_n=faults.kept_n & ~faults.marked_n(),
        checks=checks,
    )
    side = np.arange(faults.valid_HW.size).reshape(faults.valid_HW.shape)
    corner = np.fft.fftshift(side).ravel()
    for fault in screened.faults:
        if fault.what == "frames":
            at_n = np.zeros(len(counts_nHW), np.bool_)
            at_n[fault.frames] = True
            faults.leave_frames(fault.why, at_n)
        elif fault.what == "pixels":
            at_HW = np.zeros(faults.valid_HW.shape, np.bool_)
            at_HW.flat[corner[fault.pixels]] = True
            faults.leave_pixels(fault.why, at_HW)
        else:
            faults.leave_entries(fault.why, fault.frames, corner[fault.pixels])
    _check_valid(faults)
    return screened


def _assumed_unit(counts_nHW: NDArray[Any], unit: Unit) -> float:
    """What is taken for a photon where that is not known."""
    count = len(counts_nHW)
    chosen = np.unique(np.linspace(0, count - 1, min(count, 64)).astype(np.intp))
    light_n = (counts_nHW[chosen] - np.float32(unit.kept_pedestal)).sum(axis=(1, 2))
    usual = float(np.median(light_n)) / ASSUMED_PHOTONS
    return max(usual, unit.noise / (unit.gain or 1.0) / 2, 1e-30)


def _leave_dark(counts_nHW: NDArray[Any], faults: Faults) -> None:
    lit = (bool(frame[faults.valid_HW].any()) for frame in counts_nHW)
    lit_n = np.fromiter(lit, np.bool_, len(counts_nHW))
    if not (lit_n & faults.kept_n).any():
        raise DataError("frames", f"no count in any of {len(lit_n)} frames", "lit frames")
    faults.leave_frames("dark", ~lit_n)


def _check_valid(faults: Faults) -> None:
    share = float(faults.valid_HW.mean()) if faults.kept_n.any() else 0.0
    if share < LEAST_VALID:
        kinds = ", ".join(f"{line.count} {line.what}: {line.why}" for line in faults.left_out)
        raise DataError(
            "frames",
            f"{100 * share:.0f} % of the pixels hold counts",
            f"at least {100 * LEAST_VALID:.0f} % neither masked nor odd (left out: {kinds}); "
            "data.screen=off leaves out only what is marked",
        )


def _monitor(scan: Scan, choice: Choice) -> NDArray[np.float64] | None:
    monitor_n = scan.monitor_n
    if monitor_n is None:
        return None
    if len(monitor_n) <= int(choice.frames[-1]):
        raise DataError(
            "monitor",
            f"{len(monitor_n)} readings for {scan.n_frames} frames",
            "one reading per frame, or data.flux=off",
        )
    return np.asarray(monitor_n, np.float64)[choice.frames]


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
