"""Patterns are left out only where the others make up for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.simulated import as_dataset

from exitwave.engine import ArrayFrames, reconstruct
from exitwave.engine.assessment.held_out import judge, spared
from exitwave.engine.data.scan import load
from exitwave.engine.forward import waves
from exitwave.schema.recipe import Recipe, Stage
from exitwave.simulated_beamline.simulate import simulate

CPU = torch.device("cpu")


@pytest.mark.parametrize(("overlap", "can"), [(0.6, True), (0.5, True), (0.3, False)])
def test_a_view_is_spared_where_others_light_it(overlap: float, can: bool) -> None:
    simulated = simulate(overlap, None, 0, grid=9)
    scan = load(as_dataset(simulated), Recipe(), CPU)
    probe = torch.from_numpy(simulated.probe_HW)[None]
    inner = np.flatnonzero(np.pad(np.ones((5, 5)), 2).ravel())
    assert np.array_equal(spared(scan, probe, inner), inner if can else [])
    assert len(spared(scan, probe, inner[:3])) == 0


def test_corners_are_not_spared() -> None:
    simulated = simulate(0.5, None, 0, grid=9)
    scan = load(as_dataset(simulated), Recipe(), CPU)
    probe = torch.from_numpy(simulated.probe_HW)[None]
    chosen = np.array([0, 8, 72, 80, 30, 31, 39, 40])
    assert spared(scan, probe, chosen).tolist() == [30, 31, 39, 40]


def test_the_truth_is_judged_as_good_as_its_noise() -> None:
    simulated = simulate(0.5, 1e5, 3, grid=6)
    scan = load(as_dataset(simulated), Recipe(), CPU)
    truth, probe = (
        torch.from_numpy(field)[None] for field in (simulated.object_YX, simulated.probe_HW)
    )
    judged = judge(scan, waves(truth, probe), np.arange(36), 7)
    # (sqrt D - sqrt I)^2 has the mean 1/4 where counts are many, less where they are few.
    assert 0.1 < judged.amplitude < 0.25
    assert (judged.patterns, judged.epoch) == (36, 7)
    worse = judge(scan, waves(truth, 1.1 * probe), np.arange(36), 7)
    assert worse.amplitude > judged.amplitude and worse.poisson > judged.poisson


def test_losses_are_means_per_valid_pixel() -> None:
    simulated = simulate(0.5, None, 0, grid=5)
    plain, chosen = as_dataset(simulated), np.arange(25)
    mask_HW = np.random.default_rng(0).random((64, 64)) > 0.2
    counts = plain.frames.read(chosen)
    spoilt = np.where(mask_HW, counts, 7e4).astype(np.float32)
    dataset = replace(plain, frames=ArrayFrames(spoilt), mask_HW=mask_HW)
    scan = load(dataset, Recipe(), CPU)
    truth, probe = (
        torch.from_numpy(field)[None] for field in (simulated.object_YX, simulated.probe_HW)
    )
    assert judge(scan, waves(truth, probe), chosen, 1).amplitude < 1e-6
    # Twice the amplitude: four times the counts, (sqrt(4 I) - sqrt I)^2 = I.
    doubled, mean = judge(scan, waves(truth, 2 * probe), chosen, 1), counts[:, mask_HW].mean()
    assert doubled.amplitude == pytest.approx(mean, rel=1e-3)
    assert doubled.poisson == pytest.approx((3 - np.log(4)) * mean, rel=1e-3)


def test_a_run_says_how_well_it_foretells() -> None:
    dataset = as_dataset(simulate(0.8, 1e4, 3, grid=20))
    recipe = Recipe(stages=(Stage(epochs=8, batches=(20.0,)),), held_out_fraction=0.05)
    states = list(reconstruct(dataset, recipe, device="cpu"))
    assert all(state.held_out is None for state in states[:-1])
    judged = states[-1].held_out
    assert judged is not None and judged.epoch == 8 and 10 < judged.patterns <= 20
    assert states[-1].loss.data < judged.amplitude < 1.5 * states[-1].loss.data
