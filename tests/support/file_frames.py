"""Patterns that are not in memory, and whether two runs over them are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.engine import EpochState


class FileFrames:
    """Patterns that are not in memory, as far as the engine can tell."""

    def __init__(self, counts_nHW: NDArray[Any]) -> None:
        self._counts_nHW = counts_nHW
        self.largest_read = 0

    def __len__(self) -> int:
        return len(self._counts_nHW)

    @property
    def shape_HW(self) -> tuple[int, int]:
        return self._counts_nHW.shape[1], self._counts_nHW.shape[2]

    def read(self, indices: NDArray[np.intp]) -> NDArray[Any]:
        self.largest_read = max(self.largest_read, len(indices))
        return self._counts_nHW[indices]


def same(first: list[EpochState], second: list[EpochState]) -> bool:
    return all(
        one.loss == other.loss
        and np.array_equal(one.object_MYX(), other.object_MYX())
        and np.array_equal(one.probe_NHW(), other.probe_NHW())
        for one, other in zip(first, second, strict=True)
    )
