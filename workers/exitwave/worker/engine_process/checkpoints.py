"""Checkpoints of a job: written in the background, found again by its next attempt.

``<folder>/<job>/a<attempt>-e<epoch>.npz``. An attempt writes files of its own only; a later
one has gone on from the newest of those before it, so that the highest attempt's are newest.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from exitwave.engine import Checkpoint
from exitwave.files.checkpoint import read_arrays, write_arrays
from exitwave.schema.errors import CheckpointError
from exitwave.schema.job import ResumePoint

FILES_PER_JOB = 2
"""Should the newest be corrupt, there is one before it."""

LARGEST_TIME_SHARE = 0.2
"""At most this share of the time goes into making and writing checkpoints."""

_ROWS = "rows"
"""Beside the checkpoint's own arrays: lines of ``live/progress``."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCheckpoint:
    """A checkpoint that was read.

    Attributes
    ----------
    point : ResumePoint
    checkpoint : Checkpoint
    rows : ndarray
        Lines of ``live/progress`` up to its epoch.
    """

    point: ResumePoint
    checkpoint: Checkpoint
    rows: NDArray[np.float64]


def found_in(folder: Path) -> list[tuple[ResumePoint, Path]]:
    """A job's checkpoints, newest first."""
    found = []
    for path in folder.glob("a*-e*.npz"):
        match = re.fullmatch(r"a([0-9]+)-e([0-9]+)", path.stem)
        if match is not None:
            point = ResumePoint(attempt=int(match[1]), epoch=int(match[2]))
            found.append((point, path))
    return sorted(found, key=lambda one: (one[0].attempt, one[0].epoch), reverse=True)


def read(point: ResumePoint, path: Path) -> LoadedCheckpoint:
    """A checkpoint and its rows.

    Raises
    ------
    CheckpointError
        It is corrupt, or not one of ours.
    """
    arrays = read_arrays(path)
    rows = arrays.pop(_ROWS, np.empty(0))
    checkpoint = Checkpoint.from_arrays(arrays)
    if checkpoint.epoch != point.epoch or rows.shape[:1] != (point.epoch,) or rows.ndim != 2:
        raise CheckpointError(
            str(path),
            f"epoch {checkpoint.epoch} and rows of shape {rows.shape}",
            f"epoch {point.epoch} and a row for each",
        )
    return LoadedCheckpoint(point=point, checkpoint=checkpoint, rows=rows)


class CheckpointWriter:
    """Writes one attempt's checkpoints from a thread of its own; the latest wins.

    Parameters
    ----------
    folder : Path
        The job's.
    attempt : int
    every_s : float
        Time between two checkpoints.
    """

    def __init__(self, folder: Path, attempt: int, every_s: float) -> None:
        self._folder, self._attempt, self._every_s = folder, attempt, every_s
        self._changed = threading.Condition()
        self._next: tuple[int, dict[str, NDArray[Any]]] | None = None
        self._writing = False
        self._closed = False
        self._newest: ResumePoint | None = None
        self._given_at_s = time.monotonic()
        self._cost_s = 0.0
        self._thread = threading.Thread(target=self._write_all, name="checkpoints", daemon=True)
        self._thread.start()

    @property
    def newest(self) -> ResumePoint | None:
        """The newest checkpoint that this attempt has on disk."""
        with self._changed:
            return self._newest

    @property
    def due(self) -> bool:
        """Whether it is time for another one."""
        with self._changed:
            idle = self._next is None and not self._writing
        wait_s = max(self._every_s, self._cost_s / LARGEST_TIME_SHARE)
        return idle and time.monotonic() - self._given_at_s >= wait_s

    def write(self, checkpoint: Checkpoint, rows: NDArray[np.float64], copied_s: float) -> None:
        """Have a checkpoint written; returns at once.

        Parameters
        ----------
        checkpoint : Checkpoint
        rows : ndarray
        copied_s : float
            Time that it took to make: while it is made the engine waits.
        """
        with self._changed:
            self._next = checkpoint.epoch, {**checkpoint.arrays(), _ROWS: rows}
            self._given_at_s = time.monotonic()
            self._cost_s = copied_s
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until what was given to `write` is on disk, or could not be written."""
        with self._changed:
            self._changed.wait_for(lambda: self._next is None and not self._writing)

    def close(self) -> None:
        """Write nothing more; returns when the thread has ended."""
        with self._changed:
            self._closed, self._next = True, None
            self._changed.notify_all()
        self._thread.join()

    def _write_all(self) -> None:
        while (given := self._taken()) is not None:
            epoch, arrays = given
            began_s = time.monotonic()
            try:
                self._write_file(epoch, arrays)
            except Exception as error:  # noqa: BLE001 - a full disk must not end the run
                _log.error("checkpoint.not_written", epoch=epoch, error=str(error))
            with self._changed:
                self._writing = False
                self._cost_s += time.monotonic() - began_s
                self._changed.notify_all()

    def _taken(self) -> tuple[int, dict[str, NDArray[Any]]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._next is not None)
            if self._closed:
                return None
            given, self._next = self._next, None
            self._writing = True
            return given

    def _write_file(self, epoch: int, arrays: dict[str, NDArray[Any]]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_arrays(self._folder / f"a{self._attempt:04d}-e{epoch:06d}.npz", arrays)
        with self._changed:
            self._newest = ResumePoint(attempt=self._attempt, epoch=epoch)
        for path in self._outdated():
            path.unlink(missing_ok=True)

    def _outdated(self) -> Iterator[Path]:
        """Files before the newest ones; never those of a later attempt."""
        own = [path for point, path in found_in(self._folder) if point.attempt <= self._attempt]
        yield from own[FILES_PER_JOB:]
