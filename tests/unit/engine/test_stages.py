"""What a stage's parameters do as it begins and from epoch to epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.support.simulated import as_dataset

from exitwave.engine import Dataset, EpochState, InitialGuess, reconstruct
from exitwave.schema.recipe import Recipe, Stage
from exitwave.schema.sections import GaugeOptions, RegularisationOptions
from exitwave.simulated_beamline.simulate import simulate

ALL = Stage(epochs=2, batches=(16.0,))
"""One update an epoch: object and probe are moved by gradients of the same state."""


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return as_dataset(simulate(0.5, 1e4, 0, grid=4))


def run(
    dataset: Dataset, *stages: Stage, start: InitialGuess | None = None
) -> list[EpochState]:
    free = GaugeOptions(recentre=False, phase=False, scale=False)
    recipe = Recipe(
        stages=stages, gauge=free, regularisation=RegularisationOptions(balance="off")
    )
    return list(reconstruct(dataset, recipe, start, device="cpu"))


@pytest.mark.parametrize("variable", ["object", "probe"])
def test_each_variable_has_its_own_schedule(dataset: Dataset, variable: str) -> None:
    plateau: dict[str, Any] = {f"{variable}_schedule": "plateau", "patience": 100}
    decaying, waiting = run(dataset, ALL), run(dataset, replace(ALL, **plateau))
    for epoch in (0, 1):
        same = {
            "object": np.array_equal(decaying[epoch].object_MYX(), waiting[epoch].object_MYX()),
            "probe": np.array_equal(decaying[epoch].probe_NHW(), waiting[epoch].probe_NHW()),
        }
        other = "probe" if variable == "object" else "object"
        assert same == {variable: epoch == 0, other: True}


@pytest.mark.parametrize(("fresh", "steps"), [(True, 8), (False, 10)])
def test_moments_begin_anew_where_asked_for(dataset: Dataset, fresh: bool, steps: int) -> None:
    later = Stage(epochs=2, batches=(4.0,), reset_moments=fresh)
    recipe = Recipe(stages=(ALL, later))
    for state in reconstruct(dataset, recipe, device="cpu"):
        kept = state.checkpoint().tensors
    assert kept["object_steps"] == kept["probe_steps"] == steps


@pytest.mark.parametrize(("clip", "largest"), [(2.0, 2.0), (0.0, 5.0)])
def test_the_object_is_clipped_before_the_stage(
    dataset: Dataset, clip: float, largest: float
) -> None:
    bright = np.ones(dataset.object_shape_YX, np.complex64)
    bright[40:50, 40:50] = 5j
    still = replace(ALL, epochs=1, object_rate=1e-6, object_clip=clip)
    (state,) = run(dataset, still, start=InitialGuess(object_MYX=bright))
    assert state.object_MYX()[0, 45, 45] == pytest.approx(largest * 1j, abs=1e-4)
    assert state.object_MYX()[0, 5, 5] == pytest.approx(1, abs=1e-4)
