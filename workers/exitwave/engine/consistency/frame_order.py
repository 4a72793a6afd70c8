"""Frames and positions out of step: from some frame on each belongs to a later position.

A frame that was lost in a pause, or one that was stored twice, shifts all frames after it
against their positions. What a run has made of it tells about where: frames on one side of the
break are explained better than those on the other. Short runs of views around that place, with
the frames from some number on given to positions further on or further back, tell the number
and by how many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from exitwave.schema.recipe import Recipe

from ..assessment.fit_evidence import Evidence
from ..data.dataset import Dataset
from ..data.scan import Interrupt
from ..initial_guess.candidates import Candidate
from .beams import beams_of
from .margin import clearly_best, margin
from .subsets import some_of, views_around
from .trials import Hypothesis, HypothesisTrials, TrialResult, views_for

VIEWS = 36
"""Of the short runs that search, at most; those that decide have more."""

STEPS = (1, -1, 3)
"""Positions by which frames may be off, tried first; then those beside the best of them."""

FURTHEST = 4

LEAST_GAIN = 0.98
"""Times the deviance of positions as told: a first guess that gains less ends the search."""

LEAST_RANKS = 4.0
"""In units of chance: by how much the ranks of one side's frames differ from the other's."""

LEAST_SIDE = 6
"""Frames on each side of a break."""

LEAST_VIEWS = 16
"""Of a short run: fewer fit anywhere."""

LEAST_SHOWN = 4
"""Frames on each side of a break in a short run."""

NEAR_ENOUGH = 1.0
"""Frames between two places compared last: short runs do not tell nearer ones apart."""

MOST_UNEVEN = 0.18
"""Share left unexplained in the worst frames in sequence, beyond that of the usual frame.

