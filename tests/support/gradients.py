"""A step's gradients against autograd through the forward model."""

from __future__ import annotations

import numpy as np
import torch
from tests.unit.engine.scene import Scene

from exitwave.engine.data.feed import Batch
from exitwave.engine.forward import batch_loss, waves
from exitwave.engine.gradients.step import Step

CHOSEN = np.array([4, 0, 6, 2, 3], dtype=np.intp)


def batch_of(scene: Scene, chosen: np.ndarray = CHOSEN) -> Batch:
    (batch,) = scene.scan.feed([chosen])
    return batch


def reference(scene: Scene, loss: str) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    scan, index = scene.scan, torch.from_numpy(CHOSEN)
    variables = [v.clone().requires_grad_() for v in (scene.object_MYX, scene.probe_NHW)]
    value = batch_loss(
        waves(*variables),
        scan.views(index),
        batch_of(scene).counts(0, len(CHOSEN)).to(scene.probe_NHW.real.dtype),
        loss,
        epsilon=scan.epsilon,
        mask_HW=scan.mask_HW,
    )
    return value.detach(), torch.autograd.grad(value, variables)


def assert_equals_reference(step: Step, scene: Scene, loss: str) -> None:
    value, (object_gradient, probe_gradient) = reference(scene, loss)
    for _ in range(2):  # the second run must not see what the first left behind
        total = step.run(batch_of(scene), loss, factor=0.5)
    torch.testing.assert_close(step.gradients["object"], object_gradient / 2)
    torch.testing.assert_close(step.gradients["probe"], probe_gradient / 2)
    torch.testing.assert_close(total / len(CHOSEN), value / 2)
