"""Batches, rates and factors over the epochs of a recipe."""

from __future__ import annotations

import numpy as np
import pytest

from exitwave.engine.schedule import batch_size, batches, epochs, held_out_frames
from exitwave.schema.recipe import Recipe, Stage


def test_batch_sizes_are_shares_or_numbers_in_equal_parts_of_the_stage() -> None:
    stage = Stage(epochs=6, batches=(0.02, 5.0, 1000.0))
    assert [batch_size(stage, i, 225) for i in range(6)] == [4, 4, 5, 5, 225, 225]
    assert batch_size(stage, 0, 10) == 2


def test_each_epoch_has_all_frames_once_in_an_order_of_its_own() -> None:
    frames = np.arange(3, 26)
    first, again = (batches(7, 1, frames, 5) for _ in range(2))
    assert sorted(np.concatenate(first).tolist()) == list(range(3, 26))
    assert {len(batch) for batch in first} == {4, 5}
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], batches(7, 2, frames, 5)[0])
    assert not np.array_equal(first[0], batches(8, 1, frames, 5)[0])


def test_rates_decay_within_a_stage_and_the_factor_follows_the_loss() -> None:
    stages = (
        Stage(epochs=3, final_rate=0.25),
        Stage(epochs=2, final_rate=0.1, loss="poisson"),
    )
    plan = list(epochs(Recipe(stages=stages), 9, lambda: np.arange(9)))
    assert [e.number for e in plan] == [1, 2, 3, 4, 5]
    assert [e.decay for e in plan] == pytest.approx([1, 0.5, 0.25, 1, 0.1])
    assert [e.begins_stage for e in plan] == [True, False, False, True, False]
    assert [e.factor for e in plan] == [1, 1, 1, 0.5, 0.5]


def test_patterns_left_out_are_in_no_batch_and_chosen_by_the_seed() -> None:
    recipe = Recipe(stages=(Stage(epochs=8, batches=(20.0,)),), held_out_fraction=0.05, seed=3)
    left_out = held_out_frames(recipe, 400)
    assert len(left_out) == 20 and len(held_out_frames(recipe, 399)) == 0
    assert not np.array_equal(left_out, held_out_frames(Recipe(held_out_fraction=0.05), 400))
    fitted = np.setdiff1d(np.arange(400), left_out)
    plan = list(epochs(recipe, 400, lambda: fitted))
    for e in plan:
        assert np.array_equal(np.sort(np.concatenate(e.batches)), fitted), e.number
    later = list(epochs(recipe, 400, lambda: fitted, after=5))
    assert [e.number for e in later] == [6, 7, 8]
    assert np.array_equal(later[0].batches[0], plan[5].batches[0])
