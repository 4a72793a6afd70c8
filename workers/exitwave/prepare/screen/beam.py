"""Where the light is: the middle of the mean pattern, whatever its shape."""

from __future__ import annotations

import numpy as np

from .evidence import Bools, Floats

PROTECTED_PX = 2
"""So near to the middle the direct beam may be one sharp pixel."""

SURE_PX = 1
"""There nothing is called hot at all."""

_BRIGHT_SHARE = 0.1
_CLIP_PERCENTILE = 99.5


def light_centre(mean_HW: Floats, valid_HW: Bools) -> tuple[float, float]:
    """(y, x) of the middle of what is bright.

    Hot pixels weigh no more than the brightest half per cent of all; a ring counts as the
    disk that it surrounds.
    """
    light_HW = np.where(valid_HW, mean_HW, 0)
    top = float(np.percentile(light_HW[valid_HW], _CLIP_PERCENTILE)) if valid_HW.any() else 0
    height, width = mean_HW.shape
    if top <= 0:
        return float(height // 2), float(width // 2)
    bright_HW = light_HW > _BRIGHT_SHARE * top
    weight_HW = np.where(bright_HW, np.minimum(light_HW, top), 0)
    y, x = np.mgrid[:height, :width]
    total = weight_HW.sum()
    return float((weight_HW * y).sum() / total), float((weight_HW * x).sum() / total)


def protected(mean_HW: Floats, valid_HW: Bools, within_px: int = PROTECTED_PX) -> Bools:
    """Pixels (H, W) in the direct beam: about the array's middle and that of the light."""
    height, width = mean_HW.shape
    y, x = np.mgrid[:height, :width]
    found_HW = np.zeros(mean_HW.shape, np.bool_)
    for at in ((height // 2, width // 2), light_centre(mean_HW, valid_HW)):
        found_HW |= (np.abs(y - at[0]) <= within_px) & (np.abs(x - at[1]) <= within_px)
    return found_HW
