import numpy as np
import pytest

from exitwave.prepare.orientations import ORIENTATIONS, inverse_of, oriented
from exitwave.schema.errors import InvalidInput

POSITIONS = np.array([[0.0, 0.0], [1.0, 10.0], [3.0, 20.0], [np.nan, 5.0]])


def test_axes_are_swapped_before_they_are_mirrored() -> None:
    turned = oriented(POSITIONS, "transpose_flip_y")
    np.testing.assert_array_equal(turned, [[20, 0], [10, 1], [0, 3], [15, np.nan]])


def test_mirrored_positions_stay_where_they_were() -> None:
    np.testing.assert_array_equal(oriented(POSITIONS, "flip_x")[:, 1], [20, 10, 0, 15])
    np.testing.assert_array_equal(oriented(POSITIONS, "flip_x")[:, 0], POSITIONS[:, 0])


def test_all_eight_differ_and_can_be_undone() -> None:
    assert len(ORIENTATIONS) == 8
    seen = {oriented(POSITIONS, name).tobytes() for name in ORIENTATIONS}
    assert len(seen) == 8
    for name in ORIENTATIONS:
        there = oriented(POSITIONS, name)
        np.testing.assert_array_equal(oriented(there, inverse_of(name)), POSITIONS)


def test_auto_must_have_been_decided() -> None:
    with pytest.raises(InvalidInput, match="orientation: found auto"):
        oriented(POSITIONS, "auto")
