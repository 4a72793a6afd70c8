"""`data.orientation=auto`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.unit.engine.told import Told, raster, scan_at
from tests.unit.prepare.made import GEOMETRY, PIXEL_M, MadeScan

from exitwave.prepare import build_dataset, build_oriented, inverse_of, oriented
from exitwave.schema.data import DataOptions, Orientation
from exitwave.schema.recipe import Recipe

CPU = torch.device("cpu")
AUTO = DataOptions(orientation="auto")
TWINS: dict[str, Orientation] = {
    "none": "flip_yx",
    "flip_y": "flip_x",
    "transpose": "transpose_flip_yx",
    "transpose_flip_y": "transpose_flip_x",
}


@pytest.fixture(scope="module")
def told() -> Told:
    return scan_at(raster(5, 6, 12))


def brought(told: Told, way: Orientation) -> MadeScan:
    """As a file brings it, with the positions told in this way."""
    return MadeScan(
        counts=np.fft.fftshift(told.counts_nHW, axes=(1, 2)),
        positions=oriented(told.positions_px, way) * PIXEL_M,
    )


@pytest.mark.parametrize("way", ["transpose", "flip_x", "transpose_flip_x"])
def test_auto_is_what_would_be_asked_for_by_hand(told: Told, way: Orientation) -> None:
    scan = brought(told, way)
    found = build_oriented(scan, AUTO, GEOMETRY, Recipe(), CPU)
    name = found.preparation.orientation
    assert inverse_of(way) in {name, TWINS[name]}
    by_hand = build_dataset(scan, replace(AUTO, orientation=name), GEOMETRY)
    np.testing.assert_array_equal(found.dataset.positions_px, by_hand.dataset.positions_px)
    np.testing.assert_array_equal(found.positions_m, by_hand.positions_m)
    np.testing.assert_array_equal(found.frame_indices, by_hand.frame_indices)
    assert found.origin_m == by_hand.origin_m
    tried = found.preparation.orientations_tried
    assert tried[0].orientation == name
    assert {one.orientation for one in tried} == set(TWINS)
    note = found.preparation.notes[-1]
    assert note.code == "orientation"
    assert f"{name} was applied" in note.text and "turned by half a turn" in note.text
    assert note.figures[f"loss_{name}"] < 0.9 * note.figures["loss_none"]


def test_auto_leaves_what_is_right(told: Told) -> None:
    scan = brought(told, "none")
    found = build_oriented(scan, AUTO, GEOMETRY, Recipe(), CPU)
    assert found.preparation.orientation == "none"
    assert "fit together as they are" in found.preparation.notes[-1].text
    as_told = build_dataset(scan, DataOptions(), GEOMETRY)
    np.testing.assert_array_equal(found.dataset.positions_px, as_told.dataset.positions_px)


def test_what_auto_cannot_tell_is_said_and_left() -> None:
    scan = brought(scan_at(raster(1, 24, 6), photons=1e4), "none")
    found = build_oriented(scan, AUTO, GEOMETRY, Recipe(), CPU)
    assert found.preparation.orientation == "none"
    assert found.preparation.orientations_tried == []
    note = found.preparation.notes[-1]
    assert note.code == "orientation undecided"
    assert "one line" in note.text and "data.orientation" in note.text


def test_halves_and_left_out_frames_keep_the_object_in_its_place(told: Told) -> None:
    scan = brought(told, "transpose")
    part = replace(AUTO, exclude="3,10")
    found = build_oriented(scan, part, GEOMETRY, Recipe(), CPU)
    whole = build_oriented(scan, AUTO, GEOMETRY, Recipe(), CPU)
    assert found.origin_m == whole.origin_m
    assert not set(found.frame_indices) & {3, 10}
    kept = np.isin(whole.frame_indices, found.frame_indices)
    np.testing.assert_allclose(
        found.dataset.positions_px, whole.dataset.positions_px[kept], atol=1e-9
    )


def test_any_other_orientation_is_as_it_was(told: Told) -> None:
    scan = brought(told, "none")
    flipped = replace(AUTO, orientation="flip_y")
    found = build_oriented(scan, flipped, GEOMETRY, Recipe(), CPU)
    by_hand = build_dataset(scan, flipped, GEOMETRY)
    assert found.preparation == by_hand.preparation
    np.testing.assert_array_equal(found.dataset.positions_px, by_hand.dataset.positions_px)
