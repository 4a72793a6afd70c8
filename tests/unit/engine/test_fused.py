"""The hot path against autograd through the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.unit.engine.scene import Scene, make_scene

from exitwave.engine import fused
from exitwave.engine.forward import data_loss
from exitwave.engine.fused import FusedStep
from exitwave.engine.patches import IndexPatches, SlicePatches
from exitwave.engine.prior import EPSILON, TotalVariation, total_variation

CHOSEN = np.array([4, 0, 6, 2, 3], dtype=np.intp)


def reference(scene: Scene, loss: str) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    scan, index = scene.scan, torch.from_numpy(CHOSEN)
    variables = [v.clone().requires_grad_() for v in (scene.object_MYX, scene.probe_NHW)]
    value = data_loss(
        variables[0],
        variables[1],
        scan.corners_n2[index],
        scan.counts_nHW[index].to(scene.probe_NHW.real.dtype),
        loss,
        epsilon=scan.epsilon,
        shifts_B2=None if scan.shifts_n2 is None else scan.shifts_n2[index],
        scale_B=None if scan.scale_n is None else scan.scale_n[index],
        mask_HW=scan.mask_HW,
    )
    return value.detach(), torch.autograd.grad(value, variables)


@pytest.mark.parametrize("loss", ["amplitude", "poisson"])
@pytest.mark.parametrize("effects", [True, False])
@pytest.mark.parametrize("states", [1, 2])
def test_fused_step_equals_autograd(
    loss: str, effects: bool, states: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two frames a chunk: whole chunks and a rest.
    monkeypatch.setattr(fused, "CHUNK_CPU", 2 * states * 120)
    scene = make_scene(states=states, shifted=effects, masked=effects, scaled=effects)
    value, (object_gradient, probe_gradient) = reference(scene, loss)
    step = FusedStep(scene.scan, scene.object_MYX, scene.probe_NHW)
    for _ in range(2):  # the second run must not see what the first left behind
        total = step.run(CHOSEN, loss, factor=0.5)
    torch.testing.assert_close(step.object_gradient_MYX, object_gradient / 2)
    torch.testing.assert_close(step.probe_gradient_NHW, probe_gradient / 2)
    # The amplitude loss leaves out epsilon times w squared.
    torch.testing.assert_close(total / len(CHOSEN), value / 2, rtol=1e-5, atol=0)


def test_fused_step_is_precise_enough_in_single_precision() -> None:
    scene = make_scene()
    _, (object_gradient, _) = reference(scene, "amplitude")
    single = make_scene(dtype=torch.complex64)
    step = FusedStep(single.scan, single.object_MYX, single.probe_NHW)
    step.run(CHOSEN, "amplitude")
    error = torch.linalg.vector_norm(step.object_gradient_MYX - object_gradient)
    assert error < 1e-5 * torch.linalg.vector_norm(object_gradient)


def test_both_ways_to_reach_patches_agree() -> None:
    source, chosen = torch.randn(9, 11, dtype=torch.complex64), np.array([2, 0, 1, 2])
    corners, window = torch.tensor([[0, 1], [4, 3], [2, 5]]), (5, 6)
    patches = torch.randn(4, 5, 6, dtype=torch.complex64)
    gathered, targets = [], []
    for kind in (SlicePatches, IndexPatches):
        target, out = torch.zeros_like(source), torch.empty_like(patches)
        reader = kind(source, target, corners, window)
        reader.gather(chosen, out)
        reader.add(chosen, patches)
        gathered.append(out)
        targets.append(target)
    torch.testing.assert_close(gathered[0], gathered[1], rtol=0, atol=0)
    torch.testing.assert_close(targets[0], targets[1])
    torch.testing.assert_close(gathered[0][1], source[:5, 1:7])


@pytest.mark.parametrize(("p", "q"), [(2.0, 1.0), (2.0, 1.5), (1.0, 1.0), (3.0, 2.0)])
def test_prior_gradient_equals_autograd(p: float, q: float) -> None:
    picture = torch.randn(2, 7, 9, dtype=torch.complex128)
    picture[0, :3] = 1
    variable = picture.clone().requires_grad_()
    (expected,) = torch.autograd.grad(total_variation(variable, p=p, q=q), variable)
    planes = TotalVariation(picture, p=p, q=q).gradient(picture)
    torch.testing.assert_close(torch.complex(planes[0], planes[1]), expected)


def test_total_variation_of_an_edge_is_its_length() -> None:
    picture = torch.zeros(1, 10, 20, dtype=torch.complex128)
    picture[:, :, 8:] = 3j
    value = float(total_variation(picture, p=2, q=1))
    assert value == pytest.approx(10 * 3 / 200 + EPSILON**0.5, rel=1e-2)
