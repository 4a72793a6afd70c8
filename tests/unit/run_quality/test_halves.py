"""Two halves of a scan, and what is told of a run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from exitwave.engine import ArrayFrames, Dataset, EpochState, reconstruct
from exitwave.engine.assessment.evaluate import modelled_patterns
from exitwave.files.reconstruction import Curve
from exitwave.prepare import Prepared
from exitwave.quality import RingCorrelation, transfer_function
from exitwave.quality.frc import half_bit_threshold
from exitwave.run_quality import (
    HalfPair,
    frc_curve,
    frc_figures,
    half_of,
    quality_of_run,
    reconstruct_halves,
)
from exitwave.schema.errors import DataError, EngineError
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import halves_for
from exitwave.schema.recipe import Recipe, Stage
from exitwave.simulated_beamline.simulate import simulate

RECIPE = Recipe(seed=3, stages=(Stage(epochs=3, batches=(8.0,)),))
ENGINE = partial(reconstruct, device="cpu")


class Lazy:
    """Frames that are not in memory as one array."""

    def __init__(self, counts_nHW: np.ndarray) -> None:
        self.kept = counts_nHW
        self.shape_HW = counts_nHW.shape[1:]

    def __len__(self) -> int:
        return len(self.kept)

    def read(self, indices: np.ndarray) -> np.ndarray:
        return self.kept[indices]


def dataset(lazy: bool = False) -> Dataset:
    scan = simulate(0.5, 1e4, 1, grid=5)
    counts = np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2)).copy()
    mask = np.ones((64, 64), bool)
    mask[20:24, 30] = mask[:3, :2] = False
    counts[:, ~mask] = np.iinfo(counts.dtype).max
    return Dataset(
        frames=Lazy(counts) if lazy else ArrayFrames(counts),
        positions_px=scan.positions_px,
        scale_n=np.linspace(0.9, 1.1, 25),
        mask_HW=mask,
        pixel_size_m=scan.pixel_size_m,
    )


def read(part: Dataset) -> np.ndarray:
    return part.frames.read(np.arange(len(part.frames)))


@pytest.mark.parametrize("lazy", [False, True])
def test_halves_of_the_frames_are_disjoint_and_in_one_frame(lazy: bool) -> None:
    whole = dataset(lazy)
    even, odd = (half_of(whole, "frames", half, seed=0) for half in (0, 1))
    np.testing.assert_array_equal(even.positions_px, whole.positions_px[::2])
    np.testing.assert_array_equal(odd.positions_px, whole.positions_px[1::2])
    np.testing.assert_array_equal(read(even), read(whole)[::2])
    np.testing.assert_array_equal(read(odd), read(whole)[1::2])
    np.testing.assert_array_equal(odd.scale_n, whole.scale_n[1::2])


def test_halves_of_the_counts_are_all_frames() -> None:
    whole = dataset()
    first, second = (half_of(whole, "counts", half, seed=9) for half in (0, 1))
    np.testing.assert_array_equal(first.positions_px, whole.positions_px)
    counts = np.where(whole.mask_HW, read(whole), 0)
    np.testing.assert_array_equal(read(first) + read(second), counts)
    assert read(first).sum() == pytest.approx(counts.sum() / 2, rel=0.02)


def test_too_few_frames_cannot_be_halved() -> None:
    few = dataset()
    with pytest.raises(DataError, match="one single pattern"):
        for _ in range(5):
            few = half_of(few, "frames", 0, seed=0)
    assert len(few.frames) < 5


def test_epochs_count_over_both_and_pictures_have_one_shape() -> None:
    whole = dataset()
    pair, seeds = HalfPair(), []

    def engine(part: Dataset, recipe: Recipe):
        seeds.append(recipe.seed)
        return ENGINE(part, recipe)

    with pytest.raises(EngineError, match="found 0"):
        pair.both()
    states = []
    for state in reconstruct_halves(engine, whole, RECIPE, "frames"):
        states.append((state.epoch, state.epochs))
        pair.take(state)
        assert state.object_MYX().shape[1:] == whole.object_shape_YX
        assert state.illuminated_YX().shape == whole.object_shape_YX
    assert states == [(epoch, 6) for epoch in range(1, 7)]
    assert seeds == [3, 4], "the same noise in both starts would count as agreement"
    first, second = pair.both()
    assert (first.epoch, second.epoch) == (3, 6)
    assert len(pair.rings().correlation) == 36


def test_the_crossing_is_told_in_nanometres() -> None:
    frequency = np.arange(32) / 64
    threshold = half_bit_threshold(np.full(32, 1e4))
    rings = RingCorrelation(
        frequency_cycles_per_px=frequency,
        correlation=np.where(frequency < 0.25, 0.9, 0.0),
        threshold=threshold,
    )
    figures = frc_figures(rings, "frames", 10e-9)
    assert figures.crossing_cycles_per_px == 0.25
    assert figures.half_period_nm == pytest.approx(20)
    curve = frc_curve(rings)
    assert isinstance(curve, Curve)
    np.testing.assert_array_equal(curve.values[:, 2], threshold)


@pytest.mark.parametrize(
    ("overlap", "halves"), [(None, "counts"), (0.59, "counts"), (0.6, "frames"), (-1, "counts")]
)
def test_overlap_decides_what_is_split(overlap: float | None, halves: str) -> None:
    assert halves_for(overlap) == halves


def last_of(whole: Dataset, recipe: Recipe) -> EpochState:
    *_, last = ENGINE(whole, recipe)
    return last


def prepared(whole: Dataset) -> Prepared:
    count = len(whole.frames)
    sources = dict.fromkeys(("energy_eV", "distance_m", "detector_pixel_m"), "made")
    return Prepared(
        dataset=whole,
        geometry=Geometry(
            energy_eV=9e3, distance_m=1.0, detector_pixel_m=55e-6, sources=sources
        ),
        pixel_size_m=1e-8,
        frame_indices=np.arange(100, 100 + count),
        positions_m=whole.positions_px * 1e-8,
        origin_m=(0.0, 0.0),
    )


def test_what_is_told_of_a_run_without_raster_or_spared_patterns() -> None:
    whole = dataset()
    random = np.random.default_rng(0)
    free = Dataset(
        frames=whole.frames,
        positions_px=whole.positions_px + random.uniform(-4, 4, (25, 2)),
        mask_HW=whole.mask_HW,
    )
    last = last_of(free, RECIPE)
    judged = quality_of_run(prepared(free), last, device="cpu")
    assert judged.quality.held_out is None
    assert judged.quality.raster_artefact is None
    assert judged.quality.overlap is not None
    numbers = judged.figures().numbers
    assert set(numbers) == {"prtf_cycles_per_px", "overlap"}
    prtf = judged.curves["prtf"].values
    assert prtf.shape == (32, 2)
    patterns = modelled_patterns(free, last.parameters(), np.arange(25), device="cpu")
    expected = transfer_function(
        ((part.model_BHW, part.counts_BHW) for part in patterns), free.mask_HW
    )
    np.testing.assert_array_equal(prtf[:, 1], expected.ratio)


def test_patterns_left_out_are_told() -> None:
    scan = simulate(0.6, 1e4, 1, grid=21)
    whole = Dataset(
        frames=ArrayFrames(np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2)).copy()),
        positions_px=scan.positions_px,
    )
    recipe = Recipe(stages=(Stage(epochs=12, batches=(8.0,)),))
    last = last_of(whole, recipe)
    held_out = quality_of_run(prepared(whole), last, device="cpu").quality.held_out
    assert held_out is not None and last.held_out is not None
    assert held_out.patterns == last.held_out.patterns >= 4
    assert held_out.poisson == last.held_out.poisson > 0
    assert (
        quality_of_run(prepared(whole), last, device="cpu").quality.raster_artefact is not None
    )


def test_where_a_run_began_and_what_it_left_out_is_told() -> None:
    whole = dataset()
    last = replace(last_of(whole, RECIPE), wild_frames=np.array([3, 4, 9]), runs=2)
    judged = quality_of_run(prepared(whole), last, device="cpu")
    (left_out,) = judged.preparation.left_out
    assert (left_out.what, left_out.count, left_out.first) == ("frames", 3, [103, 104, 109])
    assert "103-104, 109" in left_out.text
    assert judged.start.chosen.kind == "autocorrelation" and judged.start.runs == 2
    assert judged.verdict.figures["frames"] == 25
