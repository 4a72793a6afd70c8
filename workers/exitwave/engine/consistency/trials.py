"""Short runs of a few patterns, one for each hypothesis of where they were taken.

In a first round every beam that a hypothesis could have makes a very short run; in a second
one the best of them makes a longer one with a few pixels left out, and all patterns are
compared with their models.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from exitwave.schema.recipe import Recipe, Stage

from ..algorithms import make_algorithm
from ..assessment.fit_evidence import Evidence, gather_evidence, held_out_pixels, without_pixels
from ..data.scan import Scan
from ..data.subset import connected_views, part_of
from ..initial_guess.candidates import CLEARLY, Candidate
from ..initial_guess.guess import initialise
from ..initial_guess.short_runs import ShortRuns
from ..schedule import epochs

PART_VIEWS = 64
"""Of a hypothesis, at most."""

PART_PIXELS = 2**23
"""Of its patterns together, at most, but for the fewest views."""

FEWEST_VIEWS = 24

FIRST_VIEWS = 36
FIRST_EPOCHS = 8
FIRST_BATCH = 4.0
"""Views per update."""

HOPELESS = 1.25
"""Times the lowest loss of the first round: such a hypothesis has no second round."""

HELD_SHARE = 0.05
"""Of the illuminated pixels that are left out in the second round."""

MOST_STATES = 2
"""Incoherent probe states; more would not tell more."""

NEAR_FOCUS = (
    Stage(epochs=10, batches=(4.0,), final_rate=0.3),
    Stage(method="difference_map", epochs=30),
    Stage(epochs=8, batches=(4.0, 8.0), object_rate=0.1, final_rate=0.1),
)
"""The second round: descent alone would stay in wrong minima, whatever is true."""

OUT_OF_FOCUS = (Stage(epochs=24, batches=(4.0,), final_rate=0.1),)
"""Likewise for a pupil, which begins near the truth."""

BRIEF = 0.6
"""Share of these epochs in a brief run, which tells less surely."""

AUTOCORRELATION = Candidate(kind="autocorrelation")


class OutOfTimeError(Exception):
    """No more runs: the time that was given is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """Where patterns may have been taken.

    Attributes
    ----------
    name : str
    scan : Scan
        A connected part of the patterns, with the positions that the hypothesis gives them.
    candidates : tuple of Candidate
        Beams it may have; the autocorrelation's is always tried.
    """

    name: str
    scan: Scan
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """How well a hypothesis fits.

    Attributes
    ----------
    name : str
    candidate : Candidate
        The best beam.
    loss : float
        Amplitude loss per pixel of its longest run over the light of a pixel.
    evidence : Evidence, optional
        Of the second round's end; none = it had no second round.
    """

    name: str
    candidate: Candidate
    loss: float
    evidence: Evidence | None = None


