"""Which way the axes of positions lie to those of patterns."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from tests.unit.engine.told import Told, raster, scan_at

from exitwave.engine.consistency import (
    HypothesisTrials,
    OrientationSearch,
    OutOfTimeError,
    try_orientations,
)
from exitwave.engine.consistency.orientations import DISTINCT_ORIENTATIONS, on_a_line
from exitwave.engine.consistency.subsets import liveliest_view
from exitwave.prepare import ORIENTATIONS, inverse_of, oriented
from exitwave.schema.data import Orientation
from exitwave.schema.recipe import Recipe

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def near_focus() -> Told:
    return scan_at(raster(5, 6, 12))


@pytest.fixture(scope="module")
def out_of_focus() -> Told:
    return scan_at(raster(6, 6, 14), "ring-80")


def tried(told: Told, way: Orientation) -> OrientationSearch:
    return try_orientations(told.turned(way), Recipe(), CPU)


def belongs(found: str, told: Orientation) -> bool:
    """Whether the way found undoes the way told, or does up to both signs."""
    asymmetric = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [5.0, 5.0]])
    back = DISTINCT_ORIENTATIONS[found](oriented(asymmetric, told))
    both = (back - back[0], back[0] - back)
    return any(np.allclose(one, asymmetric - asymmetric[0]) for one in both)


@pytest.mark.parametrize("way", ["none", "flip_x", "transpose", "transpose_flip_y"])
def test_orientations_are_told_near_focus(near_focus: Told, way: Orientation) -> None:
    found = tried(near_focus, way)
    assert found.clear
    assert belongs(found.tried[0].name, way)


@pytest.mark.parametrize("way", ["flip_yx", "flip_y", "transpose_flip_yx", "transpose_flip_x"])
def test_and_out_of_focus(out_of_focus: Told, way: Orientation) -> None:
    found = tried(out_of_focus, way)
    assert found.clear
    assert belongs(found.tried[0].name, way)
    assert found.tried[0].candidate.kind == "pupil"


def test_few_photons_and_few_views_tell_too() -> None:
    told = scan_at(raster(5, 5, 12), "astigmatic", sample="grains", photons=3e3)
    found = tried(told, "transpose_flip_x")
    assert found.clear
    assert belongs(found.tried[0].name, "transpose_flip_x")


def test_a_line_cannot_tell() -> None:
    line = raster(1, 30, 6)
    slanted = line[:, 1:] * (0.6, 0.8) + np.random.default_rng(1).uniform(-1, 1, line.shape)
    assert on_a_line(line) and on_a_line(slanted)
    assert not on_a_line(raster(2, 20, 6))
    found = tried(scan_at(line, photons=1e4), "transpose")
    assert found.line and not found.clear and not found.tried


def test_nothing_is_said_where_patterns_are_noise() -> None:
    told = scan_at(raster(5, 5, 12), photons=1e4)
    flat = np.random.default_rng(2).poisson(2.0, told.counts_nHW.shape).astype(np.uint32)
    assert not tried(Told(flat, told.positions_px), "none").clear


def test_nothing_is_said_where_frames_are_in_no_order() -> None:
    told = scan_at(raster(5, 5, 12), photons=1e4)
    mixed = np.random.default_rng(3).permutation(len(told.counts_nHW))
    assert not try_orientations(told.dataset(frames=mixed), Recipe(), CPU).clear


def test_the_part_lies_where_there_is_something_to_see() -> None:
    told = scan_at(raster(12, 12, 10), photons=1e4, empty_px=100)
    y, x = told.positions_px[liveliest_view(told.turned("none"))]
    # The window's middle is beside the sample's corner or on it.
    assert min(y, x) + 32 > 90


def test_no_run_begins_once_the_time_is_over(near_focus: Told) -> None:
    trials = HypothesisTrials(Recipe(), until_s=time.perf_counter() - 1)
    with pytest.raises(OutOfTimeError):
        try_orientations(near_focus.turned("none"), Recipe(), CPU, trials=trials)


def test_each_pair_of_twins_is_tried_once() -> None:
    asymmetric = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [5.0, 5.0]])
    for way in ORIENTATIONS:
        assert sum(belongs(name, inverse_of(way)) for name in DISTINCT_ORIENTATIONS) == 1
        turned = oriented(oriented(asymmetric, way), inverse_of(way))
        assert np.allclose(turned - turned[0], asymmetric - asymmetric[0])
