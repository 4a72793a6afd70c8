"""A run can be ended between two batches, and asking changes no number."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.simulated import as_dataset

from exitwave.engine import Dataset, reconstruct
from exitwave.schema.recipe import Recipe, Stage, recipe_from_mapping
from exitwave.simulated_beamline.simulate import simulate


class EnoughError(Exception):
    pass


class Asked:
    """Counts; raises after so many questions."""

    def __init__(self, most: int = 10**9) -> None:
        self.times, self._most = 0, most

    def __call__(self) -> None:
        self.times += 1
        if self.times > self._most:
            raise EnoughError


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return as_dataset(simulate(0.6, 1e4, 2, grid=8))


@pytest.mark.parametrize("algorithm", ["dap", "epie", "dm", "admm"])
def test_a_run_ends_between_two_batches(dataset: Dataset, algorithm: str) -> None:
    recipe = recipe_from_mapping(
        {
            "algorithm": algorithm,
            "stages": [{"epochs": 2, "batches": [8.0]}],
            **{baseline: {"epochs": 2} for baseline in ("epie", "dm", "admm")},
        }
    )
    asked = Asked()
    states = list(reconstruct(dataset, recipe, device="cpu", interrupt=asked))
    uncut = list(reconstruct(dataset, recipe, device="cpu"))
    assert np.array_equal(states[-1].object_MYX(), uncut[-1].object_MYX())

    run = reconstruct(dataset, recipe, device="cpu", interrupt=Asked(asked.times - 1))
    assert next(run).epoch == 1
    with pytest.raises(EnoughError):
        next(run)
    with pytest.raises(EnoughError):  # before there is any epoch
        next(reconstruct(dataset, recipe, device="cpu", interrupt=Asked(2)))


def test_every_update_is_asked_about(dataset: Dataset) -> None:
    def questions(patterns: float) -> int:
        asked = Asked()
        recipe = Recipe(stages=(Stage(epochs=1, batches=(patterns,)),))
        next(reconstruct(dataset, recipe, device="cpu", interrupt=asked))
        return asked.times

    assert questions(8.0) == questions(64.0) + 7
