"""Why a run found no good picture: do positions and frames belong together?

Asked only where the rules doubt a run, or its beam looks mirrored. Short runs try other
orientations, frames out of step with the positions, and positions too far apart or too near,
one after the other, until one of them fits clearly better or the time is over. Where none does,
nothing is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import structlog
import torch
from numpy.typing import NDArray

from exitwave.engine import Dataset, EpochState
from exitwave.engine.consistency import HypothesisTrials, OutOfTimeError, try_orientations
from exitwave.engine.consistency.frame_order import find_out_of_step
from exitwave.engine.consistency.orientations import on_a_line
from exitwave.engine.consistency.position_scale import find_scale
from exitwave.engine.data.scan import Interrupt
from exitwave.prepare import ORIENTATIONS, Prepared, oriented
from exitwave.schema.data import Orientation
from exitwave.schema.errors import DataError, EngineError
from exitwave.schema.recipe import Recipe
from exitwave.schema.verdict import Finding, Judgement, Verdict

from .judge import with_findings

log = structlog.get_logger(__name__)

SHARE = 0.25
LEAST_S, MOST_S = 10.0, 120.0
"""Time of a diagnosis: so much of the run's, within these bounds."""

LEAST_VIEWS = 16
"""Fewer fit in many ways."""

SAYS: Judgement = "doubtful"

