"""Fourier ring correlation of a scan: two halves of its data, each reconstructed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from exitwave.engine import Dataset, EpochState, LossTerms
from exitwave.files.reconstruction import Curve
from exitwave.prepare import Prepared
from exitwave.quality import RingCorrelation, compare_halves, rectangle_of_centres
from exitwave.quality.align import Region
from exitwave.quality.halves import Part
from exitwave.schema.errors import EngineError
from exitwave.schema.job import FrcFigures, Halves
from exitwave.schema.recipe import Recipe

from .half_datasets import half_of

FRC_COLUMNS = ("frequency_cycles_per_px", "correlation", "half_bit_threshold")

Engine = Callable[[Dataset, Recipe], Iterator[EpochState]]
"""`reconstruct` with its options."""


@dataclass(frozen=True, slots=True)
class HalfState:
    """A state of one half's run, with epochs counted over both.

    Attributes
    ----------
    half : int
        0 or 1.
    state : EpochState
    before : int
        Epochs of the first half's run, for the second.
    shape_YX : (int, int)
        Of the object of the whole scan: pictures of both halves have it.
    """

    half: int
    state: EpochState
    before: int
    shape_YX: tuple[int, int]

    @property
    def epoch(self) -> int:
        """From 1 over both halves."""
        return self.before + self.state.epoch

    @property
    def epochs(self) -> int:
        """Of both halves, as far as that is known: the second may begin again, too."""
        return self.before + (2 - self.half) * self.state.epochs

    @property
    def seconds(self) -> float:
        """That the epoch took."""
        return self.state.seconds

    @property
    def loss(self) -> LossTerms:
        """Of this half."""
        return self.state.loss

    def object_MYX(self) -> NDArray[np.complex64]:
        """The object; zero beyond what this half has seen."""
        object_MYX = self.state.object_MYX()
        return np.pad(object_MYX, ((0, 0), *self._missing(object_MYX.shape[1:])))

    def probe_NHW(self) -> NDArray[np.complex64]:
        """The probe."""
        return self.state.probe_NHW()

    def illuminated_YX(self) -> NDArray[np.bool_]:
        """Where this half knows the object."""
        known_YX = self.state.illuminated_YX()
        return np.pad(known_YX, self._missing(known_YX.shape))

    def _missing(self, shape_YX: tuple[int, ...]) -> list[tuple[int, int]]:
        return [(0, whole - own) for whole, own in zip(self.shape_YX, shape_YX, strict=True)]


def reconstruct_halves(
    engine: Engine, dataset: Dataset, recipe: Recipe, halves: Halves
) -> Iterator[HalfState]:
    """Reconstruct one half, then the other, with the same recipe.

    Only the seed differs: noise that both start with would count as agreement.

    Parameters
    ----------
    engine : callable
        `reconstruct`, with its options.
    dataset : Dataset
        The whole.
    recipe : Recipe
    halves : {"frames", "counts"}

    Raises
    ------
    ExitwaveError
        As `half_of` and `reconstruct`.
    """
    both: tuple[Part, Part] = (0, 1)
    before = epoch = 0
    for half in both:
        own = replace(recipe, seed=(recipe.seed + half) % 2**31)
        part = half_of(dataset, halves, half, recipe.seed)
        for state in engine(part, own):
            epoch = state.epoch
            yield HalfState(half, state, before, dataset.object_shape_YX)
        before = epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class HalvesCompared:
    """Two reconstructions and how far they agree.

    Attributes
    ----------
    first, second : HalfState
        Last states.
    figures : FrcFigures
    curve : Curve
        Of `FRC_COLUMNS`.
    """

    first: HalfState
    second: HalfState
    figures: FrcFigures
    curve: Curve


def compare_reconstructed_halves(
    engine: Engine,
    prepared: Prepared,
    recipe: Recipe,
    halves: Halves,
    follow: Callable[[HalfState], None],
) -> HalvesCompared:
    """Reconstruct both halves and correlate them.

    Parameters
    ----------
    engine, recipe, halves
        As in `reconstruct_halves`.
    prepared : Prepared
        The whole.
    follow : callable
        Takes note of an epoch; may raise.

    Raises
    ------
    ExitwaveError
        As `reconstruct_halves`.
    """
    pair = HalfPair()
    for state in reconstruct_halves(engine, prepared.dataset, recipe, halves):
        pair.take(state)
        follow(state)
    first, second = pair.both()
    rings = pair.rings()
    return HalvesCompared(
        first=first,
        second=second,
        figures=frc_figures(rings, halves, prepared.pixel_size_m),
        curve=frc_curve(rings),
    )


class HalfPair:
    """The last state of each half, as they come."""

    def __init__(self) -> None:
        self._last: dict[int, HalfState] = {}

    def take(self, state: HalfState) -> None:
        """Keep a half's newest state."""
        self._last[state.half] = state

    def both(self) -> tuple[HalfState, HalfState]:
        """Both halves; `EngineError` where one has no epoch."""
        if len(self._last) < 2:
            raise EngineError(f"halves: found {len(self._last)} with an epoch; expected 2")
        return self._last[0], self._last[1]

    def rings(self) -> RingCorrelation:
        """FRC of the first object states, where the centres of both halves' views lie."""
        first, second = self.both()
        regions = [
            rectangle_of_centres(half.state.positions_px, half.probe_NHW().shape[-2:])
            for half in (first, second)
        ]
        return compare_halves(first.object_MYX()[0], second.object_MYX()[0], _common(*regions))


def frc_figures(rings: RingCorrelation, halves: Halves, pixel_size_m: float) -> FrcFigures:
    """Where the correlation crosses the half-bit threshold."""
    crossing = rings.crossing_cycles_per_px
    return FrcFigures(
        halves=halves,
        crossing_cycles_per_px=crossing,
        half_period_nm=pixel_size_m * 1e9 / (2 * crossing),
    )


def frc_curve(rings: RingCorrelation) -> Curve:
    """The correlation and its threshold, as a table."""
    columns = (rings.frequency_cycles_per_px, rings.correlation, rings.threshold)
    return Curve(columns=FRC_COLUMNS, values=np.stack(columns, axis=1))


def _common(one: Region, other: Region) -> Region:
    return (
        max(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        min(one[3], other[3]),
    )
