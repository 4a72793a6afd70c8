"""Files as people bring them: one simulated scan, written or spoiled in ways that are met.

Of each kind it is known what is right: a picture as good as that of the clean file, a verdict
that does not praise, or a refusal that says why. `KINDS` has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from tests.bench.verdict_sets import SIDE, Scan, Scene, simulate_scene

from exitwave.schema.geometry import Geometry

PREFIX = "case_"
SCENE = Scene(sample="particles", grid=(10, 10), step_px=12, photons=2e4, seed=3)
ENERGY_EV = 8600.0
DETECTOR_PIXEL_M = 75e-6
DISTANCE_M = 1.1
GEOMETRY = Geometry(
    energy_eV=ENERGY_EV, distance_m=DISTANCE_M, detector_pixel_m=DETECTOR_PIXEL_M, sources={}
)
PIXEL_M = GEOMETRY.pixel_size_m(SIDE)
JOULES = 1.602176634e-19

DATA = "entry_1/data_1/data"
TRANSLATION = "entry_1/data_1/translation"
DETECTOR = "entry_1/instrument_1/detector_1"
SOURCE = "entry_1/instrument_1/source_1"

Values = dict[str, Any]


@dataclass(frozen=True)
class Brought:
    """The scan behind a file: with nothing wrong, and its expected counts (n, H, W)."""

    scan: Scan
    power_nHW: NDArray[np.float64]

    @property
    def counts_nHW(self) -> NDArray[Any]:
        return self.scan.counts_nHW

    def random(self) -> np.random.Generator:
        return np.random.default_rng(12)


Write = Callable[[Brought], Values]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    write : callable
        From the scan to the datasets of the file; None leaves one of a plain file out.
    least : float, optional
        |cPCC| that is right, at the size of `SCENE`; none: any result or reason is.
    refused : str
        Refusing the file is right, with a message that holds this.
    doubted : bool
        The result must not be called good.
    tells : str
        Kind of what must be left out or noted.
    units : mapping
        Attributes ``units`` by dataset.
    scene : Scene
    """

    write: Write
    least: float | None = None
    refused: str = ""
    doubted: bool = False
    tells: str = ""
    units: Mapping[str, str] | None = None
    scene: Scene = SCENE


def write_case(name: str, path: Path, grid: tuple[int, int] | None = None) -> None:
    """Write the file of a kind, where asked for with fewer views."""
    kind = KINDS[name]
    brought = _brought(kind.scene if grid is None else replace(kind.scene, grid=grid))
    _write(path, {**_plain(brought), **kind.write(brought)}, kind.units or {})


def write_scene(scene: Scene, path: Path) -> None:
    """Write a plain file of a scene."""
    _write(path, _plain(_brought(scene)), {})


def _brought(scene: Scene) -> Brought:
    scan, power_nHW = simulate_scene(scene)
    return Brought(scan, power_nHW)


def _write(path: Path, values: Values, units: Mapping[str, str]) -> None:
    with h5py.File(path, "w") as file:
        for key, value in values.items():
            if isinstance(value, h5py.VirtualLayout):
                file.create_virtual_dataset(key, value, fillvalue=0)
            elif value is not None:
                file[key] = value
        for key, unit in units.items():
            file[key].attrs["units"] = unit


def _plain(brought: Brought) -> Values:
    """A CXI file in SI units, with its truth."""
    return {
        "cxi_version": 160,
        DATA: brought.counts_nHW,
        TRANSLATION: _xyz_m(brought.scan.positions_px),
        f"{DETECTOR}/distance": DISTANCE_M,
        f"{DETECTOR}/x_pixel_size": DETECTOR_PIXEL_M,
        f"{DETECTOR}/y_pixel_size": DETECTOR_PIXEL_M,
        f"{SOURCE}/energy": ENERGY_EV * JOULES,
        "truth/object": brought.scan.object_YX,
        "truth/probe": brought.scan.beam_NHW[0],
    }


