"""What each kind of job computes, and the final arrays it comes to."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from exitwave.engine import EpochState, overlap
from exitwave.engine.data.scan import Interrupt
from exitwave.prepare import Prepared
from exitwave.results import FinalArrays, Snapshot
from exitwave.run_quality import (
    Engine,
    compare_reconstructed_halves,
    quality_of_run,
    with_diagnosis,
)
from exitwave.schema.errors import Diverged, EngineError
from exitwave.schema.job import Halves, Quality
from exitwave.schema.recipe import Recipe
from exitwave.schema.result import FRC, OBJECT, POSITIONS, PROBE, second_half

from ..protocol import JobPreemptedError, JobStoppedError


class Followed(Snapshot, Protocol):
    """A state that is shown and reported while the job runs."""

    @property
    def epochs(self) -> int: ...


Follow = Callable[[Followed], None]
"""Takes note of an epoch; raises where the job is to end."""


def reconstruction(
    engine: Engine,
    prepared: Prepared,
    recipe: Recipe,
    device: str,
    follow: Follow,
    interrupt: Interrupt | None = None,
) -> FinalArrays:
    """Reconstruct a scan and judge the result.

    A run that diverges or is stopped gives its last good epoch. Where the verdict is not good,
    a diagnosis follows, unless the run was stopped. `interrupt` is called while it lasts: a
    stop or a preemption ends the diagnosis alone, since the result is complete without it.

    Raises
    ------
    Diverged, JobStoppedError
        In the first epoch.
    """
    began_s = time.perf_counter()
    last: EpochState | None = None
    cut_short: Diverged | JobStoppedError | None = None
    try:
        for last in engine(prepared.dataset, recipe):
            follow(last)
    except (Diverged, JobStoppedError) as error:
        cut_short = error
    if last is None:
        raise cut_short or _no_epoch(recipe)
    judged = quality_of_run(prepared, last, subpixel=recipe.subpixel, device=device)
    if not isinstance(cut_short, JobStoppedError):
        with suppress(JobStoppedError, JobPreemptedError):
            judged = with_diagnosis(
                judged,
                prepared,
                recipe,
                last,
                device=device,
                run_s=time.perf_counter() - began_s,
                interrupt=interrupt,
            )
    return FinalArrays(
        object_MYX=last.object_MYX(),
        probe_NHW=last.probe_NHW(),
        positions_m=prepared.positions_m,
        known_YX=last.illuminated_YX(),
        illuminated_box=last.illuminated_box(),
        epochs=last.epoch,
        loss=last.loss.total,
        quality=judged.quality,
        verdict=judged.verdict,
        preparation=judged.preparation,
        start=judged.start,
        curves=judged.curves,
        diverged=str(cut_short) if isinstance(cut_short, Diverged) else "",
        stopped=isinstance(cut_short, JobStoppedError),
    )


def frc(
    engine: Engine, prepared: Prepared, recipe: Recipe, halves: Halves, follow: Follow
) -> FinalArrays:
    """Reconstruct two halves of a scan and compare them.

    The final arrays are the first half's; the other's are below ``second``.

    Raises
    ------
    JobStoppedError
        The job was stopped: half of the data has no resolution.
    """
    found = compare_reconstructed_halves(engine, prepared, recipe, halves, follow)
    first, second = found.first, found.second
    views = [slice(None)] * 2 if halves == "counts" else [slice(0, None, 2), slice(1, None, 2)]
    return FinalArrays(
        object_MYX=first.object_MYX(),
        probe_NHW=first.probe_NHW(),
        positions_m=prepared.positions_m[views[0]],
        known_YX=first.illuminated_YX(),
        illuminated_box=first.state.illuminated_box(),
        epochs=second.epoch,
        loss=second.loss.total,
        quality=Quality(
            overlap=overlap(prepared.dataset.positions_px, first.probe_NHW()),
            frc=found.figures,
        ),
        curves={FRC: found.curve},
        further={
            second_half(OBJECT): second.object_MYX(),
            second_half(PROBE): second.probe_NHW(),
            second_half(POSITIONS): prepared.positions_m[views[1]],
        },
    )


def _no_epoch(recipe: Recipe) -> EngineError:
    return EngineError(f"recipe {recipe.name}: found no epoch; expected at least one")
