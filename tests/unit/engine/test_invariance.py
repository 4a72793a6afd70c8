"""What ptychography cannot know leaves D and the loss alone, and gradients turn along."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from tests.unit.engine.scene import Scene, make_scene
from torch import Tensor

from exitwave.engine.forward import model_counts, waves
from exitwave.engine.gradients.fused import FusedStep
from exitwave.engine.gradients.step import AutogradStep
from exitwave.schema.recipe import Loss

SHIFT_YX = (2, -3)
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Gauge:
    """How object and probe change together, and how their gradients do."""

    object: Change
    probe: Change
    object_gradient: Change
    probe_gradient: Change


def rolled(values: Tensor) -> Tensor:
    return torch.roll(values, SHIFT_YX, dims=(-2, -1))


def ramp(values: Tensor, sign: int) -> Tensor:
    y, x = (torch.arange(size, dtype=torch.float64) for size in values.shape[-2:])
    angle = sign * (0.21 * y[:, None] - 0.34 * x)
    return values * torch.polar(torch.ones_like(angle), angle)


FACTOR = 1.7 * complex(math.cos(0.6), math.sin(0.6))
GAUGES = {
    "shift": Gauge(rolled, rolled, rolled, rolled),
    # The same ramp on the gradient as on the variable: a phase factor in each pixel.
    "ramp": Gauge(*[lambda v: ramp(v, 1), lambda v: ramp(v, -1)] * 2),
    "scale": Gauge(
        lambda v: v * FACTOR,
        lambda v: v / FACTOR,
        lambda v: v / FACTOR.conjugate(),
        lambda v: v * FACTOR.conjugate(),
    ),
}


def roomy_scene() -> Scene:
    """The probe is dark at its rim and views lie inside, so that both can be rolled.

    Whole-pixel positions: between pixels a ramp is not periodic in the window.
    """
    scene = make_scene(object_states=2, shifted=False)
    rim_HW = torch.zeros(scene.scan.window_HW, dtype=torch.float64)
    rim_HW[4:-4, 4:-4] = 1
    scan = replace(scene.scan, corners_n2=scene.scan.corners_n2.clamp(4, 8))
    return Scene(scan=scan, object_MYX=scene.object_MYX, probe_NHW=scene.probe_NHW * rim_HW)


def outcome(scene: Scene, kind: type, loss: Loss) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    chosen = np.arange(len(scene.scan), dtype=np.intp)
    (batch,) = scene.scan.feed([chosen])
    with torch.no_grad():
        named = waves(scene.object_MYX, scene.probe_NHW)
        model = model_counts(named, scene.scan.views(torch.arange(len(scene.scan))))
        step = kind(scene.scan, named)
        value = step.run(batch, loss)
    return model, value, step.gradients["object"], step.gradients["probe"]


@pytest.mark.parametrize("gauge", list(GAUGES))
@pytest.mark.parametrize("kind", [FusedStep, AutogradStep])
@pytest.mark.parametrize("loss", ["amplitude", "poisson", "gaussian"])
def test_a_gauge_changes_neither_counts_nor_loss(loss: Loss, kind: type, gauge: str) -> None:
    change, scene = GAUGES[gauge], roomy_scene()
    model, value, object_gradient, probe_gradient = outcome(scene, kind, loss)
    moved = Scene(
        scan=scene.scan,
        object_MYX=change.object(scene.object_MYX),
        probe_NHW=change.probe(scene.probe_NHW),
    )
    assert not torch.allclose(moved.probe_NHW, scene.probe_NHW)
    model_after, value_after, object_after, probe_after = outcome(moved, kind, loss)
    torch.testing.assert_close(model_after, model)
    torch.testing.assert_close(value_after, value)
    torch.testing.assert_close(object_after, change.object_gradient(object_gradient))
    expected = change.probe_gradient(probe_gradient)
    if gauge == "shift":  # at its rim the window sees other pixels of the object
        probe_after, expected = (part[:, 3:-3, 3:-3] for part in (probe_after, expected))
    torch.testing.assert_close(probe_after, expected)
