"""The scans of the benchmark, written once as CXI files, and the peers' starting probes.

========================  ======================================================
``o50-1e4-n1``            15 x 15 views, overlap 50 %, 1e4 photons, noise seed 1
``o25-free-n1``           the same at 25 % overlap without noise
``rocket50-``, ``moon50-``  the same of other photographs, the first with an astigmatic probe;
                          ``brick50-`` of pure texture
``mll-5800``, ``fzp-1e5``   several probe states (see `mixed`), about 2,500 views
``star``                  the measured Siemens star without the patterns held out
``star-even``, ``-odd``   its two halves
``big-2025``, ``n512``    sizes for timing: 128^2 and 64^2 pixels
``beam_wide-60_…``        beams out of focus (see `beam_sets`)
``case_hot``              files as people bring them (see `case_files`)
========================  ======================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.bench import beam_sets, case_files
from tests.bench.mixed import SHAPES, Kind, simulate_mixed

from exitwave.files.cxi import write_measurement
from exitwave.files.reconstruction import Measurement, Truth
from exitwave.files.scan_formats import read_measurement
from exitwave.schema.geometry import Geometry
from exitwave.simulated_beamline.simulate import (
    DETECTOR_PIXEL_M,
    DIAMETER_PX,
    ENERGY_EV,
    PIXEL_SIZE_M,
    ProbeKind,
    simulate,
)

PHOTOGRAPHS: dict[str, tuple[tuple[str, str], ProbeKind]] = {
    "o": (("camera", "astronaut"), "disk"),
    "rocket": (("coffee", "rocket"), "astigmatic"),
    "moon": (("moon", "chelsea"), "disk"),
    "brick": (("brick", "grass"), "disk"),
}
"""First letters of a set's name: photographs for modulus and phase, and the probe."""
OVERLAPS = (50, 40, 30, 25)
DOSES = ("1e3", "1e4", "1e5", "free")
NOISE_SEEDS = (1, 2, 3)
MIXED_GRID = 50
STAR_FILE = Path("workers/exitwave/simulated_beamline/data/siemens_star.h5")
HELD_OUT_EVERY = 17
"""Of the star's patterns: one in so many is left out of every fit to test it with."""
START_WIDER_PX = 4
STAR_BEAM_PX = 60.0
START_EDGE_PX = 3.0
HC_EV_M = 1.23984198e-6


@dataclass(frozen=True)
class Part:
    """Where a set lies and what is known of it."""

    name: str
    scan: Path
    start: Path
    origin_m: list[float] | None = None


class Sets:
    """Makes sets in a folder when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def scan(self, name: str) -> Path:
        """The set's file, written now if it is not there."""
        scan = self._folder / f"{name}.cxi"
        if not scan.exists() and name.startswith(case_files.PREFIX):
            case_files.write_case(name.removeprefix(case_files.PREFIX), scan)
        elif not scan.exists():
            write_measurement(scan, make(name))
        return scan

    def get(self, name: str, states: int = 1) -> Part:
        """The set and `states` of its starting probe."""
        scan = self.scan(name)
        start = self._folder / f"{name}-start{states}.npy"
        if not start.exists():
            np.save(start, starting_probe(name, read_measurement(scan), states))
        origin_m = star_origin_m() if name.startswith("star") else None
        return Part(name, scan, start, origin_m)


def photons_of(dose: str) -> float | None:
    """Expected counts of the brightest pattern; None is noise-free."""
    return None if dose == "free" else float(dose)


def make(name: str) -> Measurement:
    """The measurement of that name."""
    kind, _, rest = name.partition("-")
    if name.startswith(beam_sets.PREFIX):
        return beam(name)
    if kind == "star":
        return star(rest)
    if kind in SHAPES:
        return mixed(kind, float(rest), MIXED_GRID)
    if kind == "big":
        return tiled_views(int(rest), 128, seed=5)
    if kind.startswith("n"):
        return tiled_views(int(kind[1:]), 64, seed=6)
    series = series_of(name)
    overlap = int(kind.removeprefix(series)) / 100
    dose, noise = rest.split("-")
    objects, probe = PHOTOGRAPHS[series]
    scan = simulate(overlap, photons_of(dose), int(noise[1:]), objects, probe)
    return measurement(
        scan.patterns_nHW, scan.positions_px, scan.pixel_size_m, scan.object_YX, scan.probe_HW
    )


def series_of(name: str) -> str:
    """The letters a set's name begins with: o of o50-1e4-n1."""
    return name.partition("-")[0].rstrip("0123456789")


def beam(name: str) -> Measurement:
    scan = beam_sets.simulate_beam(beam_sets.BeamScan.named(name))
    return measurement(
        scan.counts_nHW, scan.positions_px, PIXEL_SIZE_M, scan.object_YX, scan.probe_NHW[0]
    )


def mixed(kind: Kind, photons: float, grid: int) -> Measurement:
    scan = simulate_mixed(kind, photons, seed=1, grid=grid)
    return measurement(
        scan.counts_nHW, scan.positions_px, scan.pixel_size_m, scan.object_YX, scan.probe_NHW[0]
    )


