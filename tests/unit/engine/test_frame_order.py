"""Where frames may be out of step with positions: what a finished run's deviances tell."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.engine.told import raster

from exitwave.engine.assessment.fit_evidence import MIXES, Evidence
from exitwave.engine.consistency.frame_order import suspected

POSITIONS_PX = raster(10, 12, 10)
COUNT = len(POSITIONS_PX)


def evidence(ratio_n: np.ndarray) -> Evidence:
    """Of a run whose frames have these deviances in units of noise."""
    ones = np.ones(len(ratio_n))
    names = (
        "fit_noise_n", "fit_spread_n", "fit_mean_n", "held_noise_n", "held_mean_n", "light_n",
        "model_light_n", "hidden_light_n",
    )  # fmt: skip
    return Evidence(
        epoch=1,
        counted=True,
        fitted_n=ones > 0,
        fit_n=ratio_n,
        held_mixes_nK=np.ones((len(ratio_n), len(MIXES))),
        **dict.fromkeys(names, ones),
    )


def usual(count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(4).uniform(1.0, 1.3, count)


@pytest.mark.parametrize("worse", [slice(70, None), slice(None, 70), slice(60, 80)])
def test_frames_worse_on_one_side_or_about_the_break_tell_where(worse: slice) -> None:
    ratio_n = usual()
    ratio_n[worse] += 1
    found = suspected(evidence(ratio_n), POSITIONS_PX)
    assert found is not None
    low, high = found
    assert low <= 70 <= high
    assert high - low < COUNT / 2
    assert ratio_n[(low + high) // 2] >= 2, "bad frames spoil good ones, not the reverse"


def test_frames_that_are_all_alike_tell_nothing() -> None:
    assert suspected(evidence(usual()), POSITIONS_PX) is None
    assert suspected(evidence(np.ones(COUNT)), POSITIONS_PX) is None


def test_few_frames_and_a_few_bad_ones_tell_nothing() -> None:
    assert suspected(evidence(usual(12)), POSITIONS_PX[:12]) is None
    ratio_n = usual()
    ratio_n[[5, 31, 77, 102]] = 9
    assert suspected(evidence(ratio_n), POSITIONS_PX) is None
