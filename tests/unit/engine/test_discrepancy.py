"""No fit below the noise: the regularisation says more where patterns are fitted too well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from exitwave.engine import ArrayFrames, Dataset, EpochState, InitialGuess, reconstruct
from exitwave.engine.assessment.fit_evidence import misfit
from exitwave.engine.data.scan import load
from exitwave.engine.forward import waves
from exitwave.quality import align, rectangle_of_centres
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import RegularisationOptions
from exitwave.simulated_beamline.simulate import SimulatedScan, simulate

FIRST = Stage(epochs=30, batches=(4.0,))
LAST = Stage(
    epochs=30, batches=(6.0,), loss="poisson", background=0.1, object_rate=0.05, probe_rate=0.05
)
WEAK = RegularisationOptions(ratio=0.15, low_dose_threshold=0.0, least_misfit=0.95)


@pytest.fixture(scope="module")
def scan() -> SimulatedScan:
    return simulate(0.5, 1e3, 0, grid=7)


def dataset(scan: SimulatedScan, unit: float = 1.0) -> Dataset:
    counts_nHW = np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2)) / np.float32(unit)
    return Dataset(frames=ArrayFrames(counts_nHW), positions_px=scan.positions_px)


def states(
    scan: SimulatedScan, regularisation: RegularisationOptions, unit: float = 1.0
) -> list[EpochState]:
    recipe = Recipe(stages=(FIRST, LAST), regularisation=regularisation, held_out_pixels=0.0)
    start = InitialGuess(probe_NHW=scan.probe_HW[None] / np.float32(unit**0.5))
    return list(reconstruct(dataset(scan, unit), recipe, start, device="cpu"))


def factor(state: EpochState) -> float:
    return state.checkpoint().numbers["regularisation_factor"]


def cpcc(scan: SimulatedScan, state: EpochState) -> float:
    inner = rectangle_of_centres(scan.positions_px, scan.patterns_nHW.shape[1:])
    return align(state.object_MYX()[0], scan.object_YX, inner).cpcc


def test_the_true_picture_leaves_what_noise_does(scan: SimulatedScan) -> None:
    loaded = load(dataset(scan), Recipe(stages=(FIRST,)), torch.device("cpu"))
    rows, columns = loaded.object_shape_YX
    object_MYX = torch.from_numpy(scan.object_YX[None, :rows, :columns])
    probe_NHW = torch.from_numpy(scan.probe_HW[None])
    every = np.arange(len(scan.positions_px))
    assert misfit(loaded, waves(object_MYX, probe_NHW), every) == pytest.approx(1.0, abs=0.05)
    assert misfit(loaded, waves(object_MYX * 1.2, probe_NHW), every) > 1.1


def test_a_run_that_fits_noise_is_held_back(scan: SimulatedScan) -> None:
    *_, free = states(scan, replace(WEAK, least_misfit=0.0))
    *_, held = states(scan, WEAK)
    assert factor(free) == 1.0
    assert factor(held) > 1.5
    assert cpcc(scan, held) > cpcc(scan, free) + 0.003


@pytest.mark.parametrize(
    ("ratio", "unit"),
    [
        (2.0, 1.0),  # the regularisation says enough
        (0.15, 1.7),  # of fractions of counts nobody knows the noise
    ],
)
def test_no_other_run_changes(scan: SimulatedScan, ratio: float, unit: float) -> None:
    regularisation = replace(WEAK, ratio=ratio)
    *_, free = states(scan, replace(regularisation, least_misfit=0.0), unit)
    *_, held = states(scan, regularisation, unit)
    np.testing.assert_array_equal(held.object_MYX(), free.object_MYX())


def test_a_run_goes_on_with_its_regularisation_factor(scan: SimulatedScan) -> None:
    recipe = Recipe(stages=(FIRST, LAST), regularisation=WEAK, held_out_pixels=0.0)
    for state in reconstruct(dataset(scan), recipe, device="cpu"):
        if state.epoch == 42:
            kept = state.checkpoint()
    assert kept.numbers["regularisation_factor"] > 1.0
    *_, resumed = reconstruct(dataset(scan), recipe, kept, device="cpu")
    np.testing.assert_array_equal(resumed.object_MYX(), state.object_MYX())
