"""Stages for whole counts, and the background below them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.simulated import as_dataset

from exitwave.engine import ArrayFrames, Checkpoint, Dataset, EpochState, reconstruct
from exitwave.engine.assessment.evaluate import modelled_patterns
from exitwave.engine.forward import Views, model_counts
from exitwave.engine.loss import pattern_losses
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import RegularisationOptions
from exitwave.simulated_beamline.simulate import simulate

FIND = Stage(epochs=1, batches=(4.0,))
COUNT = Stage(
    epochs=2, batches=(16.0,), loss="poisson", background=0.1, integer_counts_only=True
)
UNIT = 1.7


def dataset_of(
    photons: float, unit: float = 1.0, kind: type[np.generic] = np.float32
) -> Dataset:
    scan = simulate(0.5, photons, 0, grid=4)
    counts_nHW = (np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2)) / unit).astype(kind)
    return Dataset(frames=ArrayFrames(counts_nHW), positions_px=scan.positions_px)


def recipe_of(*stages: Stage) -> Recipe:
    return Recipe(
        stages=stages, regularisation=RegularisationOptions(balance="off"), held_out_pixels=0
    )


def run(
    *stages: Stage,
    photons: float = 1e3,
    unit: float = 1.0,
    kind: type[np.generic] = np.float32,
) -> EpochState:
    dataset = dataset_of(photons, unit, kind)
    *_, state = reconstruct(dataset, recipe_of(*stages), device="cpu")
    return state


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_whole_counts_of_any_type_have_the_stage(kind: type[np.generic]) -> None:
    state = run(FIND, COUNT, kind=kind)
    assert (state.epoch, state.epochs, state.stage) == (3, 3, 2)


@pytest.mark.parametrize("stages", [(FIND, COUNT), (FIND, COUNT, FIND)])
def test_fractions_of_counts_are_spared_it(stages: tuple[Stage, ...]) -> None:
    others = [stage for stage in stages if not stage.integer_counts_only]
    state, same = run(*stages, unit=UNIT), run(*others, unit=UNIT)
    assert state.epoch == state.epochs == len(others)
    assert np.array_equal(state.object_MYX(), same.object_MYX())


def test_the_first_stage_always_runs() -> None:
    assert run(COUNT, unit=UNIT).epoch == COUNT.epochs


def test_a_background_spares_the_model_counts_of_its_own() -> None:
    """With nothing modelled elsewhere, the light that is fitted falls by what is added."""
    light = []
    for background in (0.0, 0.1):
        counting = replace(COUNT, epochs=20, background=background, object_rate=1e-6)
        probe_NHW = run(FIND, counting).probe_NHW()
        light.append(float(np.sum(np.abs(probe_NHW) ** 2)))
    assert light[1] < 0.95 * light[0]


def test_a_background_above_the_measured_light_is_no_divergence() -> None:
    """Patterns of 20 photons: 0.1 counts in each pixel are forty times as many."""
    state = run(FIND, replace(COUNT, background=0.1), photons=20.0)
    assert state.epoch == 3 and np.isfinite(state.object_MYX()).all()


@pytest.mark.parametrize("epoch", [1, 2])
def test_cut_within_the_stage_it_resumes_bit_for_bit(epoch: int) -> None:
    dataset, recipe = dataset_of(1e3), recipe_of(FIND, COUNT)
    for state in reconstruct(dataset, recipe, device="cpu"):
        if state.epoch == epoch:
            kept = Checkpoint.from_arrays(state.checkpoint().arrays())
    *_, resumed = reconstruct(dataset, recipe, kept, device="cpu")
    assert np.array_equal(resumed.object_MYX(), state.object_MYX())
    assert np.array_equal(resumed.probe_NHW(), state.probe_NHW())
    assert resumed.loss == state.loss


def test_the_stage_fits_half_the_likelihood_of_counts_over_its_background() -> None:
    """After amplitude the factor is 1/2; the loss told is that of model plus background."""
    dataset = dataset_of(1e4)
    still = replace(COUNT, epochs=1, object_rate=1e-6, probe_rate=0.0, background=3.0)
    state = next(
        state
        for state in reconstruct(dataset, recipe_of(FIND, still), device="cpu")
        if state.stage == 2
    )
    corners = torch.from_numpy(dataset.positions_px).round().long()
    model = model_counts(state.on_device, Views(corners_B2=corners))
    counts = torch.from_numpy(dataset.frames.read(np.arange(16))).float()
    value = pattern_losses(model, counts, "poisson", epsilon=3.0).mean()
    assert state.loss.data == pytest.approx(0.5 * float(value), rel=1e-4)


def test_patterns_left_out_are_judged_without_a_background() -> None:
    dataset = as_dataset(simulate(0.8, 1e4, 2, grid=20))
    stage = replace(COUNT, background=5.0, batches=(50.0,))
    recipe = replace(recipe_of(replace(FIND, batches=(20.0,)), stage), held_out_fraction=0.05)
    *_, state = reconstruct(dataset, recipe, device="cpu")
    left_out = state.checkpoint().left_out
    parts = modelled_patterns(dataset, state.parameters(), left_out, device="cpu")
    squares = [(np.sqrt(part.model_BHW) - np.sqrt(part.counts_BHW)) ** 2 for part in parts]
    found = float(np.concatenate(squares).mean())
    assert state.held_out is not None and state.held_out.patterns == len(left_out) > 10
    assert state.held_out.amplitude == pytest.approx(found, rel=1e-2)
