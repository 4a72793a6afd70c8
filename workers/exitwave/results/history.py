"""Lines of ``live/progress`` of all epochs: what an attempt knows, whatever became pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.result import FIELDS, PICTURE_VERSION

from .protocol import Snapshot


def row_of(state: Snapshot) -> list[float]:
    """An epoch's line, which has no picture yet."""
    loss = state.loss
    row = (state.epoch, loss.total, loss.data, loss.regularisation, state.seconds, 0)
    return [float(value) for value in row]


class History:
    """Lines of the epochs so far.

    Parameters
    ----------
    earlier : ndarray (n, 6), optional
        Those that an earlier attempt has done.
    """

    def __init__(self, earlier: NDArray[np.float64] | None = None) -> None:
        self._rows: list[list[float]] = [] if earlier is None else earlier.tolist()

    def add(self, state: Snapshot) -> None:
        """Take note of an epoch."""
        self._rows.append(row_of(state))

    def rows(self) -> NDArray[np.float64]:
        """All of them, as a later attempt's `earlier`: no picture of it shows them yet."""
        rows = np.array(self._rows, dtype=np.float64).reshape(-1, len(FIELDS))
        rows[:, FIELDS.index(PICTURE_VERSION)] = 0
        return rows
