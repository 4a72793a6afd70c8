"""Where the zero frequency is: patterns whose light lies about the middle are turned over.

The engine takes patterns with zero frequency at pixel [0, 0]. Arrays with it at [H/2, W/2]
would be fitted well, with a probe that alternates from pixel to pixel, by no picture at all.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

PLAINLY = 0.6
"""So much nearer to the middle than to the corner is plain. A disk, a ring or a square of up to
half of the pixels about the middle comes to 0.1 to 0.58, the same half hidden by noise to 0.6;
a direct beam off by a quarter of the window, along both axes, to 1."""

FEW = 16
"""Pixels that a detector's faults may make bright: they weigh no more than the next one."""


def zero_is_in_the_middle(
    light_HW: NDArray[np.float64], valid_HW: NDArray[np.bool_] | None
) -> bool:
    """Whether the light lies plainly about [H/2, W/2] and not about [0, 0].

    The mean distances of the light from both places are compared, on the torus that a
    discrete spectrum is. What the valid pixels would give under even light counts, too: a mask
    may hide the zero frequency.

    Parameters
    ----------
    light_HW : ndarray (H, W)
        Sum or mean of the patterns, without a pedestal, from 0 on.
    valid_HW : ndarray of bool (H, W), optional
        Pixels that count; none = all.
    """
    even_HW = np.ones(light_HW.shape) if valid_HW is None else valid_HW.astype(np.float64)
    light_HW = light_HW * even_HW
    if light_HW.size > FEW:
        light_HW = np.minimum(light_HW, np.partition(light_HW.ravel(), -FEW - 1)[-FEW - 1])
    if not light_HW.any():
        return False
    return _nearness(light_HW / light_HW.max()) < PLAINLY * min(1.0, _nearness(even_HW))


def _nearness(weights_HW: NDArray[np.float64]) -> float:
    """Mean distance from the middle over that from the corner, in cycles per pixel."""
    y_H, x_W = (np.abs(np.fft.fftfreq(size)) for size in weights_HW.shape)
    from_corner_HW = np.hypot(y_H[:, None], x_W)
    from_middle_HW = np.hypot(0.5 - y_H[:, None], 0.5 - x_W)
    middle, corner = (
        float((weights_HW * distance_HW).sum())
        for distance_HW in (from_middle_HW, from_corner_HW)
    )
    return middle / corner if corner > 0 else math.inf
