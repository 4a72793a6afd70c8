"""The generator that runs a recipe over a dataset."""

from __future__ import annotations

from collections.abc import Iterator

from exitwave.schema.errors import DataError
from exitwave.schema.recipe import Recipe, checked_recipe

from .data.dataset import Dataset
from .data.scan import Interrupt, choose_device, load
from .initial_guess import InitialGuess
from .session.checkpoint import Checkpoint
from .session.session import Session
from .session.state import EpochState


def reconstruct(
    dataset: Dataset,
    recipe: Recipe,
    start: InitialGuess | Checkpoint | None = None,
    *,
    device: str = "auto",
    memory_GB: float | None = None,
    interrupt: Interrupt | None = None,
) -> Iterator[EpochState]:
    """Reconstruct object and probe; yields a state after each epoch.

    A run whose picture foretells nothing begins again from the next best start; `epochs` of its
    states grows then. To cancel after an epoch, stop iterating. Equal inputs give bitwise equal
    numbers on a CPU with the same number of threads, cut and resumed from a checkpoint or not.

    Parameters
    ----------
    dataset : Dataset
    recipe : Recipe
    start : InitialGuess or Checkpoint, optional
        A probe or an object to begin with, in place of the autocorrelation's; or a run of
        this dataset and recipe to go on with.
    device : str
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
    memory_GB : float, optional
        Device memory to keep to, in 1e9 bytes; none = 80 % of what is free on a GPU. Where
        the frames do not fit they are brought to the device batch by batch. On a CPU they
        stay where they are and do not count.
    interrupt : callable, optional
        Asked before each batch, while the initial guess is made, too. What it raises ends the
        run there and comes out of the generator; the state before is the last one.

    Yields
    ------
    EpochState

    Raises
    ------
    DataError
        The frames cannot be used, or `start` has the wrong shape.
    RecipeError
        A parameter is out of its range, or the algorithm does not know it.
    CheckpointError
        `start` is a checkpoint of another dataset or recipe, or damaged.
    EngineError
        There is no such device, or `memory_GB` is too little.
    Diverged
        The run has gone wrong; the state before is the last good one.
    """
    _check_kind("dataset", dataset, Dataset)
    recipe = checked_recipe(recipe)
    if start is not None:
        _check_kind("start", start, InitialGuess, Checkpoint)
    scan = load(dataset, recipe, choose_device(device), memory_GB, interrupt)
    yield from Session(scan, dataset, recipe, start).states()


def _check_kind(key: str, found: object, *kinds: type) -> None:
    if not isinstance(found, kinds):
        raise DataError(key, type(found).__name__, " or ".join(kind.__name__ for kind in kinds))
