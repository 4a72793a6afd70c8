"""Rates that fall where the loss stalls, and a probe that waits."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from tests.support.simulated import as_dataset

from exitwave.engine import reconstruct
from exitwave.engine.optimise.rates import Plateau, rate_share
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import GaugeOptions
from exitwave.simulated_beamline.simulate import simulate

STAGE = Stage(patience=2, plateau_factor=0.5, final_rate=0.2)


def test_a_rate_drops_after_patience_epochs_without_a_better_loss() -> None:
    plateau, shares = Plateau(), []
    for loss in (10.0, 9.0, 9.0, 8.9999, 8.0, 8.5, 8.5, 9.0, 9.0, 9.0, 9.0):
        plateau.hear(loss, STAGE)
        shares.append(plateau.share)
    # The fourth loss is lower by too little to be better; 0.125 would be below the least share.
    assert shares == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]


def test_a_new_stage_has_its_whole_rate_and_forgets_losses_of_another_kind() -> None:
    plateau = Plateau()
    for _ in range(4):
        plateau.hear(1.0, STAGE)
    assert plateau.share < 1
    plateau.begin_stage()
    assert (plateau.share, plateau.best, plateau.waited) == (1.0, math.inf, 0)
    plateau.hear(50.0, STAGE)
    assert plateau.best == 50.0


def test_what_was_heard_survives_a_checkpoint() -> None:
    plateau, other = Plateau(), Plateau()
    for loss in (3.0, 3.0, 3.0, 3.0):
        plateau.hear(loss, STAGE)
    other.restore(plateau.numbers())
    assert other == plateau and other.waited == 1


def test_each_schedule_has_its_own_share() -> None:
    plateau = Plateau(share=0.25)
    assert rate_share("decay", 0.7, plateau) == 0.7
    assert rate_share("plateau", 0.7, plateau) == 0.25


@pytest.mark.parametrize("probe_update_start", [0, 2])
def test_the_probe_waits_for_so_many_epochs(probe_update_start: int) -> None:
    recipe = Recipe(
        stages=(Stage(epochs=4, batches=(8.0,)),),
        probe_update_start=probe_update_start,
        gauge=GaugeOptions(recentre=False, phase=False, scale=False),
    )
    dataset = as_dataset(simulate(0.5, 1e4, 0, grid=4))
    states = list(reconstruct(dataset, recipe, device="cpu"))
    probes = [state.probe_NHW() for state in states]
    moved = [not np.array_equal(a, b) for a, b in pairwise(probes)]
    assert moved == ([True] * 3 if probe_update_start == 0 else [False, True, True])
    objects = [state.object_MYX() for state in states]
    assert not np.array_equal(objects[0], objects[1]), "the object does not wait"
