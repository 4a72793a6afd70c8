"""PRTF of models with known shortcomings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from exitwave.quality import transfer_function
from exitwave.schema.errors import InvalidInput

SIZE = 64


def frequency() -> np.ndarray:
    axis = np.fft.fftfreq(SIZE)
    return np.hypot(axis[:, None], axis)


def expected_counts(seed: int, mean: float = 50.0) -> np.ndarray:
    texture = np.random.default_rng(seed).uniform(0.5, 1.5, (12, SIZE, SIZE))
    return mean * texture * np.exp(-6 * frequency())


def batches(model: np.ndarray, counts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for begin in range(0, len(model), 5):
        yield model[begin : begin + 5], counts[begin : begin + 5]


def test_an_exact_model_carries_everything() -> None:
    model = expected_counts(0)
    found = transfer_function(batches(model, model))
    np.testing.assert_allclose(found.ratio, 1)
    np.testing.assert_allclose(found.frequency_cycles_per_px, np.arange(32) / 64)
    assert found.crossing_cycles_per_px == 0.5


def test_few_counts_do_not_bias_it() -> None:
    model = expected_counts(0, mean=0.5)
    counts = np.random.default_rng(1).poisson(model)
    found = transfer_function(batches(model, counts))
    assert found.ratio[2:].mean() == pytest.approx(1, abs=0.03)


def test_a_damped_model_shows_by_how_much_and_from_where() -> None:
    counts = expected_counts(0)
    damping = np.where(frequency() < 0.25, 0.9, 0.2)
    found = transfer_function(batches(counts * damping**2, counts))
    np.testing.assert_allclose(found.ratio[1:15], 0.9, rtol=1e-6)
    np.testing.assert_allclose(found.ratio[18:], 0.2, rtol=1e-6)
    assert found.crossing_cycles_per_px == pytest.approx(0.25, abs=1.5 / 64)


def test_masked_pixels_do_not_count() -> None:
    model = expected_counts(0)
    mask = np.random.default_rng(2).random((SIZE, SIZE)) > 0.3
    counts = np.where(mask, model, 0)
    mask[frequency() < 0.1] = False  # a beam stop
    found = transfer_function(batches(model, counts), mask)
    np.testing.assert_allclose(found.ratio[7:], 1)
    assert np.isnan(found.ratio[:6]).all()
    assert found.crossing_cycles_per_px == 0.5
    assert transfer_function(batches(model, counts)).ratio[10:].min() > 1.1


def test_rings_without_a_count_are_unknown_and_end_it() -> None:
    model = expected_counts(0)
    counts = np.where(frequency() < 0.3, model, 0)
    found = transfer_function(batches(model, counts))
    assert np.isnan(found.ratio[22:]).all()
    assert found.crossing_cycles_per_px == pytest.approx(0.3, abs=2 / 64)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(InvalidInput, match="none"):
        transfer_function([])
    with pytest.raises(InvalidInput, match="shapes"):
        transfer_function([(np.ones((2, 8, 8)), np.ones((3, 8, 8)))])
