"""The forward model, part by part, against plain NumPy and known identities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.unit.engine.scene import make_scene

from exitwave.engine.detect import detect
from exitwave.engine.forward import data_loss, model_counts
from exitwave.engine.illuminate import exit_waves, shifted_probes, split_positions
from exitwave.engine.loss import pattern_losses, stage_factors
from exitwave.engine.propagate import propagate, propagate_back
from exitwave.schema.recipe import Stage


def test_propagation_is_unitary_and_puts_dc_at_the_corner() -> None:
    waves = torch.randn(3, 8, 6, dtype=torch.complex128)
    far = propagate(waves)
    np.testing.assert_allclose(far.numpy(), np.fft.fft2(waves.numpy(), norm="ortho"))
    torch.testing.assert_close(far.abs().square().sum(), waves.abs().square().sum())
    torch.testing.assert_close(propagate_back(far), waves)
    flat = propagate(torch.ones(8, 6, dtype=torch.complex128)).abs()
    assert flat.argmax() == 0


def test_whole_pixel_exit_waves_are_probe_times_patch() -> None:
    scene = make_scene(shifted=False, scaled=False)
    corners = scene.scan.corners_n2
    waves = exit_waves(scene.object_MYX, scene.probe_NHW, corners)
    for i, (y, x) in enumerate(corners.tolist()):
        patch = scene.object_MYX[0, y : y + 12, x : x + 10]
        torch.testing.assert_close(waves[i, 0], patch * scene.probe_NHW)


def test_probe_shift_by_whole_pixels_is_a_roll_and_by_fractions_an_interpolation() -> None:
    y, x = np.mgrid[:32, :32] - 16.0
    shift = (0.3, -0.45)

    def spot(dy: float, dx: float) -> torch.Tensor:
        picture = np.exp(-((y - dy) ** 2 + (x - dx) ** 2) / 18) * np.exp(0.3j * (x - dx))
        return torch.from_numpy(picture)[None]

    shifts = torch.tensor([[2.0, -3.0], shift], dtype=torch.float64)
    moved = shifted_probes(spot(0, 0), shifts)
    torch.testing.assert_close(moved[0], torch.roll(spot(0, 0), (2, -3), (1, 2)))
    torch.testing.assert_close(moved[1], spot(*shift), atol=1e-6, rtol=0)


def test_positions_split_into_pixels_and_rest() -> None:
    corners, rest = split_positions(
        torch.tensor([[10.3, 10.7], [0.0, 4.0]], dtype=torch.float64)
    )
    assert corners.tolist() == [[10, 11], [0, 4]]
    torch.testing.assert_close(rest[0], torch.tensor([0.3, -0.3], dtype=torch.float64))


def test_flux_scales_the_counts() -> None:
    scene = make_scene(shifted=False)
    corners = scene.scan.corners_n2
    plain = model_counts(scene.object_MYX, scene.probe_NHW, corners)
    scaled = model_counts(
        scene.object_MYX, scene.probe_NHW, corners, scale_B=scene.scan.scale_n
    )
    assert scene.scan.scale_n is not None
    torch.testing.assert_close(scaled, plain * scene.scan.scale_n[:, None, None])


def test_losses_have_known_values_and_vanish_at_the_data() -> None:
    model = torch.tensor([[[4.0, 1.0], [9.0, 2.0]]], dtype=torch.float64)
    counts = torch.tensor([[[1.0, 1.0], [16.0, 0.0]]], dtype=torch.float64)
    amplitude = pattern_losses(model, counts, "amplitude", epsilon=0.0)
    assert float(amplitude) == pytest.approx((1 + 0 + 1 + 2) / 4)
    poisson = pattern_losses(model, counts, "poisson", epsilon=0.0)
    terms = [4 - 1 + np.log(1 / 4), 0, 9 - 16 + 16 * np.log(16 / 9), 2]
    assert float(poisson) == pytest.approx(sum(terms) / 4)
    mask = torch.tensor([[True, True], [True, False]])
    masked = pattern_losses(model, counts, "poisson", epsilon=0.0, mask_HW=mask)
    assert float(masked) == pytest.approx(sum(terms[:3]) / 3)
    for loss in ("amplitude", "poisson"):
        assert float(pattern_losses(model, model, loss, epsilon=0.0)) == pytest.approx(0)


@pytest.mark.parametrize("loss", ["amplitude", "poisson"])
def test_gradient_of_a_loss_is_finite_where_nothing_was_measured(loss: str) -> None:
    model = torch.tensor([[[0.5, 0.0]]], dtype=torch.float64, requires_grad=True)
    value = pattern_losses(model, torch.zeros(1, 1, 2, dtype=torch.float64), loss, epsilon=1e-6)
    value.sum().backward()
    assert model.grad is not None and torch.isfinite(model.grad).all()


@pytest.mark.parametrize("loss", ["amplitude", "poisson"])
def test_mixed_states_loss_equals_the_mean_over_split_patterns(loss: str) -> None:
    """The paper's split I^n = I D^n / D, held constant, in value and gradient."""
    scene = make_scene(states=3, shifted=False, masked=False, scaled=False)
    counts = scene.scan.intensities(np.arange(len(scene.scan))).double() + 0.5
    corners = scene.scan.corners_n2
    gradients, values = [], []
    for split in (False, True):
        variables = [v.clone().requires_grad_() for v in (scene.object_MYX, scene.probe_NHW)]
        far = propagate(exit_waves(variables[0], variables[1], corners))
        model = detect(far)
        if split:
            parts = far.abs().square()[:, 0].transpose(0, 1)
            shares = (counts * parts / model).detach()
            losses = [
                pattern_losses(part, share, loss, epsilon=0.0).mean()
                for part, share in zip(parts, shares, strict=True)
            ]
            value = torch.stack(losses).mean()
        else:
            value = data_loss(variables[0], variables[1], corners, counts, loss, epsilon=0.0)
        values.append(value.detach())
        gradients.append(torch.autograd.grad(value, variables))
    torch.testing.assert_close(values[0], values[1], rtol=1e-10, atol=1e-12)
    for ours, papers in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, papers, rtol=1e-8, atol=1e-10)


def test_stage_factors_multiply_along_the_chain() -> None:
    stages = tuple(
        Stage(loss=loss) for loss in ("amplitude", "poisson", "poisson", "amplitude")
    )
    assert stage_factors(stages) == [1.0, 0.5, 0.5, 1.0]
