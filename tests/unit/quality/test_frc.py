"""FRC on pictures with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.textures import REGION, moved, textured

from exitwave.quality import compare_halves, ring_correlation
from exitwave.quality.frc import half_bit_threshold
from exitwave.schema.errors import InvalidInput


def white(seed: int, size: int = 128) -> np.ndarray:
    parts = np.random.default_rng(seed).standard_normal((2, size, size))
    return parts[0] + 1j * parts[1]


def low_pass(picture: np.ndarray, cut: float) -> np.ndarray:
    frequency = np.fft.fftfreq(len(picture))
    keep = np.hypot(frequency[:, None], frequency) < cut
    return np.fft.ifft2(np.fft.fft2(picture) * keep)


def test_equal_pictures_agree_everywhere() -> None:
    found = ring_correlation(white(0), white(0))
    np.testing.assert_allclose(found.correlation, 1)
    assert found.crossing_cycles_per_px == 0.5
    np.testing.assert_allclose(found.frequency_cycles_per_px, np.arange(64) / 128)


def test_crossing_is_where_the_common_band_ends() -> None:
    common, cut = white(0), 0.2
    first, second = (low_pass(common, cut) + 0.05 * white(seed) for seed in (1, 2))
    found = ring_correlation(first, second)
    assert found.crossing_cycles_per_px == pytest.approx(cut, abs=2.5 / 128)
    assert found.first_below(0.5) == pytest.approx(cut, abs=2.5 / 128)


def test_correlation_follows_the_signal_to_noise_ratio() -> None:
    """Two pictures of SNR s correlate with s / (1 + s)."""
    common = white(0)
    found = ring_correlation(common + 0.5 * white(1), common + 0.5 * white(2))
    assert found.correlation[20:].mean() == pytest.approx(0.8, abs=0.02)


def test_independent_pictures_stay_below_the_threshold() -> None:
    found = ring_correlation(white(1), white(2))
    assert found.crossing_cycles_per_px < 0.06


def test_half_bit_threshold_has_known_values() -> None:
    np.testing.assert_allclose(
        half_bit_threshold(np.array([1.0, 100.0, 1e12])), [1.0, 0.3069, 0.17157], atol=1e-3
    )


def test_halves_are_aligned_first() -> None:
    first = textured(blur=0.6)
    second = 2j * moved(first, (1.4, -2.3), (0.004, 0.002))
    aligned = compare_halves(first, second, REGION)
    assert aligned.correlation[:30].min() > 0.98
    assert ring_correlation(first, second).crossing_cycles_per_px < 0.2


def test_pictures_of_different_shape_are_refused() -> None:
    with pytest.raises(InvalidInput, match="shapes"):
        ring_correlation(white(0), white(0, 64))
