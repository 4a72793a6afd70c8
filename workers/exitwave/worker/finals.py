"""What each kind of job computes, and the final arrays it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from exitwave.engine import EpochState
from exitwave.prepare import Prepared
from exitwave.quality import overlap
from exitwave.results import FinalArrays
from exitwave.results.sink import Snapshot
from exitwave.schema.errors import EngineError
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

S = TypeVar("S", bound=Followed)


def reconstruction(
    engine: Engine, prepared: Prepared, recipe: Recipe, device: str, follow: Follow
) -> FinalArrays:
    """Reconstruct a scan and judge the result."""
    last: EpochState = _last(engine(prepared.dataset, recipe), recipe, follow)
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
    )


def frc(
    engine: Engine, prepared: Prepared, recipe: Recipe, halves: Halves, follow: Follow
) -> FinalArrays:
    """Reconstruct two halves of a scan and compare them.

    The final arrays are the first half's; the other's are below ``second``.
    """
    pair = Pair()

    def follow_half(state: HalfState) -> None:
        pair.take(state)
        follow(state)

    both = reconstruct_halves(engine, prepared.dataset, recipe, halves)
    _last(both, recipe, follow_half)
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


def _last(states: Iterable[S], recipe: Recipe, follow: Callable[[S], None]) -> S:
    last = None
    for last in states:
        follow(last)
    if last is None:
        raise EngineError(f"recipe {recipe.name}: found no epoch; expected at least one")
    return last
