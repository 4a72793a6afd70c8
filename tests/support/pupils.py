"""Scans with a beam out of focus behind a pupil."""

from __future__ import annotations

import numpy as np

from exitwave.engine import ArrayFrames, Dataset
from exitwave.simulated_beamline.beams import Pupil, defocused_beam
from exitwave.simulated_beamline.samples import draw_sample

SIDE = 64
RING = Pupil(shape="annulus", outer=0.25, inner=0.1)


def scan_of(
    pupil: Pupil,
    defocus_px2: tuple[float, float],
    *,
    grid: int = 6,
    step: float = 14,
    photons: float = 1e5,
    sample: str = "particles",
    seed: int = 1,
) -> tuple[Dataset, np.ndarray, np.ndarray]:
    """A dataset, its object and its beam."""
    random = np.random.default_rng(seed)
    corners = step * np.argwhere(np.ones((grid, grid))) + random.uniform(-2, 2, (grid**2, 2))
    corners = np.round(corners - corners.min(axis=0)).astype(int) + 4
    object_YX = draw_sample(sample, int(corners.max()) + SIDE + 4, seed)
    beam_HW = defocused_beam(pupil, defocus_px2, SIDE)
    patterns = np.stack(
        [
            np.abs(np.fft.fft2(beam_HW * object_YX[y : y + SIDE, x : x + SIDE], norm="ortho"))
            ** 2
            for y, x in corners
        ]
    )
    counts = random.poisson(patterns * photons / patterns.sum(axis=(1, 2)).max())
    dataset = Dataset(
        frames=ArrayFrames(counts.astype(np.uint32)), positions_px=corners.astype(float)
    )
    return dataset, object_YX, beam_HW
