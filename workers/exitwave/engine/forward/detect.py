"""Part of the forward model: counts of mutually incoherent far fields.

D = sum over states of abs2(FT[exit wave]) (docs/method.md, eq. 3; Thibault & Menzel,
Nature 494, 68 (2013), doi 10.1038/nature11806).
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from .light import ForwardPart, Light, Named


def detect(far_field_BMNHW: Tensor) -> Tensor:
    """Modelled counts (B, H, W): the sum of abs2 over object and probe states."""
    return (far_field_BMNHW.real.square() + far_field_BMNHW.imag.square()).sum(dim=(1, 2))


def detected(light: Light, named: Named) -> Light:
    """Counts of the waves on the detector."""
    return replace(light, counts_BHW=detect(light.wave()))


DETECT = ForwardPart(name="detect", apply=detected)
