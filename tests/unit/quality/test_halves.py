"""Halves of the data, and the overlap that decides how they are made."""

from __future__ import annotations

import numpy as np
import pytest

from exitwave.quality import ChosenFrames, ThinnedFrames, overlap
from exitwave.quality.overlap import mean_step_px, probe_diameter_px
from exitwave.schema.errors import DataError
from exitwave.simulated_beamline.simulate import make_probe, simulate

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


@pytest.mark.parametrize("named", [0.5, 0.4, 0.3, 0.25])
@pytest.mark.parametrize("probe", ["disk", "astigmatic"])
def test_overlap_of_the_simulated_sets(named: float, probe: str) -> None:
    scan = simulate(named, 1e4, 1, probe=probe, grid=4)
    found = overlap(scan.positions_px, scan.probe_HW[None])
    assert found == pytest.approx(1 - scan.step_px / 36, abs=0.02)


def test_overlap_is_of_all_probe_states_and_may_be_none() -> None:
    probe = make_probe("disk")
    views = np.stack(np.mgrid[:5, :5], axis=-1).reshape(-1, 2) * 50.0
    assert overlap(views, probe[None]) == pytest.approx(1 - 50 / 36, abs=0.02)
    wider = np.stack([probe, np.roll(probe, 40, axis=1)])
    assert probe_diameter_px(wider) > 1.2 * probe_diameter_px(probe[None])
    assert overlap(views[:5], probe[None]) is None
    assert overlap(views[:2], probe[None]) is None
    assert overlap(views, np.zeros((1, 8, 8))) is None


def test_mean_step_of_scans_of_other_shapes() -> None:
    turn, radius = np.arange(800) * 2.39996, 10 * np.sqrt(np.arange(800))
    spiral = np.stack([radius * np.sin(turn), radius * np.cos(turn)], axis=1)
    assert mean_step_px(spiral) == pytest.approx(10 * np.sqrt(np.pi), rel=0.03)
    oblong = np.stack(np.mgrid[:30, :30], axis=-1).reshape(-1, 2) * (6.0, 24.0)
    assert mean_step_px(oblong) == pytest.approx(12, rel=0.05)
