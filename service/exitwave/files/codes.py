"""Values of a picture as 16-bit codes, on the way to a screen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NOT_VISITED = 0
LAST_CODE = 65535


def quantise(values_YX: NDArray[np.floating[Any]], lo: float, hi: float) -> NDArray[np.uint16]:
    """Codes of a picture: 0 where not finite, else 1 to 65535 between `lo` and `hi`."""
    visited_YX = np.isfinite(values_YX)
    span = hi - lo if hi > lo else 1.0
    share_YX = np.clip((np.where(visited_YX, values_YX, lo) - lo) / span, 0.0, 1.0)
    codes_YX = 1 + np.rint(share_YX * (LAST_CODE - 1))
    return np.where(visited_YX, codes_YX, NOT_VISITED).astype(np.uint16)


def dequantise(codes_YX: NDArray[np.uint16], lo: float, hi: float) -> NDArray[np.float64]:
    """Values of a picture, NaN where not visited; exact to (hi - lo) / 131068."""
    share_YX = (codes_YX.astype(np.float64) - 1) / (LAST_CODE - 1)
    return np.where(codes_YX == NOT_VISITED, np.nan, lo + share_YX * (hi - lo))
