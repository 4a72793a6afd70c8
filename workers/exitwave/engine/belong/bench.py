"""Short runs of a few patterns, one for each idea of where they were taken.

An idea is a part of a scan with the positions that it stands for. In a first round every beam
that it could have makes a very short run; in a second one the best of them makes a longer one
with a few pixels left out, and all patterns are compared with their models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from exitwave.schema.recipe import Recipe, Stage

from ..algorithms import make_algorithm
from ..evidence import Evidence, gather_evidence, held_out_pixels, without_pixels
from ..scan import Scan
from ..schedule import epochs
from ..start.begin import begin
from ..start.search import CLEARLY, Candidate
from ..start.trial import Trials

PART_VIEWS = 64
"""Of an idea's part, at most."""

PART_PIXELS = 2**24
"""Of their patterns together, at most, but for the fewest views."""

FEWEST_VIEWS = 24

FIRST_EPOCHS = 8
FIRST_BATCH = 4.0
"""Views per update."""

HELD_SHARE = 0.05
"""Of the lit pixels that are left out in the second round."""

MOST_STATES = 2
"""Incoherent probe states; more would not tell more."""

NEAR_FOCUS = (
    Stage(epochs=10, batches=(4.0,), final_rate=0.3),
    Stage(method="difference_map", epochs=30),
    Stage(epochs=8, batches=(4.0, 8.0), object_rate=0.1, final_rate=0.1),
)
"""Of the second round: descent alone would stay in wrong minima for long."""

OUT_OF_FOCUS = (Stage(epochs=24, batches=(4.0,), final_rate=0.1),)
"""Likewise for a pupil, which begins near the truth."""

AUTOCORRELATION = Candidate(kind="autocorrelation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """Where patterns may have been taken.

    Attributes
    ----------
    name : str
    scan : Scan
        A connected part of the patterns, with the positions that the idea gives them.
    candidates : tuple of Candidate
        Beams it may have; the autocorrelation's is always tried.
    """

    name: str
    scan: Scan
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How well an idea fits.

    Attributes
    ----------
    name : str
    candidate : Candidate
        The best beam.
    loss : float
        Amplitude loss per pixel of its run over the light of a pixel.
    evidence : Evidence, optional
        Of the second round's end; none = it was hopeless after the first.
    """

    name: str
    candidate: Candidate
    loss: float
    evidence: Evidence | None = None


def views_for(window_HW: tuple[int, int]) -> int:
    """How many views a part has."""
    return max(FEWEST_VIEWS, min(PART_VIEWS, PART_PIXELS // (window_HW[0] * window_HW[1])))


def first_round(ideas: Sequence[Idea], recipe: Recipe) -> list[Tried]:
    """Each idea with its best beam, by very short runs; the device is read once."""
    recipe = trial_recipe(recipe)
    runs = [
        (idea, candidate, _first_loss(idea, candidate, recipe))
        for idea in ideas
        for candidate in (AUTOCORRELATION, *idea.candidates)
    ]
    losses = torch.stack([loss for _, _, loss in runs]).tolist()
    best: dict[str, Tried] = {}
    for (idea, candidate, _), loss in zip(runs, losses, strict=True):
        tried = Tried(name=idea.name, candidate=candidate, loss=loss)
        if idea.name not in best or _handicapped(tried) < _handicapped(best[idea.name]):
            best[idea.name] = tried
    return [best[idea.name] for idea in ideas]


def second_round(idea: Idea, candidate: Candidate, recipe: Recipe) -> Tried:
    """A longer run of an idea from one beam."""
    near = candidate.kind == "autocorrelation"
    recipe = replace(trial_recipe(recipe), stages=NEAR_FOCUS if near else OUT_OF_FOCUS)
    held_HW = held_out_pixels(idea.scan, HELD_SHARE, recipe.seed)
    fitted = without_pixels(idea.scan, held_HW)
    every = np.arange(len(fitted), dtype=np.intp)
    with torch.no_grad():
        algorithm = make_algorithm(fitted, recipe, *begin(fitted, recipe, None, candidate))
        loss = 0.0
        for epoch in epochs(recipe, len(fitted), lambda: every):
            loss = algorithm.epoch(epoch).data
        evidence = gather_evidence(
            idea.scan,
            held_HW,
            algorithm.object_MYX,
            algorithm.probe_NHW,
            every[:0],
            recipe.epochs,
        )
    light = float(fitted.light(every).mean())
    return Tried(
        name=idea.name, candidate=candidate, loss=loss / max(light, 1e-30), evidence=evidence
    )


def trial_recipe(recipe: Recipe) -> Recipe:
    """What short runs take from a recipe: seed, start, clamps, states; the rest is default."""
    return Recipe(
        seed=recipe.seed,
        start=recipe.start,
        clamp=recipe.clamp,
        subpixel=recipe.subpixel,
        probe_states=min(MOST_STATES, recipe.probe_states),
    )


def _first_loss(idea: Idea, candidate: Candidate, recipe: Recipe) -> torch.Tensor:
    """Relative to the light; 0-dim, on the device."""
    with torch.no_grad():
        variables = begin(idea.scan, recipe, None, candidate)
        trials = Trials(idea.scan, recipe, FIRST_EPOCHS, FIRST_BATCH)
        light = idea.scan.light(np.arange(len(idea.scan), dtype=np.intp)).mean()
        return trials.run(*variables) / light.clamp_min(1e-30)


def _handicapped(tried: Tried) -> float:
    loss = tried.loss if np.isfinite(tried.loss) else np.inf
    return loss * (CLEARLY if tried.candidate.kind == "autocorrelation" else 1.0)
