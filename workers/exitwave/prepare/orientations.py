"""Eight ways in which positions may lie to the patterns."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.data import Orientation
from exitwave.schema.errors import InvalidInput

ORIENTATIONS: tuple[Orientation, ...] = tuple(
    name for name in get_args(Orientation) if name != "auto"
)
"""All but `auto`, which stands for the one of them that fits best."""


def oriented(positions_m: NDArray[np.float64], orientation: Orientation) -> NDArray[np.float64]:
    """Positions (n, 2) as (y, x) with axes swapped and mirrored.

    Swapping exchanges the two columns; mirroring turns them about their middle, so that the
    scan stays where it is. NaN stays NaN.

    Raises
    ------
    InvalidInput
        `auto`, or no orientation.

    Examples
    --------
    >>> oriented(np.array([[0.0, 1.0], [0.0, 3.0]]), "transpose_flip_y")
    array([[3., 0.],
           [1., 0.]])
    """
    if orientation not in ORIENTATIONS:
        raise InvalidInput("orientation", orientation, "one of " + ", ".join(ORIENTATIONS))
    turned_m = positions_m[:, ::-1] if "transpose" in orientation else positions_m
    turned_m = turned_m.astype(np.float64, copy=True)
    for axis, flips in enumerate((("flip_y", "flip_yx"), ("flip_x", "flip_yx"))):
        values = turned_m[:, axis]
        known = values[np.isfinite(values)]
        if known.size and orientation.removeprefix("transpose_") in flips:
            turned_m[:, axis] = known.min() + known.max() - values
    return turned_m


def inverse_of(orientation: Orientation) -> Orientation:
    """The one that undoes it.

    Examples
    --------
    >>> inverse_of("transpose_flip_y")
    'transpose_flip_x'
    """
    mirrored: dict[Orientation, Orientation] = {
        "transpose_flip_y": "transpose_flip_x",
        "transpose_flip_x": "transpose_flip_y",
    }
    return mirrored.get(orientation, orientation)
