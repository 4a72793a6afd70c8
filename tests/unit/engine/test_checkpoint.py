"""A run that is cut and resumed gives the same numbers as one that was not cut."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from tests.support.simulated import as_dataset

from exitwave.engine import Checkpoint, Dataset, EpochState, reconstruct
from exitwave.schema.errors import CheckpointError, EngineError
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import ClampOptions
from exitwave.simulated_beamline.simulate import simulate

RECIPE = Recipe(
    stages=(
        Stage(epochs=4, batches=(20.0,), object_schedule="plateau", patience=1),
        Stage(epochs=4, batches=(50.0,), loss="poisson", probe_schedule="plateau"),
    ),
    probe_update_start=1,
    probe_states=2,
    clamp=ClampOptions(modulus=1.5),
    held_out_fraction=0.05,
)
CUTS = (1, 4, 7)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return as_dataset(simulate(0.7, 1e4, 2, grid=20))


def end_of(dataset: Dataset, recipe: Recipe, start: Checkpoint | None = None) -> EpochState:
    *_, state = reconstruct(dataset, recipe, start, device="cpu")
    return state


def through_a_file(checkpoint: Checkpoint) -> Checkpoint:
    file = io.BytesIO()
    np.savez(file, **checkpoint.arrays())
    file.seek(0)
    return Checkpoint.from_arrays(np.load(file))


@pytest.fixture(scope="module")
def uncut(dataset: Dataset) -> EpochState:
    return end_of(dataset, RECIPE)


@pytest.fixture(scope="module")
def kept(dataset: Dataset) -> dict[int, Checkpoint]:
    """Of one run after some of its epochs, through a file, as a worker keeps them."""
    checkpoints = {}
    for state in reconstruct(dataset, RECIPE, device="cpu"):
        if state.epoch in CUTS:
            checkpoints[state.epoch] = through_a_file(state.checkpoint())
    return checkpoints


@pytest.mark.parametrize("epoch", CUTS)
def test_resumed_is_uncut_bit_for_bit(
    dataset: Dataset, uncut: EpochState, kept: dict[int, Checkpoint], epoch: int
) -> None:
    resumed = end_of(dataset, RECIPE, kept[epoch])
    assert np.array_equal(resumed.object_MYX(), uncut.object_MYX())
    assert np.array_equal(resumed.probe_NHW(), uncut.probe_NHW())
    assert resumed.loss == uncut.loss and resumed.epoch == uncut.epoch
    # Of 20 patterns left out those at the rim are given back after the first stage.
    assert uncut.held_out is not None and 4 <= uncut.held_out.patterns < 20
    assert resumed.held_out == uncut.held_out


def test_what_plateaus_have_heard_is_kept() -> None:
    """At rates so low the loss stalls; the run is cut between two drops."""
    dataset = as_dataset(simulate(0.5, 1e4, 0, grid=4))
    slow = Stage(
        epochs=8,
        batches=(8.0,),
        object_rate=1e-5,
        probe_rate=1e-5,
        object_schedule="plateau",
        probe_schedule="plateau",
        patience=2,
    )
    recipe = Recipe(stages=(slow,))
    for uncut in reconstruct(dataset, recipe, device="cpu"):
        if uncut.epoch == 6:
            kept = through_a_file(uncut.checkpoint())
    assert kept.numbers["object_share"] < 1 and kept.numbers["object_waited"] == 1
    resumed = end_of(dataset, recipe, kept)
    assert np.array_equal(resumed.object_MYX(), uncut.object_MYX())
    assert np.array_equal(resumed.probe_NHW(), uncut.probe_NHW())


def test_another_dataset_or_recipe_is_refused(
    dataset: Dataset, kept: dict[int, Checkpoint]
) -> None:
    first = kept[1]
    moved = replace(dataset, positions_px=dataset.positions_px + 1)
    with pytest.raises(CheckpointError, match="another dataset"):
        next(reconstruct(moved, RECIPE, first))
    with pytest.raises(CheckpointError, match=r"recipe.clamp.modulus = 1.5; expected 3.0"):
        next(reconstruct(dataset, replace(RECIPE, clamp=ClampOptions(modulus=3.0)), first))
    with pytest.raises(CheckpointError, match="no header"):
        Checkpoint.from_arrays({"object": np.zeros(3)})
    torn = replace(first, tensors={**first.tensors, "probe": np.zeros((1, 2, 3))})
    with pytest.raises(CheckpointError, match=r"checkpoint.probe: found shape \(1, 2, 3\)"):
        next(reconstruct(dataset, RECIPE, torn))


def test_a_checkpoint_is_taken_before_the_run_goes_on(dataset: Dataset) -> None:
    states = reconstruct(dataset, RECIPE, device="cpu")
    first = next(states)
    assert first.checkpoint().epoch == 1
    next(states)
    with pytest.raises(EngineError, match="epoch 1: the run is at epoch 2"):
        first.checkpoint()
