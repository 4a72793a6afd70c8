"""Which patterns go together when, which are left out, and how the rates decay.

Random groups anew in every epoch, growing over a run, and losses in stages are the paper's
(Wu et al., Optica 11 (2024), doi 10.1364/OPTICA.522380).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.recipe import Loss, Recipe, Stage

from .forward import fitted_parts
from .loss import stage_factors

HELD_OUT_FROM = 400
"""Patterns: a smaller scan can spare none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pass over the patterns.

    Attributes
    ----------
    number : int
        From 1 over all stages.
    stage_number : int
        From 1.
    in_stage : int
        From 1 in each stage.
    stage : Stage
    begins_stage, last : bool
    batches : tuple of ndarray
        Indices of the frames of each update, random.
    decay : float
        Share of the stage's rates that holds where they decay.
    factor : float
        What the loss is multiplied by, for gradients that do not jump at a switch.
    """

    number: int
    stage_number: int
    in_stage: int
    stage: Stage
    begins_stage: bool
    last: bool
    batches: tuple[NDArray[np.intp], ...]
    decay: float
    factor: float


def epochs(
    recipe: Recipe,
    frames: int,
    fitted: Callable[[], NDArray[np.intp]],
    runs: Callable[[int, Stage], bool] = lambda number, stage: True,
    *,
    after: int = 0,
) -> Iterator[Epoch]:
    """The epochs of a recipe, from number `after` + 1 on.

    Parameters
    ----------
    recipe : Recipe
    frames : int
        Of the scan: batch sizes may be shares of it.
    fitted : callable
        Gives the indices of the frames that are fitted; asked as each epoch begins.
    runs : callable
        Whether a stage, given with its number, is run; asked as it begins.
    after : int
        Epochs that are done already.
    """
    number = 0
    factors = stage_factors(recipe.plan)
    for stage_number, stage in enumerate(recipe.plan, start=1):
        if not runs(stage_number, stage):
            continue
        for i in range(stage.epochs):
            number += 1
            if number <= after:
                continue
            size = batch_size(stage, i, frames)
            yield Epoch(
                number=number,
                stage_number=stage_number,
                in_stage=i + 1,
                stage=stage,
                begins_stage=i == 0,
                last=stage_number == len(recipe.plan) and i + 1 == stage.epochs,
                batches=batches(recipe.seed, number, fitted(), size),
                decay=stage.final_rate ** (i / max(1, stage.epochs - 1)),
                factor=factors[stage_number - 1],
            )


def for_counts(recipe: Recipe, *, whole: bool) -> Recipe:
    """The recipe without the stages that need integer counts, where patterns are not.

    Where they are, with the losses that tell the recipe's parts right.
    """
    first, *others = recipe.stages
    if not whole:
        return replace(
            recipe, stages=(first, *(s for s in others if not s.integer_counts_only))
        )
    stand_in: dict[Loss, Loss] = {}
    for part in fitted_parts(recipe):
        if part.fitted is not None:
            stand_in |= part.fitted.losses
    stages = tuple(replace(s, loss=stand_in.get(s.loss, s.loss)) for s in recipe.stages)
    return replace(recipe, stages=stages)


def held_out_frames(recipe: Recipe, frames: int) -> NDArray[np.intp]:
    """Frames left out of the fit to test it with, sorted; chosen by the seed alone.

    None of a scan below `HELD_OUT_FROM` frames, nor where each frame's flux is fitted: that of
    a frame left out would not be known.
    """
    if frames < HELD_OUT_FROM or recipe.intensity.fit:
        return np.empty(0, dtype=np.intp)
    count = round(recipe.held_out_fraction * frames)
    random = np.random.default_rng([recipe.seed, 0, 1])
    return np.sort(random.choice(frames, count, replace=False)).astype(np.intp)


def batch_size(stage: Stage, epoch: int, frames: int) -> int:
    """Patterns per update in epoch `epoch` (from 0) of a stage.

    The sizes of `stage.batches` have equal shares of the epochs. Below 1 a size is a share
    of the frames but at least 2, since single patterns pull the variables about; from 1 on
    a number of frames.
    """
    size = stage.batches[epoch * len(stage.batches) // stage.epochs]
    patterns = max(2, round(size * frames)) if size < 1 else round(size)
    return min(frames, patterns)


def batches(
    seed: int, epoch: int, frames: NDArray[np.intp], size: int
) -> tuple[NDArray[np.intp], ...]:
    """The frames in random groups of nearly equal size.

    The order depends on seed and epoch alone, so a run can begin at any epoch.
    """
    order = np.random.default_rng([seed, epoch]).permutation(frames)
    return tuple(np.array_split(order, max(1, round(len(frames) / size))))
