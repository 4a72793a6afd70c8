"""Which patterns go together when, which are left out, and how the rates decay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.recipe import Recipe, Stage

from .loss import stage_factors

HELD_OUT_FROM = 400
"""Patterns: a smaller scan can spare none."""

TAKEN_IN_EPOCHS = 10
"""In so many last epochs, at most a quarter of the last stage, all patterns are fitted."""

TAKEN_IN_RATE = 0.3
"""Share of the last stage's rates with which that begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pass over the patterns.

    Attributes
    ----------
    number : int
        From 1 over all stages.
    stage_number : int
        From 1.
    stage : Stage
    begins_stage : bool
    batches : tuple of ndarray
        Indices of the frames of each update, random.
    decay : float
        Share of the stage's rates that holds where they decay.
    factor : float
        What the loss is multiplied by, for gradients that do not jump at a switch.
    judges : bool
        Whether the patterns left out are judged after it: later ones may fit them.
    """

    number: int
    stage_number: int
    stage: Stage
    begins_stage: bool
    batches: tuple[NDArray[np.intp], ...]
    decay: float
    factor: float
    judges: bool


def epochs(recipe: Recipe, frames: int, *, after: int = 0) -> Iterator[Epoch]:
    """The epochs of a recipe for a scan of so many frames, from number `after` + 1 on."""
    left_out = held_out_frames(recipe, frames)
    fitted = np.setdiff1d(np.arange(frames, dtype=np.intp), left_out)
    stages = _with_taking_in(recipe) if len(left_out) else recipe.stages
    factors = stage_factors(stages)
    number = 0
    for s, stage in enumerate(stages):
        takes_in = s >= len(recipe.stages)
        for i in range(stage.epochs):
            number += 1
            if number <= after:
                continue
            chosen = np.arange(frames, dtype=np.intp) if takes_in else fitted
            size = batch_size(stage, stage.epochs - 1 if takes_in else i, frames)
            yield Epoch(
                number=number,
                stage_number=min(s + 1, len(recipe.stages)),
                stage=stage,
                begins_stage=i == 0,
                batches=batches(recipe.seed, number, chosen, size),
                decay=stage.final_rate ** (i / max(1, stage.epochs - 1)),
                factor=factors[s],
                judges=s + 1 == len(recipe.stages) and i + 1 == stage.epochs,
            )


def held_out_frames(recipe: Recipe, frames: int) -> NDArray[np.intp]:
    """Frames left out of the fit to test it with, sorted; chosen by the seed alone.

    None of a scan below `HELD_OUT_FROM` frames.
    """
    if frames < HELD_OUT_FROM:
        return np.empty(0, dtype=np.intp)
    count = round(recipe.held_out * frames)
    random = np.random.default_rng([recipe.seed, 0, 1])
    return np.sort(random.choice(frames, count, replace=False)).astype(np.intp)


def _with_taking_in(recipe: Recipe) -> tuple[Stage, ...]:
    """The stages, the last one's end given to fitting all patterns.

    A pattern that is left out leaves a hole where views hardly overlap. Once it has served
    to judge the fit it is measured light like any other.
    """
    *before, last = recipe.stages
    taken_in = min(TAKEN_IN_EPOCHS, last.epochs // 4)
    if taken_in == 0:
        return recipe.stages
    end = replace(
        last,
        epochs=taken_in,
        object_rate=TAKEN_IN_RATE * last.object_rate,
        probe_rate=TAKEN_IN_RATE * last.probe_rate,
        fresh_moments=False,
        object_clip=0.0,
    )
    return (*before, replace(last, epochs=last.epochs - taken_in), end)


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
