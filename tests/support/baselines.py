"""Recipes of the baselines."""

from __future__ import annotations

from exitwave.schema.baselines import Admm as AdmmKnobs
from exitwave.schema.baselines import DifferenceMap as DmKnobs
from exitwave.schema.baselines import Epie as EpieKnobs
from exitwave.schema.recipe import Algorithm, Recipe


def recipe_of(algorithm: Algorithm, count: int, **knobs: object) -> Recipe:
    return Recipe(
        algorithm=algorithm,
        epie=EpieKnobs(epochs=count),
        dm=DmKnobs(epochs=count),
        admm=AdmmKnobs(epochs=count),
        **knobs,
    )
