"""How much the views of a scan cover each other, from where they lie and the probe."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..data.scan import Scan

SAMPLED_VIEWS = 256


def light_of_others(
    scan: Scan, probe_NHW: Tensor, chosen: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Light of all other views on each of the chosen ones, in units of its own, (n,).

    With I the probe's power and L the light of all views on the object: sum I L / sum I^2
    - 1. For a disk of even light it is the mean number of other views on a pixel.
    """
    power_HW = (probe_NHW.real.square() + probe_NHW.imag.square()).sum(0).cpu().numpy()
    height, width = scan.window_HW
    corners = scan.corners_n2.cpu().numpy()
    light_YX = np.zeros(scan.object_shape_YX, dtype=np.float32)
    for y, x in corners:
        light_YX[y : y + height, x : x + width] += power_HW
    own = float(np.vdot(power_HW, power_HW))
    if own == 0:
        return np.zeros(len(chosen))
    seen = [
        float(np.vdot(power_HW, light_YX[y : y + height, x : x + width]))
        for y, x in corners[chosen]
    ]
    return np.array(seen) / own - 1


def linear_overlap(scan: Scan, probe_NHW: Tensor) -> float:
    """1 - step / diameter of the square raster of disks whose views cover each other alike.

    Disks of diameter d at steps s put pi d^2 / (4 s^2) views on a pixel. The median over a
    sample of views: those at the rim have fewer neighbours.
    """
    count = len(scan)
    chosen = np.unique(np.linspace(0, count - 1, min(count, SAMPLED_VIEWS)).astype(np.intp))
    cover = 1 + float(np.median(light_of_others(scan, probe_NHW, chosen)))
    return 1 - math.sqrt(math.pi / (4 * cover))
