"""Bad input is refused with what was found and what would be right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exitwave.engine import ArrayFrames, Dataset, InitialGuess, object_shape_YX, reconstruct
from exitwave.schema.errors import DataError, EngineError
from exitwave.schema.recipe import Recipe

COUNTS = np.ones((3, 8, 8), np.uint16)
POSITIONS = np.array([[0.0, 0.0], [2.0, 3.4], [5.0, 1.0]])


def make(counts: Any = COUNTS, positions: Any = POSITIONS, **more: Any) -> Dataset:
    return Dataset(frames=ArrayFrames(counts), positions_px=positions, **more)


def with_value(array: Any, index: tuple[int, ...], value: float) -> Any:
    changed = np.array(array, dtype=np.float32)
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"positions": POSITIONS[:2]}, "2 positions for 3 frames"),
        ({"positions": with_value(POSITIONS, (1, 0), np.nan)}, "first at index 1"),
        (
            {"positions": with_value(POSITIONS, (1, 0), -1)},
            "1 of 3 positions below 0, the lowest -1",
        ),
        ({"positions": np.zeros((3, 3))}, "shape (3, 3)"),
        ({"positions": [["a", "b"]] * 3}, "an array of numbers"),
        ({"counts": COUNTS[:0], "positions": POSITIONS[:0]}, "0 frames"),
        ({"scale_n": np.array([1.0, 0.0, 1.0])}, "relative flux above 0"),
        ({"scale_n": np.ones(2)}, "scale_n: found shape (2,)"),
        ({"mask_HW": np.zeros((8, 8), bool)}, "no valid pixel"),
        ({"mask_HW": np.ones((8, 8))}, "bool of shape (8, 8)"),
        ({"pixel_size_m": 0.0}, "metres"),
        ({"counts": COUNTS[:1], "positions": POSITIONS[:1]}, "one single pattern"),
        ({"positions": 0.1 * np.eye(3, 2)}, "all 3 views within 0.1 x 0.1 px; expected a scan"),
        ({"positions": 8.0 * np.eye(3, 2)}, "3 of 3 views of 8 x 8 px that share no pixel"),
        (
            {"positions": with_value(POSITIONS, (1, 0), 2e4)},
            "20008 x 12 px; view 1 is farthest",
        ),
    ],
)
def test_dataset_refuses(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as caught:
        make(**arguments)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        (with_value(COUNTS, (1, 2, 2), np.nan), "frames[1]: found non-finite counts in 1 pix"),
        (with_value(COUNTS, (1, 2, 2), np.inf), "frames[1]: found non-finite counts"),
        (with_value(COUNTS, (2, 2, 2), -3), "frames[2]: found -3.0 counts"),
        (
            with_value(3 * COUNTS, (1,), 0),
            "frames[1]: found no count in any valid pixel",
        ),
        (np.where(np.eye(8), 65535, COUNTS).astype(np.uint16), "8 pixels, the first (0, 0)"),
        (np.where(np.eye(8), 4095, COUNTS).astype(np.float32), "full scale 4095: saturated"),
        (COUNTS * 0, "no count in any valid pixel"),
        (with_value(COUNTS, (1, 2, 2), 1e30), "frames: found 1e+30 counts in a pixel"),
        (np.where(np.arange(8) == COUNTS, 2**64 - 1, COUNTS).astype("u8"), "saturated"),
        (COUNTS.astype(complex), "values of type complex128"),
    ],
)
def test_reconstruct_refuses_frames(counts: Any, says: str) -> None:
    with pytest.raises(DataError) as caught:
        next(reconstruct(make(counts), Recipe(), device="cpu"))
    assert says in str(caught.value)


def test_marks_of_dead_pixels_under_the_mask_are_not_counts() -> None:
    mask = np.ones((8, 8), bool)
    mask[2, 2] = False
    for counts in (with_value(COUNTS, (1, 2, 2), np.nan), COUNTS.astype(np.uint32)):
        if counts.dtype == np.uint32:
            counts[:, 2, 2] = 2**32 - 1
        state = next(reconstruct(make(counts, mask_HW=mask), Recipe(), device="cpu"))
        assert np.isfinite(state.loss.total) and state.loss.data < 10


@pytest.mark.parametrize("dtype", [np.uint64, np.float32, np.float64])
def test_one_impossible_count_is_refused(dtype: type) -> None:
    counts = COUNTS.astype(dtype)
    counts[1, 2, 3] = 2**63 + 2**62
    with pytest.raises(
        DataError, match=r"1.38e\+19 counts in a pixel; expected at most 1e\+15"
    ):
        next(reconstruct(make(counts), Recipe(), device="cpu"))


def test_start_of_the_wrong_shape_is_refused() -> None:
    start = InitialGuess(probe_NHW=np.ones((8, 9), np.complex64))
    with pytest.raises(DataError, match=r"start.probe_NHW: found shape \(8, 9\)"):
        next(reconstruct(make(), Recipe(), start, device="cpu"))


def test_unknown_device_is_refused() -> None:
    with pytest.raises(EngineError, match="abacus"):
        next(reconstruct(make(), Recipe(), device="abacus"))


def test_object_holds_all_views_at_fractional_positions() -> None:
    assert object_shape_YX(POSITIONS, (8, 8)) == (13, 12)
    assert make().object_shape_YX == (13, 12)