def _xyz_m(positions_px: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.c_[positions_px[:, ::-1], np.zeros(len(positions_px))] * PIXEL_M


def _clean(brought: Brought) -> Values:
    return {}


def _swapped(brought: Brought) -> Values:
    return {TRANSLATION: _xyz_m(brought.scan.positions_px[:, ::-1])}


def _hot(brought: Brought) -> Values:
    counts = brought.counts_nHW.astype(np.uint32)
    random = brought.random()
    for place, level in (((50, 17), 40_000), ((9, 44), 3_000)):
        counts[:, *place] = random.poisson(level, len(counts))
    return {DATA: counts}


def _beam_lost(brought: Brought) -> Values:
    counts = brought.counts_nHW.copy()
    lost = slice(len(counts) // 2, len(counts) // 2 + max(3, len(counts) // 8))
    counts[lost] = brought.random().poisson(0.006, counts[lost].shape)
    return {DATA: counts}


def _wild(brought: Brought) -> Values:
    counts, random = brought.counts_nHW.copy(), brought.random()
    for frame in (len(counts) // 5, len(counts) // 2):
        counts[frame] += random.poisson(150, counts[frame].shape).astype(counts.dtype)
    counts[-12, 30:, :28] = np.iinfo(counts.dtype).max
    return {DATA: counts}


def _mask_bits(brought: Brought) -> Values:
    """CXI's bit 12 is "has signal", bit 11 "resolution": neither is bad; bits 0 and 3 are."""
    counts = brought.counts_nHW.copy()
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    mask = np.where(np.hypot(y, x) < 13, 0x1000, 0).astype(np.uint32)
    bad = brought.random().integers(0, SIDE, (10, 2))
    mask[bad[:, 0], bad[:, 1]] = 0x1 | 0x8
    counts[:, bad[:, 0], bad[:, 1]] = 909
    return {DATA: counts, f"{DETECTOR}/mask": mask}


def _gain(brought: Brought) -> Values:
    return {DATA: brought.counts_nHW.astype(np.uint32) * 18}


def _dark_subtracted(brought: Brought) -> Values:
    noise = brought.random().normal(0, 3.5, brought.counts_nHW.shape)
    return {DATA: (24 * brought.counts_nHW.astype(float) + noise).astype(">f4")}


def _gaps(value: float, kind: type) -> Write:
    def write(brought: Brought) -> Values:
        counts = brought.counts_nHW.astype(kind)
        dead = brought.random().integers(SIDE // 4, 3 * SIDE // 4, (20, 2))
        counts[:, 37:40, :] = value
        counts[:, dead[:, 0], dead[:, 1]] = -1 if np.isnan(value) else value
        return {DATA: counts}

    return write


def _units(brought: Brought) -> Values:
    return {
        TRANSLATION: _xyz_m(brought.scan.positions_px) * 1e6,
        f"{DETECTOR}/distance": DISTANCE_M * 1e3,
        f"{SOURCE}/energy": ENERGY_EV / 1e3,
    }


def _detector_paths(brought: Brought) -> Values:
    """All at the format's first places: no links, one pixel size, a corner, a wavelength."""
    half_m = DETECTOR_PIXEL_M * SIDE / 2
    plain = dict.fromkeys(
        (
            DATA,
            TRANSLATION,
            f"{DETECTOR}/distance",
            f"{DETECTOR}/y_pixel_size",
            f"{SOURCE}/energy",
        )
    )
    return plain | {
        f"{DETECTOR}/data": brought.counts_nHW,
        "entry_1/sample_1/geometry_1/translation": _xyz_m(brought.scan.positions_px),
        f"{DETECTOR}/corner_position": [half_m, half_m, DISTANCE_M],
        f"{DETECTOR}/basis_vectors": DETECTOR_PIXEL_M * np.array([[0, -1, 0], [-1, 0, 0]]),
        f"{SOURCE}/wavelength": GEOMETRY.wavelength_m,
    }


def _four_dimensional(brought: Brought) -> Values:
    corners = brought.scan.positions_px
    rows = len(np.unique(corners[:, 0]))
    return {DATA: brought.counts_nHW.reshape(rows, -1, SIDE, SIDE)}


def _basis_vectors(brought: Brought) -> Values:
    """Columns run to the left as seen along the beam, and the file says so."""
    mirrored = np.roll(brought.counts_nHW[:, :, ::-1], 1, axis=2)
    return {
        DATA: mirrored,
        f"{DETECTOR}/basis_vectors": DETECTOR_PIXEL_M * np.array([[0, -1, 0], [1, 0, 0]]),
    }


def _missing_source(brought: Brought) -> Values:
    """Frames of a virtual dataset whose file is not there: HDF5 reads zeros without a word."""
    counts = brought.counts_nHW
    layout = h5py.VirtualLayout(counts.shape, counts.dtype)
    layout[:] = h5py.VirtualSource("moved_elsewhere.h5", "frames", counts.shape, counts.dtype)
    return {DATA: layout}


def _surplus(brought: Brought) -> Values:
    more = brought.random().poisson(brought.power_nHW[-1], (2, SIDE, SIDE))
    counts = np.concatenate([brought.counts_nHW, more.astype(brought.counts_nHW.dtype)])
    return {DATA: counts}


def _off_centre(brought: Brought) -> Values:
    """Cut from wider patterns, so that the beam is beside the middle."""
    wide = np.pad(brought.power_nHW, ((0, 0), (8, 8), (8, 8)))
    cut = wide[:, 15 : 15 + SIDE, 3 : 3 + SIDE]
    return {DATA: brought.random().poisson(cut).astype(np.uint16)}


def _scaled(brought: Brought) -> Values:
    counts = brought.counts_nHW.astype(np.float32)
    return {DATA: counts / counts.max()}


def _pedestal(brought: Brought) -> Values:
    """A dark level with noise of its own under every value."""
    noise = brought.random().normal(100, 1.0, brought.counts_nHW.shape)
    return {DATA: np.rint(12.0 * brought.counts_nHW + noise).astype(np.uint16)}


def _flux_steps(brought: Brought) -> Values:
    steps = np.ones(len(brought.power_nHW))
    steps[len(steps) // 3 : 2 * len(steps) // 3] = 0.55
    dimmed = brought.power_nHW * steps[:, None, None]
    return {DATA: brought.random().poisson(dimmed).astype(np.uint16)}


def _lost_positions(brought: Brought) -> Values:
    """The encoder missed two points, and one is far off."""
    xyz_m = _xyz_m(brought.scan.positions_px)
    xyz_m[[7, 21]] = np.nan
    xyz_m[13] += 1.0
    return {TRANSLATION: xyz_m}


def _near_field(brought: Brought) -> Values:
    return {"entry_1/title": "near-field ptychography"}


KINDS: dict[str, Kind] = {
    "clean": Kind(_clean, 0.985),
    "swapped": Kind(_swapped, doubted=True),
    "hot": Kind(_hot, 0.98, tells="hot"),
    "beam-lost": Kind(_beam_lost, 0.98, tells="no beam"),
    "wild": Kind(_wild, 0.98, tells="fog"),
    "mask-bits": Kind(_mask_bits, 0.98, tells="mask"),
    "gain": Kind(_gain, 0.983, tells="gain"),
    "dark-subtracted": Kind(_dark_subtracted, 0.98),
    "gaps-zero": Kind(_gaps(0, np.uint16), 0.98, tells="gap"),
    "gaps-maxint": Kind(_gaps(2**32 - 1, np.uint32), 0.98, tells="bad"),
    "gaps-nan": Kind(_gaps(np.nan, np.float64), 0.98, tells="bad"),
    "units": Kind(
        _units,
        0.985,
        units={TRANSLATION: "um", f"{DETECTOR}/distance": "mm", f"{SOURCE}/energy": "keV"},
    ),
    "detector-paths": Kind(_detector_paths, 0.985),
    "four-dimensional": Kind(_four_dimensional, 0.985),
    "basis-vectors": Kind(_basis_vectors, 0.985, tells="orientation"),
    "missing-source": Kind(_missing_source, refused="moved_elsewhere.h5"),
    "surplus": Kind(_surplus, refused="data.frames"),
    "line": Kind(_clean, scene=replace(SCENE, grid=(1, 40), step_px=6)),
    "off-centre": Kind(_off_centre, 0.98, tells="centre"),
    "scaled": Kind(_scaled, 0.98),
    "pedestal": Kind(_pedestal, 0.98, tells="gain"),
    "flux-steps": Kind(_flux_steps, 0.98, tells="flux"),
    "lost-positions": Kind(_lost_positions, 0.98, tells="no position"),
    "near-field": Kind(_near_field, refused="field"),
}


def is_right(kind: Kind, row: Mapping[str, Any], verdict: str) -> bool:
    """Whether a run of a kind's file ended right, or said what is wrong."""
    if row["status"] != "ok":
        return bool(kind.refused) and kind.refused in row["error"]
    if kind.refused:
        return False
    if kind.doubted:
        return verdict != "good"
    if kind.least is None:
        return True
    told = not kind.tells or kind.tells in row["kinds"]
    return (row["cpcc"] or 0.0) >= kind.least and told and verdict == "good"
