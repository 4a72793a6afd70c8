"""Further probe states, and the noise that breaks symmetry."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from exitwave.schema.recipe import Recipe


def with_extra_states(first_HW: Tensor, recipe: Recipe, random: np.random.Generator) -> Tensor:
    """Noise on the first state; the others modulate it by x, y, xy, ..., orthogonally."""
    shape_HW = (first_HW.shape[0], first_HW.shape[1])
    rms = first_HW.abs().square().mean().sqrt()
    noise = recipe.start.probe_noise * rms
    states: list[Tensor] = []
    for n, (power_y, power_x) in zip(range(recipe.probe_states), _powers(), strict=False):
        y_H, x_W = (torch.linspace(-1, 1, size, device=first_HW.device) for size in shape_HW)
        state_HW = first_HW * (y_H**power_y)[:, None] * (x_W**power_x)
        for other_HW in states:
            share = torch.vdot(other_HW.flatten(), state_HW.flatten())
            state_HW = state_HW - other_HW * share / other_HW.abs().square().sum()
        if n > 0:
            wanted = recipe.start.extra_states_amplitude * rms
            state_HW = state_HW * (
                wanted / state_HW.abs().square().mean().sqrt().clamp_min(1e-30)
            )
        states.append(state_HW)
    made_NHW = torch.stack(states)
    shape_NHW = (len(states), *shape_HW)
    return made_NHW + noise * complex_noise(random, shape_NHW, first_HW.device)


def _powers() -> list[tuple[int, int]]:
    """Powers of (y, x) in growing degree."""
    return [(degree - i, i) for degree in range(8) for i in range(degree + 1)]


def complex_noise(
    random: np.random.Generator, shape: tuple[int, ...], device: torch.device
) -> Tensor:
    parts = random.standard_normal((2, *shape)) / np.sqrt(2)
    return torch.from_numpy((parts[0] + 1j * parts[1]).astype(np.complex64)).to(device)
