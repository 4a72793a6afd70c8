"""Halves of the data, and the overlap that decides how they are made."""

from __future__ import annotations

import numpy as np
import pytest

from exitwave.quality import ChosenFrames, ThinnedFrames
from exitwave.schema.errors import DataError

ALL = np.arange(40)


class ArrayFrames:
    def __init__(self, counts_nHW: np.ndarray) -> None:
        self.counts_nHW = counts_nHW
        self.shape_HW = counts_nHW.shape[1:]

    def __len__(self) -> int:
        return len(self.counts_nHW)

    def read(self, indices: np.ndarray) -> np.ndarray:
        return self.counts_nHW[indices]


def counted(dtype: str = "uint16") -> np.ndarray:
    counts = np.random.default_rng(0).poisson(6.0, (40, 16, 16)).astype(dtype)
    counts[:, 0, 0] = 40_000
    return counts


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
def test_thinned_halves_sum_to_the_counts(dtype: str) -> None:
    counts = counted(dtype)
    first, second = (
        ThinnedFrames(ArrayFrames(counts), part, seed=4).read(ALL) for part in (0, 1)
    )
    np.testing.assert_array_equal(first + second, counts)
    assert first.dtype == counts.dtype
    assert len(ThinnedFrames(ArrayFrames(counts), 0, seed=4)) == 40


def test_thinned_halves_are_independent_halves() -> None:
    counts = counted()
    first, second = (
        ThinnedFrames(ArrayFrames(counts), part, seed=4).read(ALL).astype(float)
        for part in (0, 1)
    )
    inner = (slice(None), slice(1, None), slice(1, None))
    for half in (first, second):
        assert half.sum() == pytest.approx(counts.sum() / 2, rel=0.01)
        assert half[inner].mean() == pytest.approx(3, rel=0.03)
        assert half[inner].var() == pytest.approx(3, rel=0.05)
        assert half[:, 0, 0].std() == pytest.approx(100, rel=0.3)
    both = np.corrcoef(first[inner].ravel(), second[inner].ravel())
    assert abs(both[0, 1]) < 0.03


def test_a_thinned_half_does_not_depend_on_how_it_is_read() -> None:
    half = ThinnedFrames(ArrayFrames(counted()), 0, seed=4)
    chosen = np.array([31, 2, 7])
    np.testing.assert_array_equal(half.read(chosen), half.read(ALL)[chosen])
    other = ThinnedFrames(ArrayFrames(counted()), 0, seed=5)
    assert (other.read(ALL) != half.read(ALL)).any()


def test_pixels_off_the_mask_need_not_hold_counts() -> None:
    counts = counted("float32")
    mask = np.ones((16, 16), bool)
    counts[:, 3, 4], mask[3, 4] = np.nan, False
    half = ThinnedFrames(ArrayFrames(counts), 1, seed=4, mask_HW=mask).read(ALL)
    assert (half[:, 3, 4] == 0).all()


def test_what_is_not_counts_cannot_be_split() -> None:
    counts = counted("float32") + 0.25
    with pytest.raises(DataError, match=r"frames\[2\].*whole numbers"):
        ThinnedFrames(ArrayFrames(counts), 0, seed=4).read(np.array([2, 3]))


def test_chosen_frames_are_those() -> None:
    counts = counted()
    odd = ChosenFrames(ArrayFrames(counts), np.arange(1, 40, 2))
    assert len(odd) == 20
    assert odd.shape_HW == (16, 16)
    np.testing.assert_array_equal(odd.read(np.array([0, 19])), counts[[1, 39]])
