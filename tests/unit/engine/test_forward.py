"""The forward model, part by part, against plain NumPy and known identities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.unit.engine.scene import make_scene

from exitwave.engine.forward import Views, model_counts, waves
from exitwave.engine.forward.illuminate import exit_waves, shifted_probes, split_positions
from exitwave.engine.forward.propagate import propagate, propagate_back
from exitwave.engine.loss import pattern_losses


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
    named = waves(scene.object_MYX, scene.probe_NHW)
    plain = model_counts(named, Views(corners_B2=corners))
    scaled = model_counts(named, Views(corners_B2=corners, scale_B=scene.scan.scale_n))
    assert scene.scan.scale_n is not None
    torch.testing.assert_close(scaled, plain * scene.scan.scale_n[:, None, None])


@pytest.mark.parametrize("loss", ["amplitude", "anscombe", "poisson", "gaussian"])
def test_gradient_of_a_loss_is_finite_where_nothing_was_measured(loss: str) -> None:
    model = torch.tensor([[[0.5, 0.0]]], dtype=torch.float64, requires_grad=True)
    value = pattern_losses(model, torch.zeros(1, 1, 2, dtype=torch.float64), loss, epsilon=1e-6)
    value.sum().backward()
    assert model.grad is not None and torch.isfinite(model.grad).all()
