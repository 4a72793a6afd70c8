"""Last part of the forward model: counts of mutually incoherent far fields.

D = sum over states of abs2(FT[exit wave]) (docs/method.md, eq. 3; Thibault & Menzel,
Nature 494, 68 (2013), doi 10.1038/nature11806).
"""

from __future__ import annotations

from torch import Tensor


def detect(far_field_BMNHW: Tensor) -> Tensor:
    """Modelled counts (B, H, W): the sum of abs2 over object and probe states."""
    return (far_field_BMNHW.real.square() + far_field_BMNHW.imag.square()).sum(dim=(1, 2))
