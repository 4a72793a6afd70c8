"""The measurement as a constraint: waves whose far field has the measured modulus.

With several probe states it is the root of their summed intensity that is measured, so all
of them are multiplied by the same real number (Thibault & Menzel, Nature 494, 68 (2013),
doi 10.1038/nature11806). Masked pixels keep what they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.scan import Scan

TINY = 1e-30
"""Counts, added before dividing: a modelled pixel without light stays so, having no phase."""


def power(far_BNHW: Tensor) -> Tensor:
    """Counts (B, H, W) of mutually incoherent far fields."""
    return (far_BNHW.real.square() + far_BNHW.imag.square()).sum(1)


def without_pedestal(scan: Scan, counts_BHW: Tensor) -> Tensor:
    """Counts without what every pixel has beside its light, in place."""
    return counts_BHW.sub_(scan.pedestal).clamp_min_(0) if scan.pedestal > 0 else counts_BHW


def gain(model_BHW: Tensor, roots_BHW: Tensor, mask_HW: Tensor | None) -> Tensor:
    """What far fields are multiplied by to have the measured modulus, (B, H, W).

    Parameters
    ----------
    model_BHW : Tensor
        Counts of the far fields, from `power`.
    roots_BHW : Tensor
        Roots of the measured counts.
    mask_HW : Tensor of bool, optional
        True = valid, (H, W) or (B, H, W); elsewhere the gain is 1.
    """
    gain_BHW = roots_BHW * (model_BHW + TINY).rsqrt()
    if mask_HW is None:
        return gain_BHW
    # A plain 1 would be sent to a GPU each time, and the host would wait for it.
    return torch.where(mask_HW, gain_BHW, gain_BHW.new_ones(()))
