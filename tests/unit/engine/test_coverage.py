"""Overlap as stages use it and people see it: one estimator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.simulated import as_dataset

from exitwave.engine import overlap, reconstruct
from exitwave.engine.assessment.coverage import light_of_others, linear_overlap, probe_power
from exitwave.engine.data.scan import load
from exitwave.schema.recipe import Recipe, Stage
from exitwave.simulated_beamline.simulate import make_probe, simulate


@pytest.mark.parametrize("named", [0.7, 0.5, 0.4, 0.25])
@pytest.mark.parametrize("probe", ["disk", "astigmatic"])
def test_overlap_is_told_from_probe_and_positions(named: float, probe: str) -> None:
    simulated = simulate(named, None, 0, probe=probe, grid=10 if named < 0.5 else 15)
    found = overlap(simulated.positions_px, simulated.probe_HW[None])
    assert found == pytest.approx(named, abs=0.05)


def test_stages_and_people_are_told_the_same() -> None:
    simulated = simulate(0.5, None, 0, grid=6)
    scan = load(as_dataset(simulated), Recipe(), torch.device("cpu"))
    probe_NHW = torch.from_numpy(simulated.probe_HW)[None]
    for_stages = linear_overlap(scan.corners_n2.numpy(), probe_power(probe_NHW))
    assert overlap(simulated.positions_px + 0.3, probe_NHW.numpy()) == for_stages


def test_overlap_is_of_all_probe_states_and_may_be_undefined() -> None:
    probe = make_probe("disk")
    views = np.stack(np.mgrid[:9, :9], axis=-1).reshape(-1, 2) * 18.0
    one = overlap(views, probe[None])
    wider = overlap(views, np.stack([probe, np.roll(probe, 40, axis=1)]))
    assert one == pytest.approx(1 - 18 / 36, abs=0.02)
    assert wider is not None and (1 - one) > 1.2 * (1 - wider)
    assert overlap(views[:9], probe[None]) is None
    assert overlap(views[:2], probe[None]) is None
    assert overlap(views, np.zeros((1, 8, 8))) is None


def test_steps_of_other_shapes_count_by_their_mean() -> None:
    probe = make_probe("disk")[None]
    turn, radius = np.arange(400) * 2.39996, 10 * np.sqrt(np.arange(400))
    spiral = np.stack([radius * np.sin(turn), radius * np.cos(turn)], axis=1)
    assert overlap(spiral, probe) == pytest.approx(1 - 10 * np.sqrt(np.pi) / 36, abs=0.03)
    oblong = np.stack(np.mgrid[:30, :30], axis=-1).reshape(-1, 2) * (6.0, 24.0)
    assert overlap(oblong, probe) == pytest.approx(1 - 12 / 36, abs=0.03)


def test_views_that_share_no_light_have_no_overlap() -> None:
    views = np.stack(np.mgrid[:6, :6], axis=-1).reshape(-1, 2) * 40.0
    assert overlap(views, make_probe("disk")[None]) == 0.0


def test_light_of_others_is_counted_by_hand() -> None:
    simulated = simulate(0.5, None, 0, grid=2)
    scan = load(as_dataset(simulated), Recipe(), torch.device("cpu"))
    square = torch.zeros((1, 64, 64), dtype=torch.complex64)
    square[:, 14:50, 14:50] = 2.0  # 36 px wide, views 18 px apart
    found = light_of_others(scan.corners_n2.numpy(), probe_power(square), np.arange(4))
    np.testing.assert_allclose(found, 1 / 2 + 1 / 2 + 1 / 4)


def test_illumination_of_a_state_is_the_light_of_its_views() -> None:
    dataset = as_dataset(simulate(0.5, 1e4, 0, grid=4))
    *_, state = reconstruct(dataset, Recipe(stages=(Stage(epochs=1),)), device="cpu")
    light_YX = state.illumination_YX()
    probe_NHW = state.probe_NHW()
    assert light_YX.shape == state.object_MYX().shape[1:]
    total = 16 * float((np.abs(probe_NHW) ** 2).sum())
    assert float(light_YX.sum(dtype=np.float64)) == pytest.approx(total, rel=1e-5)
