"""Part of the forward model: the flux of each pattern, where nobody measured it well.

D_i = s_i D(P, O) (docs/method.md, eq. 27), s of mean 1, since the probe's power takes up the
rest; pulled towards the measured flux (s = 1) as a normal distribution of the recipe's spread
has it. What varies slowly over the sample may as well be the object's, and the
regularisation would push it from there into s: object and probe come first, s in the last
stage. Named as future work by Wu et al., Optica 11 (2024), doi 10.1364/OPTICA.522380.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .light import Change, Fitted, ForwardPart, Light, Named

LEAST = 0.02
"""A pattern with less light is none; zero would never be left again."""


def scaled(light: Light, named: Named) -> Light:
    """Views with the fitted factor in their flux."""
    views = light.views
    factor_B = named["intensity"][views.index_B]
    scale_B = factor_B if views.scale_B is None else views.scale_B * factor_B
    return replace(light, views=replace(views, scale_B=scale_B))


def newton(change: Change) -> Tensor:
    """Newton's step of the batch's factors, with the slope of (s - 1)^2 / (2 spread^2)."""
    index_B, inverse_variance = change.index_B, 1 / change.options.spread**2
    factor_B = change.values[index_B]
    slope_B = change.slope[index_B] + (factor_B - 1) * inverse_variance
    step = torch.zeros_like(change.values)
    return step.index_copy_(
        0, index_B, slope_B / (change.photons / factor_B + inverse_variance)
    )


def to_mean_one(factor_n: Tensor) -> float:
    """Divide the factors by their mean, which comes back."""
    mean = float(factor_n.mean())
    factor_n.div_(mean)
    return mean


INTENSITY = ForwardPart(
    name="intensity",
    apply=scaled,
    fitted=Fitted(
        shape=lambda views, window_HW: (views,),
        initial=1.0,
        least=LEAST,
        step=newton,
        when="last",
        pin=to_mean_one,
    ),
)
