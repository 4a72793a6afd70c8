"""Planes: what the worker wrote, made ready for a screen."""

from __future__ import annotations

import numpy as np

from exitwave.api.live.planes import (
    bin_complex,
    object_pictures,
    probe_pictures,
    to_complex,
    visited_box,
)
from exitwave.files.codes import dequantise
from exitwave.files.display import robust_limits

SIZE, RIM = 80, 10
BOX = (RIM, SIZE - RIM, RIM, SIZE - RIM)


def scene(phase_range: float = 0.8) -> np.ndarray:
    """Smooth phase on a ramp and a piston, NaN around."""
    y, x = np.mgrid[:SIZE, :SIZE]
    phase = phase_range / 2 * np.sin(x / 5) * np.cos(y / 7)
    amplitude = 1 + 0.2 * np.cos(x / 4)
    picture = amplitude * np.exp(1j * (phase + 0.05 * y - 0.09 * x + 2.0))
    picture[:RIM] = picture[-RIM:] = np.nan
    picture[:, :RIM] = picture[:, -RIM:] = np.nan
    return picture.astype(np.complex64)


def test_phase_comes_without_ramp_and_piston() -> None:
    picture = object_pictures(scene())["object_phase"]
    shown = dequantise(picture.codes_YX, picture.lo, picture.hi)
    y, x = np.mgrid[:SIZE, :SIZE]
    truth = 0.4 * np.sin(x / 5) * np.cos(y / 7)
    inside = np.s_[RIM:-RIM, RIM:-RIM]
    off = shown[inside] - truth[inside]
    assert np.abs(off - off.mean()).max() < 0.05
    assert picture.unit == "rad"
    assert not picture.cyclic


def test_what_was_not_visited_is_code_zero_and_nothing_else_is() -> None:
    object_YX = scene()
    for picture in object_pictures(object_YX).values():
        np.testing.assert_array_equal(picture.codes_YX == 0, ~np.isfinite(object_YX))


def test_limits_ignore_a_few_wild_pixels() -> None:
    object_YX = scene()
    calm = object_pictures(object_YX)["object_amplitude"]
    object_YX[40, 40:44] *= 1000
    wild = object_pictures(object_YX)["object_amplitude"]
    assert abs(wild.hi - calm.hi) < 0.01
    assert wild.codes_YX[40, 41] == 65535


def test_limits_are_taken_inside_the_box_only() -> None:
    values = np.zeros((10, 10))
    values[5:, :] = 7.0
    assert robust_limits(values, (5, 10, 0, 10)) == (6.5, 7.5)


def test_a_phase_that_wraps_is_shown_over_the_circle() -> None:
    picture = object_pictures(scene(phase_range=9.0))["object_phase"]
    assert picture.cyclic
    assert (picture.lo, picture.hi) == (-np.pi, np.pi)


def test_probe_phase_is_hidden_where_there_is_no_light() -> None:
    y, x = np.mgrid[:32, :32] - 15.5
    probe = 50 * np.exp(-(x**2 + y**2) / 40) * np.exp(0.5j)
    pictures = probe_pictures(probe)
    assert pictures["probe_amplitude"].lo == 0
    assert pictures["probe_amplitude"].codes_YX.min() > 0
    phase = pictures["probe_phase"]
    assert phase.codes_YX[0, 0] == 0
    assert abs(dequantise(phase.codes_YX, phase.lo, phase.hi)[16, 16] - 0.5) < 1e-4


def test_an_all_dark_object_has_a_picture() -> None:
    nothing = np.full((8, 8), np.nan + 0j, np.complex64)
    for picture in object_pictures(nothing).values():
        assert not picture.codes_YX.any()
        assert picture.hi > picture.lo


def test_live_planes_become_complex_again() -> None:
    object_YX = scene()
    live = np.stack([np.abs(object_YX), np.angle(object_YX)]).astype(np.float32)
    np.testing.assert_allclose(to_complex(live), object_YX, atol=1e-6)


def test_binning_is_the_complex_mean_and_keeps_the_unknown_unknown() -> None:
    full = np.exp(1j * np.linspace(0, 6, 42 * 30)).reshape(42, 30)
    full[0, 0] = np.nan
    binned, factor = bin_complex(full, largest_px=14)
    assert factor == 3
    assert binned.shape == (14, 10)
    assert np.isnan(binned[0, 0])
    np.testing.assert_allclose(binned[2, 3], full[6:9, 9:12].mean())


def test_box_is_the_smallest_around_what_is_finite() -> None:
    assert visited_box(scene()) == BOX
    assert visited_box(np.full((4, 6), np.nan + 0j)) == (0, 4, 0, 6)