Test = Callable[["_Case"], Finding | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A run to be explained, and what the tests need."""

    prepared: Prepared
    recipe: Recipe
    last: EpochState
    device: torch.device
    trials: HypothesisTrials
    interrupt: Interrupt

    @property
    def dataset(self) -> Dataset:
        """What was reconstructed."""
        return self.prepared.dataset


def diagnosed(
    verdict: Verdict,
    prepared: Prepared,
    recipe: Recipe,
    last: EpochState,
    device: torch.device,
    *,
    run_s: float,
    interrupt: Interrupt | None = None,
) -> Verdict:
    """The verdict of a run with what a diagnosis adds; a good one is hardly ever looked into.

    Parameters
    ----------
    verdict : Verdict
        By the rules.
    prepared : Prepared
        What was reconstructed.
    recipe : Recipe
    last : EpochState
        Of the run.
    device : torch.device
        Where short runs are made.
    run_s : float
        Time that the run took; the diagnosis takes a quarter of it, or a little.
    interrupt : callable, optional
        Asked at least once a batch; what it raises ends the diagnosis.
    """
    if verdict.verdict == "good" and not seems_mirrored(last):
        return verdict
    seconds = min(max(SHARE * run_s, LEAST_S), MOST_S)
    found = diagnose(
        prepared,
        recipe,
        last,
        device,
        seconds=seconds,
        interrupt=interrupt,
        tests=order_of_tests(verdict),
    )
    return with_findings(verdict, found)


def diagnose(
    prepared: Prepared,
    recipe: Recipe,
    last: EpochState,
    device: torch.device,
    *,
    seconds: float,
    interrupt: Interrupt | None = None,
    tests: Sequence[Test] | None = None,
) -> list[Finding]:
    """What would explain a bad run: one finding where something clearly does, or none.

    Parameters
    ----------
    prepared, recipe, last, device, interrupt
        As in `diagnosed`.
    seconds : float
        No longer than that.
    tests : sequence, optional
        In this order; the commonest mistake is looked for first.
    """
    if len(prepared.dataset.frames) < LEAST_VIEWS:
        return []
    until_s = time.perf_counter() + seconds

    def go_on() -> None:
        if interrupt is not None:
            interrupt()
        if time.perf_counter() > until_s:
            raise OutOfTimeError

    case = _Case(
        prepared=prepared,
        recipe=recipe,
        last=last,
        device=device,
        trials=HypothesisTrials(recipe, until_s),
        interrupt=go_on,
    )
    try:
        return next(([one] for one in _asked(case, tests or TESTS) if one is not None), [])
    except OutOfTimeError:
        log.info("diagnosis.out_of_time", seconds=seconds)
        return []


def _asked(case: _Case, tests: Sequence[Test]) -> Iterator[Finding | None]:
    """One test after the other; one that cannot be made finds nothing."""
    for test in tests:
        try:
            yield test(case)
        except (DataError, EngineError, torch.OutOfMemoryError) as error:
            log.warning("diagnosis.skipped", test=test.__name__, error=str(error))


def _orientation(case: _Case) -> Finding | None:
    """Other axes of the positions, unless these were searched for."""
    told = case.prepared.preparation
    searched = told.orientations_tried or any("orientation" in one.code for one in told.notes)
    if searched:
        return None
    ways = try_orientations(
        case.dataset, case.recipe, case.device, trials=case.trials, interrupt=case.interrupt
    )
    if not ways.clear or ways.tried[0].name == "none":
        return None
    best = ways.tried[0]
    loss_told = next(one.loss for one in ways.tried if one.name == "none")
    name = after(told.orientation, best.name)
    return Finding(
        rule="orientation",
        says=SAYS,
        text=f"with {_turn(best.name)} the patterns fit clearly better: loss "
        f"of a short run {best.loss:.3g} instead of {loss_told:.3g}",
        advice=f"data.orientation={name} (reconstruct --orientation {name}), or auto",
        figures={"loss": best.loss, "loss_as_told": loss_told},
    )


def _out_of_step(case: _Case) -> Finding | None:
    """Frames that were lost or stored twice."""
    found = find_out_of_step(
        case.dataset,
        case.last.evidence(),
        case.recipe,
        case.device,
        case.trials,
        numbers=case.prepared.frame_indices,
        known=case.last.search.candidates,
        interrupt=case.interrupt,
    )
    if found is None:
        return None
    lost, far = found.by > 0, abs(found.by)
    places = "one position" if far == 1 else f"{far} positions"
    frames = "one frame was" if far == 1 else f"{far} frames were"
    twice = "that frame" if far == 1 else f"{far} frames"
    way, what = ("further on", "lost") if lost else ("further back", "stored twice")
    return Finding(
        rule="frames_out_of_step",
        says=SAYS,
        text=f"from about frame {found.first} on frames fit clearly better {places} {way}: "
        f"loss of a short run {found.loss:.3g} instead of {found.loss_told:.3g}; it seems "
        f"that {frames} {what}",
        advice=f"take {places if lost else twice} out of the file there; or data.frames="
        f"{found.first} takes the frames before alone",
        figures={
            "first": found.first,
            "by": found.by,
            "loss": found.loss,
            "loss_as_told": found.loss_told,
        },
    )


def _scale(case: _Case) -> Finding | None:
    """Positions in another unit or with another pixel size than they were told."""
    if on_a_line(case.dataset.positions_px):
        return None
    found = find_scale(
        case.dataset,
        case.recipe,
        case.device,
        case.trials,
        known=case.last.search.candidates,
        interrupt=case.interrupt,
    )
    if found is None:
        return None
    distance_m = case.prepared.geometry.distance_m
    return Finding(
        rule="scale_of_positions",
        says=SAYS,
        text=f"with positions {found.factor:.3g} times as far apart the patterns fit clearly "
        f"better: loss of a short run {found.loss:.3g} instead of {found.loss_told:.3g}",
        advice="check the positions' unit, energy, detector pixel and distance; if it is the "
        f"distance: geometry.distance_m={distance_m / found.factor:.4g}",
        figures={
            "factor": found.factor,
            "loss": found.loss,
            "loss_as_told": found.loss_told,
        },
    )


TESTS: tuple[Test, ...] = (_orientation, _out_of_step, _scale)
"""In the order in which they are made: the commonest mistake first."""


def seems_mirrored(last: EpochState) -> bool:
    """Whether the beam that was found is out of focus one way along y, the other along x.

    With one axis of the positions mirrored, such a beam makes a mirrored picture that fits
    nearly as well as the right one; only the fringes differ. Optics with a focus of its own for
    each axis can be so, too: short runs tell.
    """
    c_y, c_x = last.search.candidates[last.run - 1].defocus_px2
    return c_y * c_x < 0


def order_of_tests(verdict: Verdict) -> tuple[Test, ...]:
    """What is looked for, in which order.

    Where all views pull as if the scan were stretched, that is looked into first; of a good
    run only the axes.
    """
    if verdict.verdict == "good":
        return (_orientation,)
    stretched = any(finding.rule == "distorted_places" for finding in verdict.rules)
    return tuple(sorted(TESTS, key=lambda test: test is not _scale)) if stretched else TESTS


def after(told: str, found: str) -> Orientation:
    """The one orientation that does first what was told and then what was found."""
    asymmetric = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [5.0, 5.0]])
    turn = partial(oriented, asymmetric)
    first = next(name for name in ORIENTATIONS if name == told)
    second = next(name for name in ORIENTATIONS if name == found)
    both = oriented(turn(first), second)
    return next(name for name in ORIENTATIONS if _alike(turn(name), both))


def _alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """But for their place."""
    return np.allclose(one - one[0], other - other[0])


def _turn(name: str) -> str:
    swapped, mirrored = "transpose" in name, "flip" in name
    if swapped and mirrored:
        return "the positions' axes swapped and one of them mirrored"
    return "the positions' axes swapped" if swapped else "one axis of the positions mirrored"
