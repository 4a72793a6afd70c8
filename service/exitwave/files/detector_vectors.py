"""What the vectors of a detector say of its frames: turned how, with pixels of what size.

Axes are those of CXI and NeXus: y up, x to the left as seen along the beam, z along it. A
detector whose rows run down and columns to the right has the slow vector (0, -p, 0) and the
fast one (-p, 0, 0). The positions of a sample in these axes are then ours as they are: a
sample that moves left and up brings the beam right and down on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

from .frame_orientation import FrameOrientation

TILT = 0.02
"""Share of a vector that may lie across its axis: about a degree."""

SQUARE = 1e-2
"""Relative difference of the two pixel sides that is still a square."""


def orientation_of(basis: NDArray[Any], key: str) -> tuple[FrameOrientation, float]:
    """How frames must be turned, and their pixel size in the vectors' unit.

    Parameters
    ----------
    basis : array (2, 3)
        Vectors from one pixel to the next along the slow and the fast axis of the frames.
    key : str
        How messages name them.

    Raises
    ------
    DataError
        They are no two vectors, tilted against the axes, or the pixels are not square.
    """
    if basis.shape != (2, 3) or basis.dtype.kind not in "uif":
        raise DataError(key, f"{basis.dtype} of shape {basis.shape}", "two vectors x, y, z")
    lengths = np.linalg.norm(basis, axis=1)
    if not np.isfinite(lengths).all() or lengths.min() <= 0:
        raise DataError(key, f"vectors {_text(basis)}", "two vectors that are not 0")
    if abs(lengths[0] - lengths[1]) > SQUARE * lengths.max():
        raise DataError(
            key, f"pixels of {lengths[0]:g} by {lengths[1]:g}", "square detector pixels"
        )
    unit = basis / lengths[:, None]
    along = np.argmax(np.abs(unit), axis=1)  # 0 is x, 1 is y
    across = np.sqrt(np.maximum(0, 1 - unit[[0, 1], along] ** 2))
    if set(along.tolist()) != {0, 1} or across.max() > TILT:
        raise DataError(
            key,
            f"vectors {_text(basis)}",
            "one along x and one along y: frames of a tilted detector must be mapped to the "
            "plane across the beam first",
        )
    transpose = along[0] == 0
    down, right = (unit[1, 1], unit[0, 0]) if transpose else (unit[0, 1], unit[1, 0])
    orientation = FrameOrientation(
        transpose=bool(transpose), flip_y=bool(down > 0), flip_x=bool(right > 0)
    )
    return orientation, float(lengths.mean())


def beam_centre_px(corner: NDArray[Any], basis: NDArray[Any]) -> tuple[float, float]:
    """Pixel (row, column) of the stored frames that the direct beam hits.

    Parameters
    ----------
    corner : array (3,)
        Outer corner of the first pixel, from where the beam hits the detector's plane.
    basis : array (2, 3)
        As for `orientation_of`, which has found them to lie along the axes.
    """
    solved = np.linalg.solve(np.asarray(basis[:, :2], np.float64).T, -corner[:2])
    return float(solved[0]) - 0.5, float(solved[1]) - 0.5


def _text(basis: NDArray[Any]) -> str:
    return " and ".join("(" + ", ".join(f"{part:.3g}" for part in row) + ")" for row in basis)
