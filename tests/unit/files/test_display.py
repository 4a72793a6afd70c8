"""Values, limits and colours that the page and files share."""

from __future__ import annotations

import math

import numpy as np
import pytest

from exitwave.files.codes import dequantise, quantise
from exitwave.files.colours import UNKNOWN, coloured, rgb_palette
from exitwave.files.display import (
    COLOUR_MAPS,
    CYCLIC,
    OBJECT_PLANES,
    UNITS,
    object_limits,
    object_values,
)
from exitwave.schema.errors import InvalidInput
from exitwave.schema.result import FRAME_PLANES, LOSS_CURVE

BOX = (2, 38, 3, 57)


def made_object(phase_range: float) -> np.ndarray:
    """A smooth phase on a ramp and a piston, NaN outside the box."""
    y, x = np.indices((40, 60))
    phase = phase_range / 2 * np.sin(x / 5) * np.cos(y / 7)
    object_YX = (1 + 0.2 * np.cos(x / 4)) * np.exp(1j * (phase + 0.05 * y - 0.09 * x + 2.0))
    inside = np.zeros(object_YX.shape, bool)
    inside[BOX[0] : BOX[1], BOX[2] : BOX[3]] = True
    object_YX[~inside] = np.nan
    return object_YX.astype(np.complex64)


def test_every_plane_has_a_unit_and_every_picture_its_colours() -> None:
    assert UNITS.keys() == set(FRAME_PLANES)
    assert COLOUR_MAPS.keys() == set(FRAME_PLANES) - {LOSS_CURVE}


@pytest.mark.parametrize("plane", ["phase", "amplitude"])
def test_limits_are_percentiles_inside_the_box(plane) -> None:
    values_YX = object_values(made_object(0.8), BOX, plane)
    inside = values_YX[np.isfinite(values_YX)]
    low, high, colour_map = object_limits(values_YX, BOX, plane)
    assert [low, high] == pytest.approx(np.percentile(inside, (1, 99)))
    assert colour_map == COLOUR_MAPS[OBJECT_PLANES[plane]]


def test_a_phase_that_wraps_is_shown_over_the_full_circle_and_no_amplitude_is() -> None:
    object_YX = made_object(9.0)
    phase_YX = object_values(object_YX, BOX, "phase")
    assert object_limits(phase_YX, BOX, "phase") == (-math.pi, math.pi, CYCLIC)
    large_YX = 100 * object_values(object_YX, BOX, "amplitude")
    assert object_limits(large_YX, BOX, "amplitude").colour_map == "amplitude"


def test_an_unknown_plane_is_refused() -> None:
    with pytest.raises(InvalidInput, match="expected one of phase, amplitude"):
        object_values(made_object(0.8), BOX, "modulus")


def test_each_colour_stands_for_256_codes_and_the_last_one_for_the_rest() -> None:
    codes = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    values = dequantise(codes, -2.0, 5.0)
    np.testing.assert_array_equal(quantise(values, -2.0, 5.0), codes)
    picture = coloured(values, -2.0, 5.0, "phase").reshape(-1, 3)
    assert tuple(picture[0]) == UNKNOWN
    levels = (np.arange(1, 65536) - 1) // 256
    np.testing.assert_array_equal(picture[1:], rgb_palette("phase")[levels])


def test_values_beyond_the_limits_get_the_colours_of_the_ends() -> None:
    picture = coloured(np.array([[-9.0, 9.0, np.inf]]), 0.0, 1.0, "amplitude")
    colours = rgb_palette("amplitude")
    np.testing.assert_array_equal(picture[0], [colours[0], colours[-1], UNKNOWN])
