"""What each kind of job computes, and the final arrays it comes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from exitwave.engine import EpochState
from exitwave.prepare import Prepared
from exitwave.quality import overlap
from exitwave.results import FinalArrays
from exitwave.results.sink import Snapshot
from exitwave.schema.errors import Diverged, EngineError
from exitwave.schema.job import Halves, Quality
from exitwave.schema.recipe import Recipe

from .assess import assess
from .halves import Engine, HalfState, Pair, frc_curve, frc_figures, reconstruct_halves


class Followed(Snapshot, Protocol):
    """A state that is shown and reported while the job runs."""

    @property
    def epochs(self) -> int: ...


Follow = Callable[[Followed], None]
"""Takes note of an epoch; raises where the job is to stop."""


def reconstruction(
    engine: Engine, prepared: Prepared, recipe: Recipe, device: str, follow: Follow
) -> FinalArrays:
    """Reconstruct a scan and judge the result; of a run that diverges its last good epoch.

    Raises
    ------
    Diverged
        In the first epoch.
    """
    last: EpochState | None = None
    diverged: Diverged | None = None
    try:
        for last in engine(prepared.dataset, recipe):
            follow(last)
    except Diverged as error:
        diverged = error
    if last is None:
        raise diverged or _no_epoch(recipe)
    assessed = assess(prepared.dataset, last, subpixel=recipe.subpixel, device=device)
    return FinalArrays(
        object_MYX=last.object_MYX(),
        probe_NHW=last.probe_NHW(),
        positions_m=prepared.positions_m,
        illuminated_box=last.illuminated_box(),
        epochs=last.epoch,
        loss=last.loss.total,
        quality=assessed.quality,
        curves=assessed.curves,
        diverged="" if diverged is None else str(diverged),
    )


def frc(
    engine: Engine, prepared: Prepared, recipe: Recipe, halves: Halves, follow: Follow
) -> FinalArrays:
    """Reconstruct two halves of a scan and compare them.

    The final arrays are the first half's; the other's are below ``second``.
    """
    pair = Pair()
    both = reconstruct_halves(engine, prepared.dataset, recipe, halves)
    last: HalfState | None = None
    for last in both:
        pair.take(last)
        follow(last)
    if last is None:
        raise _no_epoch(recipe)
    first, second = pair.both()
    rings = pair.rings()
    views = [slice(None)] * 2 if halves == "counts" else [slice(0, None, 2), slice(1, None, 2)]
    return FinalArrays(
        object_MYX=first.object_MYX(),
        probe_NHW=first.probe_NHW(),
        positions_m=prepared.positions_m[views[0]],
        illuminated_box=first.state.illuminated_box(),
        epochs=second.epoch,
        loss=second.loss.total,
        quality=Quality(
            overlap=overlap(prepared.dataset.positions_px, first.probe_NHW()),
            frc=frc_figures(rings, halves, prepared.pixel_size_m),
        ),
        curves={"frc": frc_curve(rings)},
        further={
            "second/object": second.object_MYX(),
            "second/probe": second.probe_NHW(),
            "second/positions_m": prepared.positions_m[views[1]],
        },
    )


def _no_epoch(recipe: Recipe) -> EngineError:
    return EngineError(f"recipe {recipe.name}: found no epoch; expected at least one")