class HypothesisTrials:
    """Makes the runs.

    Parameters
    ----------
    recipe : Recipe
        Gives seed, start, clamps and states; all else is the default.
    until_s : float, optional
        Of `time.perf_counter`, after which no run begins: `OutOfTimeError` is raised.
    """

    def __init__(self, recipe: Recipe, until_s: float | None = None) -> None:
        self._recipe = Recipe(
            seed=recipe.seed,
            start=recipe.start,
            clamp=recipe.clamp,
            subpixel=recipe.subpixel,
            probe_states=min(MOST_STATES, recipe.probe_states),
        )
        self._until_s = until_s

    def compare(self, hypotheses: Sequence[Hypothesis]) -> list[TrialResult]:
        """Both rounds, in the given order; hopeless hypotheses end after the first."""
        tried = self.first_round(hypotheses)
        lowest = min(one.loss for one in tried)
        return [
            self.second_round(hypothesis, one.candidate)
            if one.loss <= HOPELESS * lowest
            else one
            for hypothesis, one in zip(hypotheses, tried, strict=True)
        ]

    def run(self, hypothesis: Hypothesis, *, brief: bool = False) -> TrialResult:
        """Both rounds of one hypothesis; it has no first one where it can have but one beam."""
        beam = (
            self.first_round([hypothesis])[0].candidate
            if hypothesis.candidates
            else AUTOCORRELATION
        )
        return self.second_round(hypothesis, beam, brief=brief)

    def first_round(self, hypotheses: Sequence[Hypothesis]) -> list[TrialResult]:
        """Each hypothesis with its best beam, by very short runs; the device is read once."""
        runs = [
            (hypothesis.name, candidate, self._first_loss(part, candidate))
            for hypothesis, part in (
                (hypothesis, _middle_of(hypothesis.scan)) for hypothesis in hypotheses
            )
            for candidate in (AUTOCORRELATION, *hypothesis.candidates)
        ]
        losses = torch.stack([loss for _, _, loss in runs]).tolist()
        best: dict[str, TrialResult] = {}
        for (name, candidate, _), loss in zip(runs, losses, strict=True):
            one = TrialResult(name=name, candidate=candidate, loss=_finite(loss))
            if name not in best or _handicapped(one) < _handicapped(best[name]):
                best[name] = one
        return [best[hypothesis.name] for hypothesis in hypotheses]

    def second_round(
        self, hypothesis: Hypothesis, candidate: Candidate, *, brief: bool = False
    ) -> TrialResult:
        """A longer run of a hypothesis with one beam."""
        self._check_time()
        stages = NEAR_FOCUS if candidate.kind == "autocorrelation" else OUT_OF_FOCUS
        recipe = replace(self._recipe, stages=_shorter(stages) if brief else stages)
        held_HW = held_out_pixels(hypothesis.scan, HELD_SHARE, recipe.seed)
        fitted = without_pixels(hypothesis.scan, held_HW)
        every = np.arange(len(fitted), dtype=np.intp)
        loss = 0.0
        with torch.no_grad():
            algorithm = make_algorithm(
                fitted, recipe, *initialise(fitted, recipe, None, candidate)
            )
            for epoch in epochs(recipe, len(fitted), lambda: every):
                loss = algorithm.epoch(epoch).data
            evidence = gather_evidence(
                hypothesis.scan, held_HW, algorithm.named(), every[:0], recipe.epochs
            )
        light = max(float(fitted.light(every).mean()), 1e-30)
        return TrialResult(
            name=hypothesis.name,
            candidate=candidate,
            loss=_finite(loss / light),
            evidence=evidence,
        )

    def _first_loss(self, part: Scan, candidate: Candidate) -> Tensor:
        """Relative to the light; 0-dim, on the device."""
        self._check_time()
        with torch.no_grad():
            variables = initialise(part, self._recipe, None, candidate)
            loss = ShortRuns(part, self._recipe, FIRST_EPOCHS, FIRST_BATCH).run(*variables)
            light = part.light(np.arange(len(part), dtype=np.intp)).mean()
            return loss / light.clamp_min(1e-30)

    def _check_time(self) -> None:
        if self._until_s is not None and time.perf_counter() > self._until_s:
            raise OutOfTimeError


def views_for(window_HW: tuple[int, int]) -> int:
    """How many views a hypothesis has."""
    return max(FEWEST_VIEWS, min(PART_VIEWS, PART_PIXELS // (window_HW[0] * window_HW[1])))


def _shorter(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    return tuple(replace(stage, epochs=round(BRIEF * stage.epochs)) for stage in stages)


def _middle_of(scan: Scan) -> Scan:
    """What the first round takes: fewer views, on whole pixels."""
    chosen = connected_views(scan.corners_n2.double().cpu().numpy(), FIRST_VIEWS)
    return replace(part_of(scan, chosen), shifts_n2=None)


def _finite(loss: float) -> float:
    return loss if np.isfinite(loss) else float("inf")


def _handicapped(tried: TrialResult) -> float:
    return tried.loss * (CLEARLY if tried.candidate.kind == "autocorrelation" else 1.0)
