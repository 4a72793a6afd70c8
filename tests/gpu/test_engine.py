"""The engine on a GPU against the engine on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.simulated import as_dataset, similarity

from exitwave.engine import reconstruct
from exitwave.schema.recipe import Loss, Recipe, Stage
from exitwave.simulated_beamline.simulate import SimulatedScan, simulate

DEVICE = "cuda"


@pytest.fixture(scope="module")
def scan() -> SimulatedScan:
    return simulate(0.6, 1e5, 2, grid=6)


@pytest.mark.parametrize("loss", ["amplitude", "poisson", "gaussian"])
@pytest.mark.parametrize("subpixel", ["on", "off"])
def test_the_first_epoch_is_the_cpus(scan: SimulatedScan, loss: Loss, subpixel: str) -> None:
    """Later ones drift apart: sums of floats come in another order."""
    recipe = Recipe(
        stages=(Stage(loss=loss, epochs=1, batches=(12.0,), object_rate=0.01),),
        probe_states=2,
        subpixel=subpixel,
    )
    here, there = (
        next(reconstruct(as_dataset(scan), recipe, device=device)) for device in ("cpu", DEVICE)
    )
    np.testing.assert_allclose(there.loss.data, here.loss.data, rtol=1e-3)
    difference = np.abs(there.object_MYX() - here.object_MYX())[:, here.illuminated_YX()]
    assert difference.mean() < 1e-3


def test_a_gpu_finds_the_picture(scan: SimulatedScan) -> None:
    *_, state = reconstruct(as_dataset(scan), Recipe(), device=DEVICE)
    assert similarity(state, scan) > 0.95
