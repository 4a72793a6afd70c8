"""A stage's band: the coarse part of the patterns first."""

from __future__ import annotations

import numpy as np

from exitwave.engine import ArrayFrames, Dataset, EpochState, InitialGuess, reconstruct
from exitwave.schema.recipe import Recipe, Stage
from exitwave.simulated_beamline.simulate import simulate

SCAN = simulate(0.5, 1e4, 0, grid=4)
FREQUENCY = np.abs(np.fft.fftfreq(64)) * 2
RADIUS_HW = np.hypot(FREQUENCY[:, None], FREQUENCY)


def states(stages: tuple[Stage, ...], elsewhere: np.ndarray | None = None) -> list[EpochState]:
    """Epochs from the truth, with other views' counts where `elsewhere` says so."""
    counts_nHW = np.fft.ifftshift(SCAN.patterns_nHW, axes=(1, 2))
    if elsewhere is not None:
        counts_nHW = np.where(elsewhere, counts_nHW[::-1], counts_nHW)
    dataset = Dataset(
        frames=ArrayFrames(counts_nHW),
        positions_px=SCAN.positions_px,
        mask_HW=RADIUS_HW > 0.03,
    )
    y, x = dataset.object_shape_YX
    start = InitialGuess(object_MYX=SCAN.object_YX[:y, :x], probe_NHW=SCAN.probe_HW)
    return list(reconstruct(dataset, Recipe(stages=stages), start, device="cpu"))


def test_only_what_lies_in_the_band_is_fitted() -> None:
    outside = RADIUS_HW > 0.5
    for band, unseen in ((0.5, True), (0.51, False), (1.0, False)):
        stage = Stage(epochs=2, batches=(4.0,), frequency_band=band)
        *_, plain = states((stage,))
        *_, spoilt = states((stage,), outside)
        same = np.array_equal(plain.object_MYX(), spoilt.object_MYX())
        assert same == unseen, band


def test_masked_pixels_stay_masked_within_the_band() -> None:
    stage = Stage(epochs=1, batches=(4.0,), frequency_band=0.5)
    *_, plain = states((stage,))
    *_, spoilt = states((stage,), RADIUS_HW <= 0.03)
    assert np.array_equal(plain.object_MYX(), spoilt.object_MYX())


def test_losses_are_told_per_pixel_of_the_whole_pattern() -> None:
    """Parts of a loss add up: the inner half cannot have more than all."""
    still = {"epochs": 1, "batches": (16.0,), "object_rate": 1e-6, "probe_rate": 0.0}
    losses = [
        states((Stage(**still, frequency_band=band),))[0].loss.data
        for band in (0.25, 0.5, 0.75, 1.0)
    ]
    assert losses == sorted(losses) and losses[0] < 0.6 * losses[3]


def test_each_stage_has_its_own_band() -> None:
    stages = tuple(Stage(epochs=1, batches=(8.0,), frequency_band=band) for band in (0.5, 1.0))
    outside = RADIUS_HW > 0.5
    plain, spoilt = states(stages), states(stages, outside)
    assert np.array_equal(plain[0].object_MYX(), spoilt[0].object_MYX())
    assert not np.array_equal(plain[1].object_MYX(), spoilt[1].object_MYX())
