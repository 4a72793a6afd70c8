"""What a picture of the Siemens star must show, as figures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CENTRE_PX = (233.0, 210.0)
"""(y, x) of the star in its object array, within a few pixels: pictures may be shifted."""
SPOKES = 30
SEARCH_PX = 8
ANGLES = 1024


@dataclass(frozen=True)
class SpokePower:
    """Power at the spokes' angular frequency over the strongest of its neighbours."""

    centre_px: tuple[float, float]
    ratio_at_radius: dict[float, float]


def spoke_power(
    object_YX: NDArray[np.complexfloating],
    radii_px: tuple[float, ...] = (60.0, 90.0, 120.0),
    *,
    spokes: int = SPOKES,
    centre_px: tuple[float, float] = CENTRE_PX,
    neighbours: int = 4,
) -> SpokePower:
    """Angular spectra of the complex object on circles round the best centre nearby."""

    def share(centre: tuple[float, float]) -> float:
        power = sum(_angular_power(object_YX, centre, radius) for radius in radii_px)
        return float(power[spokes] / power[1 : ANGLES // 2].sum())

    offsets = np.arange(-SEARCH_PX, SEARCH_PX + 1)
    candidates = [
        (centre_px[0] + dy, centre_px[1] + dx) for dy, dx in product(offsets, offsets)
    ]
    best = max(candidates, key=share)
    near = [k for k in range(spokes - neighbours, spokes + neighbours + 1) if k != spokes]
    ratios = {}
    for radius in radii_px:
        power = _angular_power(object_YX, best, radius)
        ratios[radius] = float(power[spokes] / power[near].max())
    return SpokePower(centre_px=best, ratio_at_radius=ratios)


def _angular_power(
    object_YX: NDArray[np.complexfloating], centre_px: tuple[float, float], radius_px: float
) -> NDArray[np.float64]:
    angle = 2 * np.pi * np.arange(ANGLES) / ANGLES
    place = [
        centre_px[0] + radius_px * np.sin(angle),
        centre_px[1] + radius_px * np.cos(angle),
    ]
    ring = ndimage.map_coordinates(object_YX.real, place, order=1) + 1j * (
        ndimage.map_coordinates(object_YX.imag, place, order=1)
    )
    return np.abs(np.fft.fft(ring - ring.mean())) ** 2
