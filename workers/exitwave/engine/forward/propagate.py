"""Part of the forward model: from the sample to the far field.

Fraunhofer diffraction: the wave on the detector is the Fourier transform of the exit wave
(docs/method.md, eq. 2; Thibault et al., Ultramicroscopy 109, 338 (2009),
doi 10.1016/j.ultramic.2008.12.011).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .light import ForwardPart, Light, Named


def propagate(waves: Tensor) -> Tensor:
    """Far field of exit waves (..., H, W), DC at the corner.

    Unitary (``norm="ortho"``): the photons of a wave are the photons of its far field.
    """
    far_field: Tensor = torch.fft.fft2(waves, norm="ortho")
    return far_field


def propagate_back(far_field: Tensor) -> Tensor:
    """Inverse, and so the adjoint, of `propagate`."""
    waves: Tensor = torch.fft.ifft2(far_field, norm="ortho")
    return waves


def propagated(light: Light, named: Named) -> Light:
    """Exit waves on the detector."""
    return replace(light, wave_BMNHW=propagate(light.wave()))


PROPAGATE = ForwardPart(name="propagate", apply=propagated)
