"""How much light the views of a scan share, from where they lie and the probe."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLED_VIEWS = 256

LEAST_SHARED = 0.01
"""Other views on a pixel, in the mean: below this views share no light, and overlap is 0."""

Corners = NDArray[np.int64]
"""(n, 2): (y, x) of the top-left pixel of each view."""
Power = NDArray[np.float32]
"""(H, W): light of all probe states."""


def probe_power(probe_NHW: Tensor) -> Power:
    """Light (H, W) of all probe states, in host memory."""
    power_HW: Power = (probe_NHW.real.square() + probe_NHW.imag.square()).sum(0).cpu().numpy()
    return power_HW


def illumination(
    corners_n2: Corners, power_HW: Power, shape_YX: tuple[int, int]
) -> NDArray[np.float32]:
    """Light of all views on the object, (Y, X)."""
    height, width = power_HW.shape
    light_YX = np.zeros(shape_YX, dtype=np.float32)
    for y, x in corners_n2:
        light_YX[y : y + height, x : x + width] += power_HW
    return light_YX


def light_of_others(
    corners_n2: Corners, power_HW: Power, chosen: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Light of all other views on each of the chosen ones, in units of its own, (n,).

    With I the probe's power and L the light of all views on the object: sum I L / sum I^2
    - 1. For a disk of even light it is the mean number of other views on a pixel.
    """
    height, width = power_HW.shape
    rows, columns = corners_n2.max(axis=0)
    light_YX = illumination(corners_n2, power_HW, (int(rows) + height, int(columns) + width))
    own = float(np.vdot(power_HW, power_HW))
    if own == 0:
        return np.zeros(len(chosen))
    seen = [
        float(np.vdot(power_HW, light_YX[y : y + height, x : x + width]))
        for y, x in corners_n2[chosen]
    ]
    return np.array(seen) / own - 1


def linear_overlap(corners_n2: Corners, power_HW: Power) -> float:
    """1 - step / diameter of the square raster of disks whose views share light alike.

    Disks of diameter d at steps s put pi d^2 / (4 s^2) views on a pixel. The median over a
    sample of views: those at the rim have fewer neighbours. As overlap vanishes this goes to
    1 - sqrt(pi / 4) = 0.11; views that share no light have 0, whatever lies between them.
    """
    count = len(corners_n2)
    chosen = np.unique(np.linspace(0, count - 1, min(count, SAMPLED_VIEWS)).astype(np.intp))
    others_on_pixel = float(np.median(light_of_others(corners_n2, power_HW, chosen)))
    if others_on_pixel < LEAST_SHARED:
        return 0.0
    return 1 - math.sqrt(math.pi / (4 * (1 + others_on_pixel)))


def overlap(positions_px: NDArray[np.float64], probe_NHW: NDArray[Any]) -> float | None:
    """`linear_overlap` of a reconstruction's arrays.

    None where it is not defined: all views lie on one line, or the probe has no light.

    Parameters
    ----------
    positions_px : ndarray (n, 2)
        (y, x) of the top-left pixel of each view.
    probe_NHW : ndarray, complex (N, H, W)
    """
    power_HW = probe_power(torch.from_numpy(np.asarray(probe_NHW, np.complex64)))
    corners_n2 = np.rint(positions_px - positions_px.min(axis=0)).astype(np.int64)
    on_a_line = np.linalg.matrix_rank(corners_n2 - corners_n2[0]) < 2
    if on_a_line or not power_HW.any():
        return None
    return linear_overlap(corners_n2, power_HW)