def star(which: str) -> Measurement:
    """The measured star: empty (less what is held out), even or odd."""
    whole = read_measurement(STAR_FILE)
    frames = np.arange(len(whole.counts_nHW))
    chosen = {"": ~held_out(len(frames)), "even": frames % 2 == 0, "odd": frames % 2 == 1}[
        which
    ]
    return Measurement(
        counts_nHW=whole.counts_nHW[chosen],
        positions_m=whole.positions_m[chosen],
        geometry=whole.geometry,
        mask_HW=whole.mask_HW,
    )


def held_out(frames: int) -> NDArray[np.bool_]:
    """Which of the star's patterns no method sees before it is tested with them."""
    held: NDArray[np.bool_] = np.arange(frames) % HELD_OUT_EVERY == HELD_OUT_EVERY // 2
    return held


def star_origin_m() -> list[float]:
    """(y, x) of the whole scan's first view: parts of it are brought into one frame."""
    first: list[float] = read_measurement(STAR_FILE).positions_m.min(axis=0).tolist()
    return first


def tiled_views(frames: int, side_px: int, seed: int) -> Measurement:
    """A scan for timing alone: whole-pixel positions, counts of two states."""
    random = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(frames)))
    step_px = side_px // 13
    order = np.arange(frames)
    corners = 8 + step_px * np.stack([order // columns, order % columns], axis=1)
    object_side = int(corners.max()) + side_px + 8
    modulus = random.uniform(0.5, 1, (object_side, object_side))
    object_YX = (modulus * np.exp(1j * random.uniform(0, 1, modulus.shape))).astype(
        np.complex64
    )
    y, x = np.mgrid[:side_px, :side_px] - side_px / 2
    probe_HW = np.exp(-(y**2 + x**2) / (2 * (side_px / 8) ** 2) + 0.02j * (y**2 + x**2))
    counts = np.empty((frames, side_px, side_px), np.uint16)
    for i, (top, left) in enumerate(corners):
        view = object_YX[top : top + side_px, left : left + side_px]
        far = np.fft.fftshift(np.fft.fft2(view * probe_HW, norm="ortho"))
        far_second = np.fft.fftshift(np.fft.fft2(view * probe_HW * x / side_px, norm="ortho"))
        mean = np.abs(far) ** 2 + np.abs(far_second) ** 2
        counts[i] = random.poisson(1e5 * mean / mean.sum())
    return measurement(
        counts, corners.astype(float), 1e-8, object_YX, probe_HW.astype(np.complex64)
    )


def measurement(
    counts_nHW: NDArray[Any],
    positions_px: NDArray[np.float64],
    pixel_size_m: float,
    object_YX: NDArray[np.complex64],
    probe_HW: NDArray[np.complex64],
) -> Measurement:
    side_px = counts_nHW.shape[-1]
    return Measurement(
        counts_nHW=counts_nHW,
        positions_m=positions_px * pixel_size_m,
        geometry=Geometry(
            energy_eV=ENERGY_EV,
            distance_m=pixel_size_m * side_px * DETECTOR_PIXEL_M / (HC_EV_M / ENERGY_EV),
            detector_pixel_m=DETECTOR_PIXEL_M,
            sources=dict.fromkeys(("energy_eV", "distance_m", "detector_pixel_m"), "simulated"),
        ),
        truth=Truth(object_YX=object_YX, probe_HW=probe_HW),
    )


def starting_probe(name: str, scan: Measurement, states: int) -> NDArray[np.complex64]:
    """(N, H, W) with the mean pattern's counts: a flat disk of diameter + 4 px, edge 3 px.

    The diameter is that of the truth; for the star, whose beam nobody measured, it is one
    from which the peers do better than from the mean of |FT^-1 sqrt I| over the views.
    Further states are the disk times x, y, xy at a tenth of its power.
    """
    height, width = scan.counts_nHW.shape[1:]
    y, x = np.mgrid[:height, :width] - np.array([height // 2, width // 2])[:, None, None]
    beam = STAR_BEAM_PX if scan.truth is None else beam_px(name, scan.truth.probe_HW)
    edge = START_EDGE_PX / (2 * np.log(9))  # from 90 % to 10 % over the edge
    radius = (beam + START_WIDER_PX) / 2
    first = 1 / (1 + np.exp(np.minimum((np.hypot(y, x) - radius) / edge, 60)))
    shapes = [first, first * x, first * y, first * x * y][:states]
    powers = [1.0] + [0.1] * (states - 1)
    made = [
        shape * np.sqrt(p / (shape**2).sum()) for shape, p in zip(shapes, powers, strict=True)
    ]
    scaled = np.stack(made) * np.sqrt(scan.counts_nHW.mean(axis=0).sum() / sum(powers))
    return scaled.astype(np.complex64)


def beam_px(name: str, probe_HW: NDArray[np.complex64]) -> float:
    """Diameter of the beam: of the test sets' disk, else that of a disk of equal spread."""
    _, probe = PHOTOGRAPHS.get(series_of(name), ((), "other"))
    if probe == "disk":
        return float(DIAMETER_PX)
    power = np.abs(probe_HW) ** 2
    height, width = power.shape
    y, x = np.mgrid[:height, :width] - np.array([height // 2, width // 2])[:, None, None]
    return 2 * float(np.sqrt(2 * ((y**2 + x**2) * power).sum() / power.sum()))
