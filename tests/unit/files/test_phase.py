"""Ramp and piston: what is put on must come off, whatever else is in the object."""

from __future__ import annotations

import numpy as np
import pytest

from exitwave.files.phase import remove_ramp

BOX = (10, 90, 20, 140)


def scene(phase_range: float) -> np.ndarray:
    rng = np.random.default_rng(3)
    blocks = np.kron(rng.random((10, 16)), np.ones((10, 10)))
    return (0.5 + 0.5 * rng.random((100, 160))) * np.exp(1j * phase_range * blocks)


def tilted(object_YX: np.ndarray, slope_y: float, slope_x: float, piston: float) -> np.ndarray:
    y, x = np.indices(object_YX.shape)
    return object_YX * np.exp(1j * (slope_y * y + slope_x * x + piston))


@pytest.mark.parametrize("slopes", [(0.0, 0.0), (0.03, -0.011), (-1.3, 2.2)])
def test_ramp_and_piston_do_not_matter(slopes: tuple[float, float]) -> None:
    clean = scene(1.5)
    result = remove_ramp(tilted(clean, *slopes, piston=2.0), BOX)
    np.testing.assert_allclose(result, remove_ramp(clean, BOX), atol=1e-9)


def test_flat_object_comes_out_real() -> None:
    result = remove_ramp(tilted(np.ones((64, 80)), 0.2, -0.07, 1.0), (0, 64, 0, 80))
    np.testing.assert_allclose(result, np.ones((64, 80)), atol=1e-9)


def test_nan_and_garbage_outside_the_box_are_left_alone() -> None:
    clean = scene(1.0)
    spoilt = tilted(clean, 0.05, 0.08, -1.0)
    spoilt[:10] = np.nan
    spoilt[:, 140:] *= 1e3 * np.exp(2j * np.indices((100, 20))[0])
    spoilt[30:40, 50:60] = np.nan
    reference = clean.copy()
    reference[30:40, 50:60] = np.nan
    result, expected = remove_ramp(spoilt, BOX), remove_ramp(reference, BOX)
    inside = (slice(10, 90), slice(20, 140))
    np.testing.assert_allclose(result[inside], expected[inside], atol=1e-9)
    assert np.isnan(result[:10]).all()


def test_bright_rim_with_its_own_slope_does_not_win() -> None:
    spoilt = np.ones((100, 160), complex)
    spoilt[10:20] = 100 * np.exp(0.5j * np.arange(160))
    result = remove_ramp(spoilt, BOX)
    middle = np.angle(result[25:85, 25:135])
    assert np.ptp(middle) < 0.3


def test_type_is_kept_and_an_empty_box_changes_nothing() -> None:
    dark = np.full((20, 20), np.nan, np.complex64)
    dark[:2] = 1j
    result = remove_ramp(dark, (5, 15, 5, 15))
    assert result.dtype == np.complex64
    np.testing.assert_array_equal(result, dark)