With the right place and number it is below 0.08; two frames off, or by a number that only
makes two rows agree, it is above 0.2.
"""

NEIGHBOURS = 8

BESIDE_TRIED = 2
"""Halvings in which steps one more and one less are tried; then the step is known."""

Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfStep:
    """Frames that fit positions other than their own.

    Attributes
    ----------
    first : int
        Number of the first of them; all after it are off, too.
    by : int
        They belong this many positions further on: frames were lost. Below 0: further back,
        frames were stored twice.
    loss, loss_told : float
        Of short runs with and without.
    """

    first: int
    by: int
    loss: float
    loss_told: float


def find_out_of_step(
    dataset: Dataset,
    evidence: Evidence,
    recipe: Recipe,
    device: torch.device,
    trials: HypothesisTrials,
    *,
    numbers: Numbers | None = None,
    known: tuple[Candidate, ...] = (),
    interrupt: Interrupt | None = None,
) -> OutOfStep | None:
    """Look for a place from which on frames belong to other positions.

    Parameters
    ----------
    dataset : Dataset
        In the order in which frames were taken.
    evidence : Evidence
        Of a run over it that has found no good picture.
    recipe : Recipe
    device : torch.device
    trials : HypothesisTrials
    numbers : ndarray of int (n,), optional
        Of the frames in the scan, rising, where some were left out.
    known : tuple of Candidate
        Beams that the run has tried, the best first.
    interrupt : callable, optional

    Returns
    -------
    OutOfStep or None
        None where nothing fits clearly better than positions as they were told.
    """
    numbers = np.arange(len(dataset.frames)) if numbers is None else numbers
    interval = suspected(evidence, dataset.positions_px)
    if interval is None:
        return None
    steps = _Steps(dataset, numbers, recipe, device, trials, known, interrupt)
    return steps.search(*interval)


def suspected(evidence: Evidence, positions_px: NDArray[np.float64]) -> tuple[int, int] | None:
    """First and last frame, by index, between which a break may be; none = no sign of one.

    Where a run has found the picture of one side only, all frames of the other side are worse.
    Where both sides are right by themselves, as whole rows moved along themselves are, frames
    about the break are worse than all others. Bad frames spoil good ones some rows away.
    """
    ratio_n = evidence.fit_n / np.maximum(evidence.fit_noise_n, 1e-30)
    count = len(ratio_n)
    if count < 3 * LEAST_SIDE:
        return None
    _, place_n, alike = np.unique(ratio_n, return_inverse=True, return_counts=True)
    ranks_n = (np.cumsum(alike) - (alike - 1) / 2)[place_n]
    row = _row(positions_px)
    split, sigma = _split(ranks_n)
    middle, bump = _bump(ranks_n, row)
    if max(abs(sigma), bump) < LEAST_RANKS:
        return None
    if bump > abs(sigma):
        low, high = middle - 3 * row // 2, middle + 3 * row // 2
    elif sigma < 0:
        low, high = split - row // 2, split + 3 * row
    else:
        low, high = split - 3 * row, split + row // 2
    return max(0, low), min(count - 1, high)


def _split(ranks_n: NDArray[np.float64]) -> tuple[int, float]:
    """Frames before which ranks differ most from the others; below 0: those are better."""
    count = len(ranks_n)
    before = np.arange(LEAST_SIDE, count - LEAST_SIDE)
    excess = np.cumsum(ranks_n)[before - 1] - before * (count + 1) / 2
    sigma = excess / np.sqrt(before * (count - before) * (count + 1) / 12)
    at = int(np.abs(sigma).argmax())
    return int(before[at]), float(sigma[at])


def _bump(ranks_n: NDArray[np.float64], row: int) -> tuple[int, float]:
    """Middle of those frames in sequence that are worst, two rows of them, and how clearly."""
    count, width = len(ranks_n), 2 * row
    if 2 * width > count:
        return 0, 0.0
    sums = np.convolve(ranks_n, np.ones(width), mode="valid")
    chance = np.sqrt(width * (count - width) * (count + 1) / 12)
    at = int(sums.argmax())
    return at + row, float((sums[at] - width * (count + 1) / 2) / chance)


def _row(positions_px: NDArray[np.float64]) -> int:
    """How far apart in time neighbours are, about."""
    count = len(positions_px)
    apart = []
    for view in np.unique(np.linspace(0, count - 1, min(count, 200)).astype(np.intp)):
        nearest = views_around(positions_px, int(view), NEIGHBOURS + 1)
        apart.append(int(np.abs(nearest - view).max()))
    return max(2, int(np.median(apart)))


class _Steps:
    """Short runs with frames from some number on moved along the positions."""

    def __init__(
        self,
        dataset: Dataset,
        numbers: Numbers,
        recipe: Recipe,
        device: torch.device,
        trials: HypothesisTrials,
        known: tuple[Candidate, ...],
        interrupt: Interrupt | None,
    ) -> None:
        self._dataset, self._numbers, self._recipe = dataset, numbers, recipe
        self._device, self._trials, self._known = device, trials, known
        self._interrupt = interrupt
        self._tried: dict[bytes, tuple[TrialResult, Numbers]] = {}
        self._slots = np.empty(0, np.intp)
        self._beam: Candidate | None = None

    def search(self, low: int, high: int) -> OutOfStep | None:
        """The best break between two frames, by index, if it is clearly better than none."""
        self._look_around((low + high) // 2)
        step = (high - low) / 4
        places = [round(low + part * step) for part in (2, 1, 3)]
        first, by = min(
            ((first, by) for by in STEPS for first in places),
            key=lambda one: self._figure(*one),
        )
        figure = self._figure(first, by)
        told = self._figure(len(self._numbers), 0)
        if not np.isfinite(figure) or figure > LEAST_GAIN * told:
            return None
        self._beam = self._run(first, by)[0].candidate
        halvings = 0
        while step > NEAR_ENOUGH:
            step, halvings = step / 2, halvings + 1
            self._look_around(first)
            if halvings <= BESIDE_TRIED:
                by = min(_beside(by), key=lambda other: self._figure(first, other))
            places = [first + round(part * step) for part in (0, -1, 1)]
            places = [min(max(place, 0), len(self._numbers) - 1) for place in places]
            first = min(places, key=lambda place: self._figure(place, by))
        return self._out_of_step(first, by)

    def _out_of_step(self, first: int, by: int) -> OutOfStep | None:
        self._look_around(first, views_for(self._dataset.frames.shape_HW))
        if not self._tells(first, by):
            return None
        moved, frames = self._run(first, by, brief=False)
        if _uneven(moved) > MOST_UNEVEN:
            return None
        still, others = self._run(len(self._numbers), 0, brief=False)
        _, *shared = np.intersect1d(frames, others, return_indices=True)
        if not clearly_best(moved, [margin(moved, still, (shared[0], shared[1]))]):
            return None
        return OutOfStep(
            first=int(self._numbers[first]), by=by, loss=moved.loss, loss_told=still.loss
        )

    def _look_around(self, index: int, views: int = VIEWS) -> None:
        self._slots = views_around(self._dataset.positions_px, index, views)

    def _tells(self, first: int, by: int) -> bool:
        """Whether there are frames on both sides: one side alone fits well, but tells nothing.

        Where every other frame is used none of them belongs one position further on.
        """
        frames, _ = self._moved(first, by)
        after = int((frames >= first).sum())
        sides = min(after, len(frames) - after) if by else LEAST_SHOWN
        return len(frames) >= LEAST_VIEWS and sides >= LEAST_SHOWN

    def _figure(self, first: int, by: int) -> float:
        """Deviance over that of the mean pattern."""
        if not self._tells(first, by):
            return np.inf
        evidence = self._run(first, by)[0].evidence
        if evidence is None:
            return np.inf
        figure = float(evidence.fit_n.sum() / max(evidence.fit_mean_n.sum(), 1e-30))
        return figure if np.isfinite(figure) else np.inf

    def _run(self, first: int, by: int, *, brief: bool = True) -> tuple[TrialResult, Numbers]:
        """Frames from one on moved by so many positions: how they fit, and which they are."""
        frames, slots = self._moved(first, by)
        key = frames.tobytes() + slots.tobytes() + bytes([brief])
        if key not in self._tried:
            part = some_of(
                self._dataset,
                frames,
                self._dataset.positions_px[slots],
                self._recipe,
                self._device,
                self._interrupt,
            )
            self._tried[key] = (
                self._fitted(Hypothesis(name=f"{first} by {by}", scan=part), brief),
                frames,
            )
        return self._tried[key]

    def _fitted(self, hypothesis: Hypothesis, brief: bool) -> TrialResult:
        if self._beam is not None:
            return self._trials.second_round(hypothesis, self._beam, brief=brief)
        hypothesis = replace(hypothesis, candidates=beams_of(hypothesis.scan, self._known))
        return self._trials.run(hypothesis, brief=brief)

    def _moved(self, first: int, by: int) -> tuple[Numbers, Numbers]:
        """Indices of frames and of the positions that they are given, within the part."""
        numbers = self._numbers
        meant = numbers + np.where(np.arange(len(numbers)) >= first, by, 0)
        place = np.searchsorted(numbers, meant).clip(max=len(numbers) - 1)
        there = (numbers[place] == meant) & np.isin(place, self._slots)
        frames = np.flatnonzero(there)
        # Of two frames at one position the later one was stored again.
        slots, kept = np.unique(place[frames], return_index=True)
        return frames[kept].astype(np.intp), slots.astype(np.intp)


def _uneven(tried: TrialResult) -> float:
    """How much worse some frames in sequence are explained than the usual one."""
    if tried.evidence is None:
        return np.inf
    left_n = tried.evidence.unexplained_n()
    worst = np.convolve(left_n, np.ones(LEAST_SIDE) / LEAST_SIDE, mode="valid").max()
    return float(worst - np.median(left_n))


def _beside(by: int) -> list[int]:
    """The same step, and one less or more; never none."""
    return [step for step in (by, by - 1, by + 1) if step != 0 and abs(step) <= FURTHEST]
