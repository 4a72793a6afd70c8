"""Masks: which bits say that a pixel must not be used, in CXI and in NeXus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.unit.files.made import DATA, DETECTOR, GRID, SIDE, counts_nHW, cxi, put

from exitwave.files.cxi import write_measurement
from exitwave.files.frame_masks import FrameMasks
from exitwave.files.scan_formats import open_measurement, read_measurement
from exitwave.schema.errors import DataError

MASK = f"{DETECTOR}/mask"
PIXEL_MASK = f"{DETECTOR}/pixel_mask"


def with_bits(*bits: int) -> np.ndarray:
    """A mask with one pixel for each of these values, in the first row."""
    mask_HW = np.zeros((SIDE, SIDE), np.uint32)
    mask_HW[0, : len(bits)] = bits
    return mask_HW


@pytest.mark.parametrize("bad", [0x1, 0x2, 0x4, 0x8, 0x10, 0x40, 0x80, 0x200, 0x400, 0x1001])
def test_bits_of_cxi_that_say_bad(tmp_path: Path, bad: int) -> None:
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {MASK: with_bits(0, bad, 0x1000)}))
    assert measurement.mask_HW[0, :3].tolist() == [True, False, True]
    assert int((~measurement.mask_HW).sum()) == 1


def test_bits_of_cxi_that_say_nothing_bad(tmp_path: Path) -> None:
    harmless = with_bits(0x20, 0x100, 0x800, 0x1000, 0x2000, 0x4000)
    harmless[8:24, 8:24] = 0x1000
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {MASK: harmless}))
    assert measurement.mask_HW.all()
    (note,) = measurement.notes
    assert "257 x 0x1000 (has signal, kept)" in note.text


def test_a_bit_in_no_table_is_bad_and_told_of(tmp_path: Path) -> None:
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {MASK: with_bits(0x20000)}))
    assert not measurement.mask_HW[0, 0]
    assert "0x20000 (in no table)" in measurement.notes[0].text


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.int32, np.float32, ">u2"])
def test_masks_of_other_types(tmp_path: Path, dtype: Any) -> None:
    measurement = open_measurement(
        cxi(tmp_path / "a.cxi", {MASK: with_bits(0, 1, 0, 1).astype(dtype)})
    )
    assert measurement.mask_HW[0, :4].tolist() == [True, False, True, False]
    text = next(origin.value for origin in measurement.origins if origin.name == "mask")
    assert text.startswith("2 of 1024 pixels left out")


def test_a_mask_of_minus_ones(tmp_path: Path) -> None:
    mask = with_bits().astype(np.int32)
    mask[5] = -1
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {MASK: mask}))
    assert not measurement.mask_HW[5].any() and measurement.mask_HW[6].all()


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (np.zeros((SIDE, SIDE - 1), int), r"shape \(32, 31\)"),
        (np.zeros((3, SIDE, SIDE), int), r"shape \(3, 32, 32\)"),
        (np.full((SIDE, SIDE), 0.5), "not whole"),
        (np.full((SIDE, SIDE), b"x"), "expected a mask"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path: Path, mask: np.ndarray, says: str) -> None:
    with pytest.raises(DataError, match=f"mask: found .*{says}"):
        open_measurement(cxi(tmp_path / "a.cxi", {MASK: mask}))


def test_a_mask_that_hides_most_is_doubted(tmp_path: Path) -> None:
    measurement = open_measurement(
        cxi(tmp_path / "a.cxi", {MASK: np.ones((SIDE, SIDE), np.uint8)})
    )
    assert not measurement.mask_HW.any()
    assert "the other way round" in measurement.notes[-1].text


def test_the_table_of_nexus(tmp_path: Path) -> None:
    """There 0x1000 is nothing, and the upper half alone rejects no pixel."""
    bits = with_bits(0x1, 0x2, 0x10, 0x100, 0x10000, 0x80000000)
    measurement = open_measurement(cxi(tmp_path / "a.cxi", {PIXEL_MASK: bits}))
    assert measurement.mask_HW[0, :6].tolist() == [False] * 4 + [True, False]
    put(tmp_path / "a.cxi", {MASK: np.roll(with_bits(0x1), 9, axis=1)})
    both = open_measurement(tmp_path / "a.cxi").mask_HW
    assert not both[0, 0] and not both[0, 9], "both masks count"


@pytest.mark.parametrize("raster", [False, True])
def test_a_mask_of_every_frame(tmp_path: Path, raster: bool) -> None:
    bits = np.zeros((25, SIDE, SIDE), np.uint32)
    bits[:, 3, 4] = 0x8
    bits[:, 10, 10] = 0x1000
    bits[7, 20:22, 5] = 0x2
    bits[24, 0, 0] = 0x1
    patterns = counts_nHW()
    if raster:
        bits, patterns = (values.reshape(*GRID, SIDE, SIDE) for values in (bits, patterns))
    path = cxi(tmp_path / "a.cxi", {f"{DATA}/data": patterns, MASK: bits})
    measurement = open_measurement(path)
    assert np.argwhere(~measurement.mask_HW).tolist() == [[3, 4]]
    masks = measurement.frame_masks
    assert len(masks) == 25
    assert masks.of(7).tolist() == [20 * SIDE + 5, 21 * SIDE + 5]
    assert masks.of(24).tolist() == [0] and masks.of(0).size == 0
    assert (masks.offsets.dtype, masks.pixels.dtype) == (np.int64, np.int32)
    write_measurement(tmp_path / "b.cxi", measurement)
    again = read_measurement(tmp_path / "b.cxi")
    np.testing.assert_array_equal(again.frame_masks.offsets, masks.offsets)
    np.testing.assert_array_equal(again.frame_masks.pixels, masks.pixels)
    np.testing.assert_array_equal(again.mask_HW, measurement.mask_HW)


def test_frame_masks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="frame masks"):
        FrameMasks(np.array([0, 2, 1]), np.array([4], np.int32))
    path = cxi(tmp_path / "a.cxi")
    masks = FrameMasks.from_frames(np.eye(SIDE, dtype=bool) for _ in range(3))
    with h5py.File(path, "r+") as file:
        file["exitwave/frame_masks/offsets"] = masks.offsets
        file["exitwave/frame_masks/pixels"] = masks.pixels
    with pytest.raises(DataError, match="masks for 3 frames"):
        open_measurement(path)
