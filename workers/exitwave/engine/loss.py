"""How far modelled counts D are from measured counts I (docs/method.md, eqs. 4 to 9).

Per pattern the mean over its valid pixels. With M object and N probe states the paper
splits I among the pairs and averages over them; that equals, in value and gradient, the
loss of the summed D divided by M N, which is how it is done here
(Wu et al., Optica 11 (2024), doi 10.1364/OPTICA.522380).

A new loss is one entry in `LOSSES` and its name in the recipe's list, which a test holds
equal. Once its slope is written down the fused step takes it up; until then autograd
differentiates it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from exitwave.schema.recipe import Loss, Stage

EPSILON_SHARE = 1e-6
"""Of the mean count: added to D, so that roots and logarithms have gradients at D = 0."""

ANSCOMBE = 0.375
"""Counts under both roots of `anscombe`."""

PerPixel = Callable[[Tensor, Tensor], Tensor]
Slope = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def amplitude(model: Tensor, counts: Tensor) -> Tensor:
    """(sqrt D - sqrt I)^2, eq. 4: Poisson noise has the same variance in every amplitude."""
    return (model.sqrt() - counts.sqrt()).square()


def anscombe(model: Tensor, counts: Tensor) -> Tensor:
    """(sqrt(D + 3/8) - sqrt(I + 3/8))^2, eq. 4b: few counts pull to their mean, too.

    The mean root of few counts is far below the root of their mean (0.27 for 0.55 at 0.3
    counts); with 3/8 added it is not. Anscombe, Biometrika 35, 246 (1948),
    doi 10.1093/biomet/35.3-4.246.
    """
    return amplitude(model + ANSCOMBE, counts + ANSCOMBE)


def poisson(model: Tensor, counts: Tensor) -> Tensor:
    """D - I + I log(I / D), eq. 5: the negative log-likelihood of counts, zero at D = I."""
    # xlogy(I, I / D) would have a NaN gradient at I = 0.
    return model - counts + torch.xlogy(counts, counts) - counts * model.log()


def gaussian(model: Tensor, counts: Tensor) -> Tensor:
    """(D - I)^2 / (2 I) where I > 0, else D, eq. 6: Gaussian noise of variance I."""
    counted = counts > 0
    squares = (model - counts).square() / (2 * torch.where(counted, counts, 1))
    return torch.where(counted, squares, model)


def d_amplitude(model: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Slope 1 - sqrt(I / D) of `amplitude` (eq. 8), and the loss of each pixel, D slope^2."""
    # Nothing measured: D / 0 is infinite and its inverse root zero, as it should be.
    slope = (model / counts).rsqrt_().neg_().add_(1)
    return slope, slope.square().mul_(model)


def d_anscombe(model: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Slope 1 - sqrt((I + 3/8) / (D + 3/8)) of `anscombe` (eq. 8); the loss of each pixel."""
    return d_amplitude(model + ANSCOMBE, counts + ANSCOMBE)


def d_poisson(model: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Slope 1 - I / D of `poisson` (eq. 8), and the loss of each pixel."""
    share = counts / model
    per_pixel = torch.xlogy(counts, share).add_(model).sub_(counts)
    return share.neg_().add_(1), per_pixel


def d_gaussian(model: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Slope D / I - 1 of `gaussian`, 1 where I = 0 (eq. 8), and the loss of each pixel."""
    zero = counts == 0
    excess = model - counts
    slope = (excess / counts).masked_fill_(zero, 1)
    return slope, excess.mul_(slope).mul_(zero.to(excess.dtype).add_(1).mul_(0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLoss:
    """What one pixel adds to the loss.

    Attributes
    ----------
    per_pixel : callable
        (D, I) to the loss of each pixel; differentiable in D.
    curvature : float
        c in loss = c (D - I)^2 / I, which is what every one of them is close to D = I.
    worst : float
        Mean per pixel, in units of the mean count, that no descent ever has.
    d_loss_d_model : callable, optional
        (D, I) to the slope d loss / d D and the loss of each pixel, both new tensors,
        without a graph; none = autograd finds it.
    kernel : int, optional
        The case of `kernels.multiply_by_d_loss_d_model` that is this loss, where there is one.
    """

    per_pixel: PerPixel
    curvature: float
    worst: float
    d_loss_d_model: Slope | None = None
    kernel: int | None = None


# A model without any light has an amplitude loss of 1 and a Poisson loss of 13 (the logarithm
# of epsilon); the Gaussian loss has no such limit, for it divides by single counts.
LOSSES: dict[str, PixelLoss] = {
    "amplitude": PixelLoss(
        per_pixel=amplitude, curvature=0.25, worst=2.0, d_loss_d_model=d_amplitude, kernel=0
    ),
    "anscombe": PixelLoss(
        per_pixel=anscombe, curvature=0.25, worst=2.0, d_loss_d_model=d_anscombe
    ),
    "poisson": PixelLoss(
        per_pixel=poisson, curvature=0.5, worst=20.0, d_loss_d_model=d_poisson, kernel=1
    ),
    "gaussian": PixelLoss(
        per_pixel=gaussian, curvature=0.5, worst=1e6, d_loss_d_model=d_gaussian, kernel=2
    ),
}


def pattern_losses(
    model_BHW: Tensor,
    intensities_BHW: Tensor,
    loss: Loss,
    *,
    epsilon: float,
    mask_HW: Tensor | None = None,
    pixels: int | None = None,
    pairs: int = 1,
) -> Tensor:
    """Loss of each pattern, (B,); eq. 7.

    Parameters
    ----------
    model_BHW, intensities_BHW : Tensor (B, H, W)
        Modelled and measured counts.
    loss : str
        A key of `LOSSES`.
    epsilon : float
        Added to the model, in counts.
    mask_HW : Tensor of bool, optional
        True = valid; (H, W), or (B, H, W) where patterns differ.
    pixels : int, optional
        That the sum over a pattern's valid pixels is divided by; none = as many as are valid.
        Patterns that lack some more then weigh less, as their counts do.
    pairs : int
        Pairs of object and probe states, M N.
    """
    per_pixel_BHW = LOSSES[loss].per_pixel(model_BHW + epsilon, intensities_BHW)
    if mask_HW is None:
        return per_pixel_BHW.mean(dim=(1, 2)) / pairs
    valid = mask_HW.sum(dim=(-2, -1)) if pixels is None else pixels
    return (per_pixel_BHW * mask_HW).sum(dim=(1, 2)) / (valid * pairs)


def limit_ratio(before: Loss, after: Loss) -> float:
    """What the loss `after` is multiplied by to have the gradient of `before` near D = I.

    amplitude to poisson or gaussian 1/2, poisson to gaussian 1, and the inverses.
    """
    return LOSSES[before].curvature / LOSSES[after].curvature


def stage_factors(stages: tuple[Stage, ...]) -> list[float]:
    """What each stage's loss is multiplied by, so that gradients do not jump at a switch.

    Eq. 9. Factors multiply along the chain of stages.
    """
    factors = [1.0]
    for before, after in pairwise(stages):
        factors.append(factors[-1] * limit_ratio(before.loss, after.loss))
    return factors
