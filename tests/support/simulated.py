"""A simulated scan as the engine takes it, and how like its truth a picture is."""

from __future__ import annotations

import numpy as np

from exitwave.engine import ArrayFrames, Dataset, EpochState
from exitwave.files.reconstruction import Measurement
from exitwave.quality import align
from exitwave.schema.geometry import Geometry
from exitwave.simulated_beamline.simulate import SimulatedScan


def as_dataset(scan: SimulatedScan, positions_px: np.ndarray | None = None) -> Dataset:
    return Dataset(
        frames=ArrayFrames(np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2))),
        positions_px=scan.positions_px if positions_px is None else positions_px,
    )


def similarity(state: EpochState, scan: SimulatedScan) -> float:
    return align(state.object_MYX()[0], scan.object_YX, scan.region).cpcc


def as_measurement(scan: SimulatedScan) -> Measurement:
    """The same as a file holds it."""
    return Measurement(
        counts_nHW=scan.patterns_nHW,
        positions_m=scan.positions_px * scan.pixel_size_m,
        geometry=Geometry(
            energy_eV=scan.energy_eV,
            distance_m=scan.distance_m,
            detector_pixel_m=scan.detector_pixel_m,
            sources={},
        ),
    )
