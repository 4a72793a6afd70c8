"""The hot path and the chunked reference against autograd through the forward model."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from tests.support.gradients import assert_equals_reference, batch_of, reference
from tests.unit.engine.scene import make_scene

from exitwave.engine.forward import illuminate, waves
from exitwave.engine.gradients import fused, step
from exitwave.engine.gradients.fused import FusedStep
from exitwave.engine.gradients.patches import IndexPatches, SlicePatches
from exitwave.engine.gradients.step import AutogradStep, make_step
from exitwave.engine.loss import LOSSES, PixelLoss

EFFECTS = list(product([True, False], repeat=3))


@pytest.mark.parametrize("loss", ["amplitude", "anscombe", "poisson", "gaussian"])
@pytest.mark.parametrize(("object_states", "states"), [(1, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("effects", EFFECTS, ids=lambda on: "shift mask scale"[: 6 * sum(on)])
def test_fused_step_equals_autograd(
    loss: str,
    effects: tuple[bool, bool, bool],
    object_states: int,
    states: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Two frames a chunk: whole chunks and a rest.
    two_views = 2 * object_states * states * 120
    monkeypatch.setattr(fused, "CHUNK_CPU", two_views // torch.get_num_threads())
    monkeypatch.setattr(illuminate, "RAMP_SLAB", 3)
    shifted, masked, scaled = effects
    scene = make_scene(
        object_states=object_states,
        states=states,
        shifted=shifted,
        masked=masked,
        scaled=scaled,
    )
    hot = FusedStep(scene.scan, waves(scene.object_MYX, scene.probe_NHW))
    assert_equals_reference(hot, scene, loss)


def test_chunked_reference_equals_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "CHUNK", 2 * 4 * 120)
    scene = make_scene(object_states=2, states=2)
    plain = AutogradStep(scene.scan, waves(scene.object_MYX, scene.probe_NHW))
    gradients = plain.gradients["object"], plain.gradients["probe"]
    assert_equals_reference(plain, scene, "poisson")
    assert plain.gradients["object"] is gradients[0]
    assert plain.gradients["probe"] is gradients[1]


def test_steps_see_variables_that_changed_in_place() -> None:
    for kind in (FusedStep, AutogradStep):
        scene = make_scene(object_states=2)
        step = kind(scene.scan, waves(scene.object_MYX, scene.probe_NHW))
        scene.object_MYX.mul_(2)
        scene.probe_NHW.add_(1)
        assert_equals_reference(step, scene, "amplitude")


def test_a_new_loss_needs_its_terms_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def fourth_root(model: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        return (model.pow(0.25) - counts.pow(0.25)).square()

    entry = PixelLoss(per_pixel=fourth_root, curvature=1 / 16, worst=2.0)
    monkeypatch.setitem(LOSSES, "fourth root", entry)
    scene = make_scene()
    variables = scene.object_MYX, scene.probe_NHW
    chosen = make_step(scene.scan, waves(*variables), ["amplitude", "fourth root"])
    assert isinstance(chosen, AutogradStep)
    assert_equals_reference(chosen, scene, "fourth root")
    known = make_step(scene.scan, waves(*variables), ["amplitude", "gaussian"])
    assert isinstance(known, FusedStep)
    with pytest.raises(ValueError, match="fourth root"):
        FusedStep(scene.scan, waves(*variables)).run(batch_of(scene), "fourth root")


@pytest.mark.parametrize("loss", ["amplitude", "anscombe", "poisson", "gaussian"])
def test_fused_step_is_precise_enough_in_single_precision(loss: str) -> None:
    scene = make_scene()
    _, (object_gradient, _) = reference(scene, loss)
    single = make_scene(dtype=torch.complex64)
    step = FusedStep(single.scan, waves(single.object_MYX, single.probe_NHW))
    step.run(batch_of(single), loss)
    error = torch.linalg.vector_norm(step.gradients["object"] - object_gradient)
    assert error < 1e-5 * torch.linalg.vector_norm(object_gradient)


def test_both_ways_to_reach_patches_agree() -> None:
    source, chosen = torch.randn(2, 9, 11, dtype=torch.complex64), np.array([2, 0, 1, 2])
    corners, window = torch.tensor([[0, 1], [4, 3], [2, 5]]), (5, 6)
    patches = torch.randn(4, 2, 5, 6, dtype=torch.complex64)
    gathered, targets = [], []
    for kind in (SlicePatches, IndexPatches):
        target, out = torch.zeros_like(source), torch.empty_like(patches)
        reader = kind(source, target, corners, window)
        reader.gather(chosen, torch.from_numpy(chosen), out)
        reader.add(chosen, torch.from_numpy(chosen), patches)
        gathered.append(out)
        targets.append(target)
    torch.testing.assert_close(gathered[0], gathered[1], rtol=0, atol=0)
    torch.testing.assert_close(targets[0], targets[1])
    torch.testing.assert_close(gathered[0][1], source[:, :5, 1:7])
