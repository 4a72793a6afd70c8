"""A recorded scan (a CXI file): what the simulated instrument measures."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  # registers the filters of compressed files
import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

DEMO_SCAN = Path(__file__).parent / "data" / "siemens_star.h5"
"""The real Siemens-star scan that comes with the package."""

EV_J = 1.602176634e-19

_DATA = "/entry_1/data_1/data"
_TRANSLATION = "/entry_1/data_1/translation"
_DETECTOR = "/entry_1/instrument_1/detector_1"


class RecordedScan:
    """A CXI file, read frame by frame. Use it as a context manager.

    Attributes
    ----------
    beam_m : ndarray
        (n, 2) metres (y, x): where the beam is on the object, about the middle of the scan.
    frame_shape, dtype
        Of one pattern.
    energy_eV, distance_m, detector_pixel_m : float
        Geometry.
    sample : str
        Name of the sample, "" if the file has none.
    note : str
        What a reader of the geometry must know, "" if the file says nothing.

    Raises
    ------
    DataError
        The file cannot be read or lacks a dataset; the message names it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = h5py.File(path, "r", locking=False)
        except OSError as error:
            raise DataError(str(path), str(error), "a readable CXI (HDF5) file") from None
        self._patterns = self._dataset(_DATA)
        self.n_frames: int = self._patterns.shape[0]
        self.frame_shape: tuple[int, int] = self._patterns.shape[1:]
        self.dtype: np.dtype[Any] = self._patterns.dtype
        translation = np.asarray(self._dataset(_TRANSLATION)[:], np.float64)
        if translation.shape != (self.n_frames, 3):
            raise DataError(
                f"{path}:{_TRANSLATION}", translation.shape, f"shape ({self.n_frames}, 3)"
            )
        beam = translation[:, 1::-1]
        self.beam_m: NDArray[np.float64] = beam - (beam.min(0) + beam.max(0)) / 2
        self.energy_eV = self._number("/entry_1/instrument_1/source_1/energy") / EV_J
        self.distance_m = self._number(f"{_DETECTOR}/distance")
        self.detector_pixel_m = self._number(f"{_DETECTOR}/x_pixel_size")
        self.sample = self._text("/entry_1/sample_1/name")
        self.note = self._text("/entry_1/note")

    def frames(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns `start` to `stop` (n, H, W), as recorded."""
        patterns: NDArray[Any] = self._patterns[start:stop]
        return patterns

    def fast_points(self) -> int:
        """Points of one line, if all lines have as many; else the number of frames."""
        slow = self.beam_m[:, 0]
        turns = np.flatnonzero(np.abs(np.diff(slow)) > 0.25 * np.abs(np.diff(slow)).max())
        first = int(turns[0]) + 1 if turns.size else self.n_frames
        ends = np.arange(first, self.n_frames, first) - 1
        return first if np.array_equal(turns, ends) else self.n_frames

    def __enter__(self) -> RecordedScan:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def _dataset(self, name: str) -> h5py.Dataset:
        found = self._file.get(name)
        if not isinstance(found, h5py.Dataset):
            raise DataError(f"{self.path}:{name}", "nothing", "a dataset")
        return found

    def _number(self, name: str) -> float:
        return float(self._dataset(name)[()])

    def _text(self, name: str) -> str:
        found = self._file.get(name)
        return found.asstr()[()] if isinstance(found, h5py.Dataset) else ""
