"""Pixels that always tell the same."""

from __future__ import annotations

import math

import numpy as np

from .evidence import Bools, PixelMaps

LEAST_FRAMES = 8
MOST_SHARE = 0.3
"""Where more pixels are constant, frames are equal and pixels are not to blame."""

SURPRISE = 20.0
"""Chance exp(-20) that Poisson noise gives the same count in all frames."""


def stuck(maps: PixelMaps) -> Bools:
    """Lit pixels (H, W) without any noise."""
    constant_HW: Bools = (maps.low_HW == maps.peak_HW) & (maps.low_HW > 0) & maps.valid_HW
    illuminated_HW = maps.valid_HW & (maps.peak_HW > 0)
    if maps.frames < LEAST_FRAMES or not constant_HW.any():
        return np.zeros_like(constant_HW)
    if constant_HW.sum() > MOST_SHARE * max(1, int(illuminated_HW.sum())):
        return np.zeros_like(constant_HW)
    if maps.photons:
        likeliest_HW = 1 / np.sqrt(2 * math.pi * np.maximum(maps.low_HW, 0.4))
        constant_HW &= -(maps.frames - 1) * np.log(likeliest_HW) > SURPRISE
    return constant_HW
