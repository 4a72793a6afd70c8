"""Stages for whole counts, and the background below them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitwave.beamline.simulate import simulate
from exitwave.engine import ArrayFrames, Dataset, EpochState, reconstruct
from exitwave.schema.recipe import Prior, Recipe, Stage

FIND = Stage(epochs=1, batches=(4.0,))
COUNT = Stage(epochs=2, batches=(16.0,), loss="poisson", background=0.1, whole_counts=True)
UNIT = 1.7


def run(*stages: Stage, unit: float = 1.0, kind: type[np.generic] = np.float32) -> EpochState:
    scan = simulate(0.5, 1e3, 0, grid=4)
    counts_nHW = (np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2)) / unit).astype(kind)
    dataset = Dataset(frames=ArrayFrames(counts_nHW), positions_px=scan.positions_px)
    recipe = Recipe(stages=stages, prior=Prior(balance="off"))
    *_, state = reconstruct(dataset, recipe, device="cpu")
    return state


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_whole_counts_of_any_type_have_the_stage(kind: type[np.generic]) -> None:
    state = run(FIND, COUNT, kind=kind)
    assert (state.epoch, state.epochs, state.stage) == (3, 3, 2)


@pytest.mark.parametrize("stages", [(FIND, COUNT), (FIND, COUNT, FIND)])
def test_fractions_of_counts_are_spared_it(stages: tuple[Stage, ...]) -> None:
    others = [stage for stage in stages if not stage.whole_counts]
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
