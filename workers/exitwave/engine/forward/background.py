"""Part of the forward model: light that does not come through the sample.

One image b of counts, from 0 on, is added to every pattern: D_i = D_i(P, O) + b
(docs/method.md, eq. 28). Its step is that of expectation maximisation for counts from two
sources (Dempster, Laird, Rubin, J. R. Stat. Soc. B 39, 1 (1977)). Where the recipe calls it
smooth, what multiplies it is smoothed by a Gaussian: it stays a product of smooth images.
In the last stage it stands still: there noise in the object would take its place.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from .light import Change, Fitted, ForwardPart, Light, Named

INITIAL = 0.05
"""Of the mean count: zero would stay zero."""


def added(light: Light, named: Named) -> Light:
    """Counts with the background on them."""
    return replace(light, counts_BHW=light.counts() + named["background"])


def expectation_maximising(change: Change) -> Tensor:
    """What makes b the share of the counts that is its own: b times the mean of 1 - I / D."""
    slope_HW = change.slope / len(change.index_B)
    if change.options.smooth_px > 0:
        slope_HW = blurred(slope_HW, change.options.smooth_px)
    return change.values * slope_HW.clamp(-1, 0.5)


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
        initial=INITIAL,
        least=0.0,
        step=expectation_maximising,
        when="before",
        # Roots of few counts tell light too small: b would take up what the sample's lacks.
        losses={"amplitude": "anscombe"},
    ),
)
