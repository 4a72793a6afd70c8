"""Part of the forward model: light that does not come through the sample.

One image b of counts, from 0 on, is added to every pattern: D_i = D_i(P, O) + b
(docs/method.md, eq. 28). Where the recipe calls it smooth, its gradient is smoothed by a
Gaussian before each update, so that it moves along smooth images only (a Sobolev gradient;
Neuberger, Sobolev Gradients and Differential Equations, Springer, 1997).
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from .light import Change, Fitted, ForwardPart, Light, Named


def added(light: Light, named: Named) -> Light:
    """Counts with the background on them."""
    return replace(light, counts_BHW=light.counts() + named["background"])


def smooth(change: Change) -> None:
    """Smooth the gradient over the detector, by the recipe's width."""
    if change.options.smooth_px > 0:
        change.gradient.copy_(blurred(change.gradient, change.options.smooth_px))


def blurred(image_HW: Tensor, sigma_px: float) -> Tensor:
    """An image with DC at the corner under a Gaussian, the borders joined."""
    frequencies = (
        torch.fft.fftfreq(size, dtype=image_HW.dtype, device=image_HW.device)
        for size in image_HW.shape
    )
    y_H, x_W = (torch.exp(-2 * (math.pi * sigma_px * f).square()) for f in frequencies)
    blurred_HW: Tensor = torch.fft.ifft2(torch.fft.fft2(image_HW) * y_H[:, None] * x_W).real
    return blurred_HW


BACKGROUND = ForwardPart(
    name="background",
    apply=added,
    fitted=Fitted(
        shape=lambda views, window_HW: window_HW,
        in_counts=True,
        initial=0.0,
        least=0.0,
        prepare=smooth,
    ),
)
