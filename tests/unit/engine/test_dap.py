"""Stages by descent and by the difference map, and which of them a scan needs."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.simulated import as_dataset

from exitwave.engine import Checkpoint, EpochState, reconstruct
from exitwave.schema.recipe import Recipe, Stage
from exitwave.simulated_beamline.simulate import simulate

RECIPE = Recipe(
    stages=(
        Stage(epochs=6, batches=(3.0,)),
        Stage(method="difference_map", epochs=4, below_overlap=0.45),
        Stage(epochs=3, batches=(9.0,)),
    ),
    probe_states=2,
)


def run(overlap: float, recipe: Recipe, start: Checkpoint | None = None) -> list[EpochState]:
    dataset = as_dataset(simulate(overlap, 1e5, 1, grid=9 if overlap > 0.5 else 6))
    return list(reconstruct(dataset, recipe, start, device="cpu"))


def test_a_scan_of_high_overlap_leaves_the_difference_map_out() -> None:
    states = run(0.7, RECIPE)
    assert [state.stage for state in states] == [1] * 6 + [3] * 3
    assert [state.epoch for state in states] == list(range(1, 10))
    assert states[0].epochs == 13 and states[-1].epochs == 9


def test_a_scan_of_low_overlap_runs_it_and_descent_goes_on_from_there() -> None:
    states = run(0.25, RECIPE)
    assert [state.stage for state in states] == [1] * 6 + [2] * 4 + [3] * 3
    assert all(state.loss.regularisation == 0 for state in states[6:10])
    moved = np.abs(states[9].object_MYX() - states[5].object_MYX()).max()
    assert moved > 0.1
    assert states[-1].loss.data < states[5].loss.data


def test_several_object_states_leave_it_out() -> None:
    several = Recipe(stages=RECIPE.stages, object_states=2)
    assert [state.stage for state in run(0.25, several)] == [1] * 6 + [3] * 3


@pytest.mark.parametrize(("overlap", "epoch"), [(0.25, 6), (0.25, 8), (0.25, 10), (0.7, 6)])
def test_cut_anywhere_it_resumes_bit_for_bit(overlap: float, epoch: int) -> None:
    dataset = as_dataset(simulate(overlap, 1e5, 1, grid=9 if overlap > 0.5 else 6))
    kept = None
    for state in reconstruct(dataset, RECIPE, device="cpu"):
        if state.epoch == epoch:
            kept = Checkpoint.from_arrays(state.checkpoint().arrays())
    assert kept is not None
    *_, resumed = run(overlap, RECIPE, kept)
    assert np.array_equal(resumed.object_MYX(), state.object_MYX())
    assert np.array_equal(resumed.probe_NHW(), state.probe_NHW())
    assert (resumed.epoch, resumed.epochs) == (state.epoch, state.epochs)
