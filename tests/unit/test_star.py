"""The figures that judge the star tell a star from what is none."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from tests.support.star import spoke_power


def star(spokes: int) -> np.ndarray:
    y, x = np.mgrid[:460, :460]
    bright = np.cos(spokes * np.arctan2(y - 236.0, x - 206.0)) > 0
    return np.exp(0.4j * ndimage.gaussian_filter(bright.astype(float), 1))


def test_a_star_is_found_off_its_nominal_centre() -> None:
    found = spoke_power(star(30))
    assert found.centre_px == (236.0, 206.0)
    assert min(found.ratio_at_radius.values()) > 50


def test_other_pictures_are_no_star() -> None:
    noise = np.random.default_rng(0).standard_normal((2, 460, 460))
    blurred = [ndimage.gaussian_filter(part, 2) for part in noise]
    for picture in (star(28), np.exp(1j * (blurred[0] + 1j * blurred[1]))):
        assert min(spoke_power(picture).ratio_at_radius.values()) < 5
