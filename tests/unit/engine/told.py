"""Small scans of known truth, with positions told in other ways than they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exitwave.engine import ArrayFrames, Dataset
from exitwave.prepare import oriented
from exitwave.schema.data import Orientation
from exitwave.simulated_beamline.beams import Pupil, defocused_beam
from exitwave.simulated_beamline.samples import draw_sample
from exitwave.simulated_beamline.simulate import make_probe

SIDE = 64
RING = Pupil(shape="annulus", outer=0.25, inner=0.1)
SQUARE = Pupil(shape="square", outer=0.25)

Positions = NDArray[np.float64]


@dataclass(frozen=True)
class Told:
    """Counts with DC at the corner, and where they were taken."""

    counts_nHW: NDArray[np.uint32]
    positions_px: Positions

    def dataset(
        self,
        positions_px: Positions | None = None,
        frames: NDArray[np.intp] | slice = slice(None),
    ) -> Dataset:
        """With these positions, and these frames in this order."""
        told_px = self.positions_px if positions_px is None else positions_px
        return Dataset(
            frames=ArrayFrames(self.counts_nHW[frames]),
            positions_px=told_px - told_px.min(axis=0) + 8,
        )

    def turned(self, way: Orientation) -> Dataset:
        """Told in one of the eight ways."""
        return self.dataset(oriented(self.positions_px, way))


def raster(rows: int, columns: int, step_px: float, *, serpentine: bool = False) -> Positions:
    places = np.argwhere(np.ones((rows, columns)))
    if serpentine:
        odd = places[:, 0] % 2 == 1
        places[odd, 1] = columns - 1 - places[odd, 1]
    return places * step_px


def scan_at(
    positions_px: Positions,
    beam: str = "disk",
    *,
    sample: str = "circuit",
    photons: float = 1e5,
    seed: int = 1,
    empty_px: int = 0,
) -> Told:
    """A scan with a beam of disk, astigmatic, ring+80 or square-80 (pupil and defocus).

    Up to `empty_px` along y and along x there is no sample.
    """
    corners = np.round(positions_px - positions_px.min(axis=0)).astype(int)
    object_YX = draw_sample(sample, int(corners.max()) + SIDE, seed)
    object_YX[:empty_px] = object_YX[:, :empty_px] = 1
    beam_HW = beam_of(beam)
    waves = [beam_HW * object_YX[y : y + SIDE, x : x + SIDE] for y, x in corners]
    power_nHW = np.abs(np.fft.fft2(np.stack(waves), norm="ortho")) ** 2
    power_nHW *= photons / power_nHW.sum(axis=(1, 2)).max()
    counts_nHW = np.random.default_rng(seed).poisson(power_nHW).astype(np.uint32)
    return Told(counts_nHW, corners.astype(np.float64))


def beam_of(beam: str) -> NDArray[np.complex64]:
    if beam in {"disk", "astigmatic"}:
        return make_probe(beam)  # type: ignore[arg-type]  # one of its two kinds
    pupil = {"ring": RING, "square": SQUARE}[beam.rstrip("+-0123456789")]
    c = float(beam.lstrip("abcdefghijklmnopqrstuvwxyz"))
    return defocused_beam(pupil, (c, c), SIDE)
