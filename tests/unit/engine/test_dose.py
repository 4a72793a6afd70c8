"""The regularisation's ratio follows the dose where counts tell it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitwave.engine import ArrayFrames, Dataset, reconstruct
from exitwave.engine.optimise.regularisation import with_dose_ratio
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import RegularisationOptions
from exitwave.simulated_beamline.simulate import simulate

PRIOR = RegularisationOptions(ratio=0.4, low_dose_threshold=10.0)
STAGE = Stage(epochs=1, batches=(4.0,), probe_rate=0.0)


@pytest.mark.parametrize(
    ("dose_ph", "ratio"),
    [(1e3, 0.4), (10.0, 0.4), (10 / 1.5**4, 0.6), (1e-3, 0.8), (0.0, 0.8), (np.inf, 0.4)],
)
def test_ratio_grows_below_the_low_dose(dose_ph: float, ratio: float) -> None:
    assert with_dose_ratio(PRIOR, dose_ph).ratio == pytest.approx(ratio)
    assert with_dose_ratio(replace(PRIOR, low_dose_threshold=0.0), dose_ph).ratio == 0.4


def picture(photons: float, unit: float, threshold: float, band: float) -> np.ndarray:
    scan = simulate(0.5, photons, 0, grid=4)
    counts_nHW = np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2)) / np.float32(unit)
    dataset = Dataset(frames=ArrayFrames(counts_nHW), positions_px=scan.positions_px)
    recipe = Recipe(
        stages=(replace(STAGE, frequency_band=band),),
        regularisation=RegularisationOptions(low_dose_threshold=threshold),
    )
    *_, state = reconstruct(dataset, recipe, device="cpu")
    return state.object_MYX()


@pytest.mark.parametrize(
    ("photons", "unit", "band", "follows"),
    [
        (1e3, 1.0, 1.0, True),
        (1e5, 1.0, 1.0, False),
        (1e3, 1.7, 1.0, False),  # of fractions of counts nobody knows the noise
        (4e3, 1.0, 1.0, True),
        (4e3, 1.0, 0.25, False),  # a coarse pixel gathers more photons
    ],
)
def test_dose_is_photons_per_resolved_pixel(
    photons: float, unit: float, band: float, follows: bool
) -> None:
    same = np.array_equal(picture(photons, unit, 10.0, band), picture(photons, unit, 0.0, band))
    assert same != follows
