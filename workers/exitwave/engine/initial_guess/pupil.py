"""A probe from the pupil: what the detector sees of the beam, out of focus by so much.

The pupil's modulus is the root of the mean pattern where that is bright; its phase is
exp(-i pi (c_y k_y^2 + c_x k_x^2)), k in cycles per pixel from the pupil's own middle
(docs/method.md, eq. 20): from elsewhere the beam would not lie in the middle of its window.
Beyond the pupil a mean pattern holds what the sample has scattered, no part of the beam.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..forward.propagate import propagate_back

DIM_SHARE = 0.02
"""Of the pupil's light: what is dimmer than this is not the pupil."""

BRIGHTEST = 0.98
"""Quantile of the light that stands for the pupil's brightness: above it are hot spots."""

EDGE_SHARE = 0.95
"""Share of the light within the pupil's extent along an axis; the rest is scattered."""


def pupil_modulus(mean_HW: Tensor) -> Tensor:
    """Modulus (H, W) of the pupil, DC at the corner, from the mean pattern's light."""
    dim = torch.maximum(mean_HW.median(), DIM_SHARE * brightness(mean_HW))
    return torch.where(mean_HW > dim, mean_HW, 0.0).sqrt()


def brightness(mean_HW: Tensor) -> Tensor:
    """Light of a pixel of the pupil: a quantile in which each pixel counts with its light."""
    ordered = mean_HW.flatten().sort().values
    running = ordered.double().cumsum(0)
    place = torch.searchsorted(running, BRIGHTEST * running[-1]).clamp_max(len(ordered) - 1)
    return ordered[place]


def defocused(modulus_HW: Tensor, defocus_px2: tuple[float, float]) -> Tensor:
    """Probe (H, W), complex64, centred in its window, with the pupil's light."""
    middle = middle_cycles(modulus_HW.square())
    parts = [
        torch.polar(torch.ones(size, device=modulus_HW.device), _phase(size, c, k0, modulus_HW))
        for size, c, k0 in zip(modulus_HW.shape, defocus_px2, middle, strict=True)
    ]
    wave_HW = propagate_back(modulus_HW * parts[0][:, None] * parts[1])
    centred: Tensor = torch.fft.fftshift(wave_HW)
    return centred


def extent_cycles(mean_HW: Tensor) -> tuple[float, float]:
    """How far the pupil reaches from its middle along y and x, in cycles per pixel."""
    light_HW = pupil_modulus(mean_HW).square()
    reach = []
    for axis, middle in enumerate(middle_cycles(light_HW)):
        profile = light_HW.sum(1 - axis).double()
        k = (torch.fft.fftfreq(len(profile), device=profile.device) - middle).abs()
        order = k.argsort()
        running = profile[order].cumsum(0)
        place = int(torch.searchsorted(running, EDGE_SHARE * running[-1]))
        reach.append(float(k[order[min(place, len(order) - 1)]]))
    smallest = 1 / max(mean_HW.shape)
    return max(reach[0], smallest), max(reach[1], smallest)


def middle_cycles(light_HW: Tensor) -> tuple[Tensor, Tensor]:
    """Centre of mass of the pupil's light along y and x, in cycles per pixel, on the device."""
    total = light_HW.double().sum().clamp_min(1e-30)
    middle = []
    for axis in (0, 1):
        profile = light_HW.double().sum(1 - axis)
        k = torch.fft.fftfreq(len(profile), dtype=torch.float64, device=profile.device)
        middle.append((profile * k).sum() / total)
    return middle[0], middle[1]


def _phase(size: int, c: float, middle: Tensor, like: Tensor) -> Tensor:
    k = torch.fft.fftfreq(size, dtype=torch.float64, device=like.device) - middle
    phase: Tensor = torch.remainder(-math.pi * c * k.square(), 2 * math.pi)
    return phase.to(like.dtype)
