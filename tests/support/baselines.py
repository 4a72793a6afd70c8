"""Recipes of the baselines."""

from __future__ import annotations

from exitwave.schema.baselines import AdmmOptions, DifferenceMapOptions, EpieOptions
from exitwave.schema.recipe import AlgorithmName, Recipe


def recipe_of(algorithm: AlgorithmName, count: int, **options: object) -> Recipe:
    return Recipe(
        algorithm=algorithm,
        epie=EpieOptions(epochs=count),
        dm=DifferenceMapOptions(epochs=count),
        admm=AdmmOptions(epochs=count),
        **options,
    )
