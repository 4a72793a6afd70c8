"""Where views lie."""

from __future__ import annotations

import numpy as np

from exitwave.engine.data.positions import isolated_positions


def test_lonely_views_are_those_without_a_neighbour_in_their_window() -> None:
    random = np.random.default_rng(3)
    for spread in (30, 60, 200):
        positions = random.uniform(0, spread, (60, 2))
        apart = np.abs(positions[:, None] - positions[None])
        shared = (apart < (8, 10)).all(axis=-1)
        np.fill_diagonal(shared, False)
        expected = ~shared.any(axis=1)
        np.testing.assert_array_equal(isolated_positions(positions, (8, 10)), expected)
    assert 0 < expected.sum() < 60
