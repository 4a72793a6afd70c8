"""Positions that are too far apart or too near: a wrong pixel size, or wrong units of a motor.

The views of a part are spread about its middle by a factor, coarsely and then finely, and each
factor makes a short run. Out of focus a beam twice as far out of focus would cast the same
shadows from positions twice as far apart: its defocus is spread by the factor, too, and what
is left to tell are the fringes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from exitwave.schema.recipe import Recipe

from ..data.dataset import Dataset
from ..data.scan import Interrupt, Scan
from ..initial_guess.candidates import Candidate
from .beams import beams_of
from .margin import clearly_best, foretold_n, margin
from .subsets import liveliest_view, placed, some_of, views_around
from .trials import Hypothesis, HypothesisTrials, TrialResult, views_for

COARSE = (0.72, 0.85, 1.0, 1.18, 1.39)
HALVINGS = 2
"""Of the distance of two factors, each time with one factor on each side of the best."""

STANDS_OUT = 0.93
"""Times the usual figure of coarse factors: where none is lower finer ones are not tried."""

LEAST_OFF = 0.03
"""Relative; what is less off hardly harms, and short runs do not tell it."""

VIEWS = 49
"""Of the short runs that search, at most; those that decide have more."""

NEXT = 1.18
"""Times the best factor, and the best over it: both must fit clearly worse."""

BESIDE = (0.9, 1.0, 1.1)
"""Times the defocus that shadows tell: it must not pass for a factor of the positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """Positions that fit when they are spread.

    Attributes
    ----------
    factor : float
        That they are to be multiplied by.
    loss, loss_told : float
        Of short runs with and without.
    """

    factor: float
    loss: float
    loss_told: float


def find_scale(
    dataset: Dataset,
    recipe: Recipe,
    device: torch.device,
    trials: HypothesisTrials,
    *,
    known: tuple[Candidate, ...] = (),
    interrupt: Interrupt | None = None,
) -> Scaled | None:
    """Look for a factor with which positions fit clearly better.

    Parameters
    ----------
    dataset : Dataset
    recipe : Recipe
    device : torch.device
    trials : HypothesisTrials
    known : tuple of Candidate
        Beams that a run has tried, the best first.
    interrupt : callable, optional

    Returns
    -------
    Scaled or None
        None where positions are right, or nothing fits clearly better.
    """
    views = views_for(dataset.frames.shape_HW)
    chosen = views_around(dataset.positions_px, liveliest_view(dataset), views)
    told_px = dataset.positions_px[chosen]
    wide = some_of(dataset, chosen, told_px, recipe, device, interrupt)
    beams = beams_of(wide, known)
    factor = _searched(_middle(dataset, chosen, recipe, device, interrupt), beams, trials)
    if abs(math.log(factor)) < LEAST_OFF:
        return None
    around = [_spread(beam, share) for beam in beams for share in BESIDE]
    best = trials.run(_hypothesis(wide, around, factor))
    told, *beside = (
        trials.run(_hypothesis(wide, around, by)) for by in (1.0, factor * NEXT, factor / NEXT)
    )
    # Views too far apart to overlap fit anywhere: then those still farther apart fit as well.
    if not clearly_best(best, [margin(best, other) for other in (told, *beside)]):
        return None
    return Scaled(factor=factor, loss=best.loss, loss_told=told.loss)


def _middle(
    dataset: Dataset,
    chosen: NDArray[np.intp],
    recipe: Recipe,
    device: torch.device,
    interrupt: Interrupt | None,
) -> Scan:
    positions_px = dataset.positions_px[chosen]
    middle = int(np.argmin(np.hypot(*(positions_px - np.median(positions_px, axis=0)).T)))
    inner = views_around(positions_px, middle, VIEWS)
    return some_of(dataset, chosen[inner], positions_px[inner], recipe, device, interrupt)


def _searched(part: Scan, beams: Sequence[Candidate], trials: HypothesisTrials) -> float:
    """The factor whose run fits best; 1 where none fits.

    Near focus brief runs would find no picture with any factor.
    """

    def figure(factor: float) -> float:
        return _figure(trials.run(_hypothesis(part, beams, factor), brief=bool(beams)))

    found = {by: figure(by) for by in COARSE}
    if not min(found.values()) < STANDS_OUT * float(np.median(list(found.values()))):
        return 1.0
    step = math.log(COARSE[-1] / COARSE[0]) / (len(COARSE) - 1)
    for _ in range(HALVINGS):
        step /= 2
        best = min(found, key=lambda by: found[by])
        for by in (best * math.exp(-step), best * math.exp(step)):
            found[by] = figure(by)
    return min(found, key=lambda by: found[by])


def _hypothesis(part: Scan, beams: Sequence[Candidate], factor: float) -> Hypothesis:
    return Hypothesis(
        name=f"{factor:.3g}",
        scan=placed(part, factor * part.positions_px()),
        candidates=tuple(_spread(beam, factor) for beam in beams),
    )


def _spread(beam: Candidate, factor: float) -> Candidate:
    c_y, c_x = beam.defocus_px2
    return replace(beam, defocus_px2=(factor * c_y, factor * c_x))


def _figure(tried: TrialResult) -> float:
    """Deviance over that of the mean pattern, on pixels fitted and on those left out.

    On the fitted ones alone views far apart would win, which have little to agree upon.
    """
    evidence = tried.evidence
    if evidence is None:
        return math.inf
    fit = float(evidence.fit_n.sum() / max(evidence.fit_mean_n.sum(), 1e-30))
    held = float(foretold_n(evidence).sum() / max(evidence.held_mean_n.sum(), 1e-30))
    return fit + held if math.isfinite(fit + held) else math.inf
