"""Small simulated scans with nothing wrong, and ways to spoil them. Numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.files.frame_masks import FrameMasks
from exitwave.files.frame_orientation import AS_STORED, FrameOrientation
from exitwave.prepare import Prepared, build_dataset
from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import ScanRef
from exitwave.schema.verdict import Note

SIDE = 64
GEOMETRY = Geometry(energy_eV=9000, distance_m=0.6, detector_pixel_m=55e-6, sources={})
PIXEL_M = GEOMETRY.pixel_size_m(SIDE)

Counts = NDArray[Any]
Spoil = Callable[[Counts], Counts]


@dataclass
class MadeScan:
    """Frames (n, H, W) with DC at the centre, and where they were taken."""

    counts: Counts
    positions: NDArray[np.float64]
    monitor_n: NDArray[np.float64] | None = None
    notes: tuple[Note, ...] = ()
    frame_masks: FrameMasks | None = None
    orientation: FrameOrientation = AS_STORED
    ref: ScanRef = field(default_factory=lambda: ScanRef(uid="u", path="raw/u"))
    start: dict[str, Any] = field(default_factory=dict)
    stop: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.n_frames = len(self.counts)
        self.shape_HW = (self.counts.shape[1], self.counts.shape[2])

    def frames(self, start: int, stop: int) -> Counts:
        return self.counts[start:stop]

    def positions_m(self) -> NDArray[np.float64]:
        return self.positions

    def geometry(self, overrides: GeometryOverrides) -> Geometry:
        return GEOMETRY

    def mask_HW(self) -> NDArray[np.bool_] | None:
        return None

    def spoiled(self, by: Spoil) -> MadeScan:
        """The same with other counts."""
        return replace(self, counts=by(self.counts.copy()))


def pupil(shape: str, side: int = SIDE) -> NDArray[np.complex128]:
    """Beam (side, side) of a pupil far out of focus, or a soft round one in the near field."""
    k = np.fft.fftfreq(side)
    k_y, k_x = np.meshgrid(k, k, indexing="ij")
    if shape == "round":
        y, x = np.mgrid[:side, :side] - side // 2
        soft = 1 / (1 + np.exp((np.hypot(y, x) - side / 4) / 0.6))
        turn = np.exp(-1j * np.pi * 40 * (k_y**2 + k_x**2))
        return np.fft.ifft2(np.fft.fft2(soft) * turn)
    radius = np.maximum(abs(k_y), abs(k_x)) if shape == "square" else np.hypot(k_y, k_x)
    opened = 1 / (1 + np.exp((radius - 0.24) / 0.004))
    if shape == "ring":
        opened = opened / (1 + np.exp((0.09 - radius) / 0.004))
    wave = np.fft.ifft2(opened * np.exp(-1j * np.pi * 70 * (k_y**2 + k_x**2)))
    return np.fft.fftshift(wave)


def thing(kind: str, side: int, seed: int) -> NDArray[np.complex128]:
    """Objects: "blobs" of phase and absorption, "opaque" ones, or some in "emptiness"."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    wave = np.ones((side, side), np.complex128)
    where = (0.35, 0.5) if kind == "emptiness" else (0.0, 1.0)
    for _ in range(90 if kind == "blobs" else 25):
        at = side * rng.uniform(*where, 2)
        size = rng.uniform(2, 7) if kind != "opaque" else rng.uniform(4, side / 6)
        inside = np.hypot(y - at[0], x - at[1]) < size
        deep = rng.choice([0.0, 0.1, 0.6]) if kind == "opaque" else rng.uniform(0.75, 1)
        wave[inside] *= deep * np.exp(1j * rng.uniform(0.1, 0.8))
    return wave


@cache
def made_scan(
    photons: float | None = 2e4,
    *,
    beam: str = "round",
    sample: str = "blobs",
    grid: int = 9,
    step: int = 11,
    seed: int = 0,
) -> MadeScan:
    """A raster scan; `photons` in the brightest frame, None = without noise."""
    rng = np.random.default_rng(seed)
    corners = step * np.argwhere(np.ones((grid, grid))) + rng.integers(0, 2, (grid**2, 2))
    wave, light = thing(sample, SIDE + step * grid, seed), pupil(beam)
    views = np.stack([light * wave[y : y + SIDE, x : x + SIDE] for y, x in corners])
    power = np.abs(np.fft.fftshift(np.fft.fft2(views, norm="ortho"), axes=(1, 2))) ** 2
    if photons is None:
        counts: Counts = power.astype(np.float32)
    else:
        power *= photons / power.sum(axis=(1, 2)).max()
        counts = rng.poisson(power).astype(np.uint32)
    counts.setflags(write=False)  # one scan is shared by many tests
    return MadeScan(counts, corners * PIXEL_M)


def prepared(scan: MadeScan, **data: Any) -> Prepared:
    return build_dataset(scan, DataOptions(**data), GEOMETRY)


def left_out(made: Prepared) -> dict[str, tuple[int, list[Any]]]:
    """By kind of fault: how many, and the first ones."""
    lines = made.preparation.left_out
    assert all(line.text for line in lines)
    return {line.why: (line.count, list(line.first)) for line in lines}


def notes(made: Prepared) -> dict[str, Note]:
    return {note.code: note for note in made.preparation.notes}


def masked(made: Prepared) -> set[tuple[int, int]]:
    """(row, column) with DC at the centre of what is masked in all frames."""
    mask = made.dataset.mask_HW
    if mask is None:
        return set()
    return {(int(y), int(x)) for y, x in np.argwhere(~np.fft.fftshift(mask))}


def photons_of(made: Prepared) -> Counts:
    """All frames that are kept, DC at the centre."""
    frames = made.dataset.frames
    return np.fft.fftshift(frames.read(np.arange(len(frames))), axes=(1, 2))
