"""What patterns say of the places of their views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.pupils import RING, SIDE, scan_of

from exitwave.engine import ArrayFrames, Dataset, reconstruct
from exitwave.engine.assessment.placement import Distortion, Placement, gather_placement
from exitwave.engine.data.scan import load
from exitwave.engine.forward import waves
from exitwave.schema.recipe import Recipe, Stage

Truth = tuple[Dataset, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def truth() -> Truth:
    """A dataset, and the object and beam that it was made of."""
    dataset, object_YX, beam_HW = scan_of(RING, (-80.0, -80.0))
    y, x = dataset.positions_px[0].astype(int)
    pattern_HW = np.abs(np.fft.fft2(beam_HW * object_YX[y : y + SIDE, x : x + SIDE])) ** 2
    first_HW = dataset.frames.read(np.array([0]))[0]
    return dataset, object_YX, beam_HW * SIDE * np.sqrt(first_HW.sum() / pattern_HW.sum())


def placed(truth: Truth, positions_px: np.ndarray, **changes: object) -> Placement:
    """Of the true object and beam, with views at these places."""
    dataset, object_YX, beam_HW = truth
    moved = replace(dataset, positions_px=positions_px, **changes)  # type: ignore[arg-type]  # any field
    scan = load(moved, Recipe(), torch.device("cpu"))
    object_MYX = torch.from_numpy(object_YX.astype(np.complex64)[None])
    probe_NHW = torch.from_numpy(beam_HW.astype(np.complex64)[None])
    return gather_placement(
        scan, waves(object_MYX, probe_NHW), np.arange(len(scan), dtype=np.intp)
    )


def distortion_of(placement: Placement) -> Distortion:
    distortion = placement.distortion()
    assert distortion is not None
    return distortion


def test_views_at_their_places_pull_no_more_than_noise(truth: Truth) -> None:
    placement = placed(truth, truth[0].positions_px)
    assert placement.pull() == pytest.approx(1.0, abs=0.5)
    assert placement.off_px() < 0.02
    assert distortion_of(placement).gain < 3
    assert placement.spread_n == pytest.approx(np.ones(36), abs=0.25)


def test_a_view_pulls_to_where_it_belongs(truth: Truth) -> None:
    shifts_n2 = np.random.default_rng(3).uniform(-0.15, 0.15, (36, 2))
    placement = placed(truth, truth[0].positions_px + shifts_n2)
    off_n2 = placement.offsets_n2()
    assert np.median(np.abs(off_n2 + shifts_n2)) < 0.05 < np.median(np.abs(shifts_n2))
    assert placement.pull() > 2
    assert placement.off_px() == pytest.approx(np.median(np.hypot(*shifts_n2.T)), rel=0.5)


@pytest.mark.parametrize(
    "map_22", [[[0.006, 0], [0, 0.006]], [[0, 0.006], [-0.006, 0]], [[0.006, 0], [0, -0.006]]]
)
def test_places_that_are_distorted_as_a_whole_are_known_by_their_map(
    truth: Truth, map_22: list[list[float]]
) -> None:
    positions_px = truth[0].positions_px
    off_n2 = (positions_px - positions_px.mean(axis=0)) @ np.array(map_22).T
    distortion = distortion_of(placed(truth, positions_px + off_n2))
    assert distortion.map_22 == pytest.approx(-np.array(map_22), abs=0.0015)
    assert distortion.strain == pytest.approx(0.006 * np.sqrt(2), rel=0.2)
    assert distortion.gain > 100


def test_the_unit_of_intensities_makes_no_difference(truth: Truth) -> None:
    """Noise of patterns that are no counts is as large as their residuals are."""
    dataset, object_YX, beam_HW = truth
    counts = dataset.frames.read(np.arange(36)).astype(np.float32)
    shifted = dataset.positions_px + np.random.default_rng(3).uniform(-0.3, 0.3, (36, 2))
    pulls, offs = [], []
    for unit in (0.37, 3.7e-6):
        known = dataset, object_YX, beam_HW * np.sqrt(unit)
        placement = placed(known, shifted, frames=ArrayFrames(counts * np.float32(unit)))
        assert not placement.counted
        pulls.append(placement.pull())
        offs.append(placement.off_px())
    assert pulls[0] == pytest.approx(pulls[1], rel=0.01)
    assert offs[0] == pytest.approx(offs[1], rel=0.01)


def test_pixels_that_lie_do_not_pull(truth: Truth) -> None:
    dataset, object_YX, beam_HW = truth
    counts = dataset.frames.read(np.arange(36)).copy()
    counts[:, 3:6, 3:6] += 5000
    mask_HW = np.ones((SIDE, SIDE), dtype=bool)
    mask_HW[3:6, 3:6] = False
    lying = replace(dataset, frames=ArrayFrames(counts))
    masked = placed((lying, object_YX, beam_HW), dataset.positions_px, mask_HW=mask_HW)
    assert masked.pull() < 1.6
    assert placed((lying, object_YX, beam_HW), dataset.positions_px).spread_n.min() > 5


def test_of_few_views_no_distortion_is_told(truth: Truth) -> None:
    dataset = truth[0]
    placement = placed(
        truth,
        dataset.positions_px[:8],
        frames=ArrayFrames(dataset.frames.read(np.arange(8))),
    )
    assert placement.distortion() is None
    assert 0 <= placement.off_px() < 0.1


def test_a_run_that_has_bent_to_false_places_still_pulls(truth: Truth) -> None:
    recipe = Recipe(
        stages=(Stage(epochs=30, batches=(2.0, 4.0)), Stage(epochs=30, batches=(9.0,)))
    )
    dataset = truth[0]
    wide = replace(dataset, positions_px=np.round(1.12 * dataset.positions_px))
    *_, right = reconstruct(dataset, recipe)
    *_, bent = reconstruct(wide, recipe)
    assert right.placement().pull() < 1.6 < 4 < bent.placement().pull()
    assert distortion_of(right.placement()).gain < 2 < distortion_of(bent.placement()).gain
    assert np.trace(distortion_of(bent.placement()).map_22) < 0, "it should be smaller"
