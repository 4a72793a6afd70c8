"""Limits of the object, held after each epoch: modulus and range of phase."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from exitwave.schema.sections import ClampOptions

from .gauge import Box
from .parameters import Parameters

WHOLE_CIRCLE = 2 * math.pi - 1e-9


def clamp(variables: Parameters, limits: ClampOptions, scanned: Box) -> None:
    """Hold modulus and phase of the object within the recipe's limits."""
    if limits.modulus > 0:
        clip_modulus(variables.object_MYX, limits.modulus)
    if limits.phase_high_rad - limits.phase_low_rad < WHOLE_CIRCLE:
        centre_phase(variables, (limits.phase_low_rad + limits.phase_high_rad) / 2, scanned)
        clip_phase(variables.object_MYX, limits.phase_low_rad, limits.phase_high_rad)


def clip_modulus(object_MYX: Tensor, largest: float) -> None:
    """Pixels of greater modulus get the largest one and keep their phase."""
    object_MYX.mul_(largest / object_MYX.abs().clamp_min(largest))


def clip_phase(object_MYX: Tensor, low_rad: float, high_rad: float) -> None:
    """Pixels of a phase outside get the nearest limit and keep their modulus."""
    object_MYX.copy_(
        torch.polar(object_MYX.abs(), object_MYX.angle().clamp_(low_rad, high_rad))
    )


def centre_phase(variables: Parameters, middle_rad: float, scanned: Box) -> None:
    """Turn the object so that its mean over the scanned box has this phase.

    A common phase of the object is not measured; without this a range of phases would
    have no meaning. Adam's moments turn along.
    """
    y0, y1, x0, x1 = scanned
    mean = complex(variables.object_MYX[:, y0:y1, x0:x1].sum())
    angle_rad = middle_rad - math.atan2(mean.imag, mean.real)
    variables.object.turn(angle_rad)
