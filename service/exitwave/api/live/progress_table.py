"""The loss curve of an attempt, and which epoch each of its pictures shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import InvalidInput
from exitwave.schema.result import (
    EPOCH,
    LIVE_PROGRESS,
    LOSS,
    PICTURE_VERSION,
    ArrayMetadata,
)
from exitwave.tiled_http import StoredArray

NEEDED = (EPOCH, LOSS, PICTURE_VERSION)


class ProgressTable:
    """Rows of ``live/progress``, by epoch.

    A picture's row is in Tiled before the picture itself, so the epoch of every picture
    seen can be looked up here.
    """

    def __init__(self) -> None:
        self._loss: dict[int, float] = {}
        self._epoch_of: dict[int, int] = {}
        self._columns: dict[str, int] = {}

    def load(self, path: str, stored: StoredArray) -> None:
        """Take in the whole array as it stands at `path`.

        Raises
        ------
        InvalidInput
            Its metadata are of another layout, or a column is missing.
        """
        self.set_columns(ArrayMetadata.read(path, stored.metadata).fields)
        self.add(stored.values)

    def set_columns(self, fields: Sequence[str]) -> None:
        """Take the columns from the array's metadata; `InvalidInput` where one is missing."""
        missing = [name for name in NEEDED if name not in fields]
        if missing:
            raise InvalidInput(f"{LIVE_PROGRESS} fields", list(fields), f"also {missing}")
        self._columns = {name: fields.index(name) for name in NEEDED}

    def add(self, rows: NDArray[np.floating[Any]]) -> None:
        """Take in rows (epochs, fields), new ones or known ones."""
        column = self._columns
        for row in rows:
            epoch = int(row[column[EPOCH]])
            if not epoch:  # zeros: the array has just been made, its row is on its way
                continue
            self._loss[epoch] = float(row[column[LOSS]])
            if version := int(row[column[PICTURE_VERSION]]):
                self._epoch_of[version] = epoch

    @property
    def newest_version(self) -> int:
        """Number of the newest picture that has a row; 0 before any."""
        return max(self._epoch_of, default=0)

    @property
    def last_epoch(self) -> int:
        """The newest epoch; 0 before any."""
        return max(self._loss, default=0)

    def has_version(self, version: int) -> bool:
        """Whether the picture's row has arrived."""
        return version in self._epoch_of

    def epoch_of(self, version: int) -> int:
        """Epoch that a picture shows; 0 where it is not known."""
        return self._epoch_of.get(version, 0)

    def curve(self) -> NDArray[np.float32]:
        """Epoch and loss, shape (epochs, 2), in order; rows without a finite loss left out."""
        rows = [(epoch, self._loss[epoch]) for epoch in sorted(self._loss)]
        table = np.array(rows, dtype=np.float32).reshape(-1, 2)
        finite: NDArray[np.float32] = table[np.isfinite(table[:, 1])]
        return finite
