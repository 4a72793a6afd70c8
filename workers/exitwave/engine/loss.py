"""How far modelled counts D are from measured counts I.

Amplitude: (sqrt D - sqrt I)^2. Poisson: D - I + I log(I / D), zero at D = I.
Per pattern the mean over its valid pixels. With M object and N probe states the paper
splits I among the pairs and averages over them; that equals, in value and gradient, the
loss of the summed D divided by M N, which is how it is done here
(Wu et al., Optica 11 (2024), doi 10.1364/OPTICA.522380).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from exitwave.schema.recipe import Loss, Stage

EPSILON_SHARE = 1e-6
"""Of the mean count: added to D, so that roots and logarithms have gradients at D = 0."""

_LIMIT_RATIO: dict[tuple[Loss, Loss], float] = {
    ("amplitude", "poisson"): 0.5,
    ("poisson", "amplitude"): 2.0,
}


def pattern_losses(
    model_BHW: Tensor,
    intensities_BHW: Tensor,
    loss: Loss,
    *,
    epsilon: float,
    mask_HW: Tensor | None = None,
    pairs: int = 1,
) -> Tensor:
    """Loss of each pattern, (B,).

    Parameters
    ----------
    model_BHW, intensities_BHW : Tensor (B, H, W)
        Modelled and measured counts.
    loss : {"amplitude", "poisson"}
    epsilon : float
        Added to the model, in counts.
    mask_HW : Tensor of bool, optional
        True = valid.
    pairs : int
        Pairs of object and probe states, M N.
    """
    model_BHW = model_BHW + epsilon
    if loss == "amplitude":
        terms_BHW = (model_BHW.sqrt() - intensities_BHW.sqrt()).square()
    else:
        # xlogy(I, I / D) would have a NaN gradient at I = 0.
        log_I_BHW = torch.xlogy(intensities_BHW, intensities_BHW)
        terms_BHW = model_BHW - intensities_BHW + log_I_BHW
        terms_BHW = terms_BHW - intensities_BHW * model_BHW.log()
    if mask_HW is None:
        return terms_BHW.mean(dim=(1, 2)) / pairs
    return (terms_BHW * mask_HW).sum(dim=(1, 2)) / (mask_HW.sum() * pairs)


def stage_factors(stages: tuple[Stage, ...]) -> list[float]:
    """What each stage's loss is multiplied by, so that gradients do not jump at a switch.

    Close to D = I one loss is a fixed multiple of the other; factors multiply along the
    chain of stages.
    """
    factors = [1.0]
    for before, after in pairwise(stages):
        factors.append(factors[-1] * _LIMIT_RATIO.get((before.loss, after.loss), 1.0))
    return factors
