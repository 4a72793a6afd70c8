"""Which way the axes of the positions lie to those of the patterns.

Positions can lie to patterns in eight ways: y and x swapped or not, and each of them mirrored
or not. With both mirrored a picture turned by half a turn, with its phase negated, gives the
very same patterns: those two ways are twins that no pattern can tell apart, and one of each
pair of twins is tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from exitwave.schema.recipe import Recipe

from ..data.dataset import Dataset
from ..data.positions import neighbour_distance_px
from ..data.scan import Interrupt, Scan
from ..data.subset import part_of
from ..initial_guess.candidates import Candidate
from ..initial_guess.search import SHADOW_PIXELS
from .beams import beams_of
from .margin import Margin, clearly_best, margin, ranked
from .subsets import liveliest_view, placed, some_of, views_around
from .trials import Hypothesis, HypothesisTrials, TrialResult, views_for

Positions = NDArray[np.float64]

DISTINCT_ORIENTATIONS: dict[str, Callable[[Positions], Positions]] = {
    "none": lambda positions: positions,
    "flip_y": lambda positions: positions * (-1, 1),
    "transpose": lambda positions: positions[:, ::-1],
    "transpose_flip_y": lambda positions: positions[:, ::-1] * (-1, 1),
}
"""One of each pair of twins: what is done to the positions."""

MOST_VIEWS = 144
"""Whose shadows are compared."""

LINE_SHARE = 0.5
"""Of a step: views nearer than that to a straight line are a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrientationSearch:
    """What was found.

    Attributes
    ----------
    tried : tuple of TrialResult
        The best way first; none where positions cannot tell.
    clear : bool
        The first one fits clearly better than all others.
    margin : Margin, optional
        Of the first over the second.
    line : bool
        All views lie on a line, which looks alike from both sides.
    """

    tried: tuple[TrialResult, ...] = ()
    clear: bool = False
    margin: Margin | None = None
    line: bool = False


def try_orientations(
    dataset: Dataset,
    recipe: Recipe,
    device: torch.device,
    *,
    trials: HypothesisTrials | None = None,
    interrupt: Interrupt | None = None,
) -> OrientationSearch:
    """Try the four ways that can be told apart.

    Parameters
    ----------
    dataset : Dataset
        With positions as they were told.
    recipe : Recipe
    device : torch.device
    trials : HypothesisTrials, optional
        With a bound of time.
    interrupt : callable, optional
        As in `Scan`.

    Raises
    ------
    OutOfTimeError
        The time of `trials` is over.
    """
    if on_a_line(dataset.positions_px):
        return OrientationSearch(line=True)
    trials = trials or HypothesisTrials(recipe)
    first = liveliest_view(dataset)
    chosen = views_around(dataset.positions_px, first, _views_wanted(dataset))
    there_px = dataset.positions_px[chosen]
    wide = some_of(dataset, chosen, there_px, recipe, device, interrupt)
    tried = ranked(trials.compare(_hypotheses(wide, int(np.searchsorted(chosen, first)))))
    margins = [margin(tried[0], other) for other in tried[1:]]
    return OrientationSearch(
        tried=tuple(tried), clear=clearly_best(tried[0], margins), margin=margins[0]
    )


def on_a_line(positions_px: Positions) -> bool:
    """Whether all views lie on a straight line, as nearly as steps are apart."""
    centred = positions_px - positions_px.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    across_px = centred @ axes[1]
    return bool(np.ptp(across_px) < LINE_SHARE * neighbour_distance_px(positions_px))


def _views_wanted(dataset: Dataset) -> int:
    """As many as shadows are asked from."""
    shape_HW = dataset.frames.shape_HW
    return int(np.clip(SHADOW_PIXELS // math.prod(shape_HW), views_for(shape_HW), MOST_VIEWS))


def _hypotheses(wide: Scan, first: int) -> list[Hypothesis]:
    """The views around the first one, each way, with the beams that all views speak for."""
    told_px = wide.positions_px()
    chosen = views_around(told_px, first, views_for(wide.window_HW))
    part = part_of(wide, chosen)
    beams: dict[str, tuple[Candidate, ...]] = {}
    for name, mirrored in (("none", "flip_y"), ("transpose", "transpose_flip_y")):
        beams[name] = beams_of(placed(wide, DISTINCT_ORIENTATIONS[name](told_px)))
        # Shadows that move the other way along y are those of a beam with the other sign.
        beams[mirrored] = tuple(_mirrored(candidate) for candidate in beams[name])
    return [
        Hypothesis(name=name, scan=placed(part, turn(told_px[chosen])), candidates=beams[name])
        for name, turn in DISTINCT_ORIENTATIONS.items()
    ]


def _mirrored(candidate: Candidate) -> Candidate:
    c_y, c_x = candidate.defocus_px2
    return replace(candidate, defocus_px2=(-c_y, c_x))
