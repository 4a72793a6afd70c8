"""A file as a scan, so that a file is prepared exactly as a run in Tiled is."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.files.frame_orientation import AS_STORED
from exitwave.files.stored import AnyMeasurement
from exitwave.schema.data import GeometryOverrides
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import ScanRef


class FileScan:
    """The scan of a measurement, in memory or in its file."""

    def __init__(self, path: Path, measurement: AnyMeasurement) -> None:
        self._measurement = measurement
        self.start: dict[str, Any] = {}
        self.stop: dict[str, Any] | None = None
        self.n_frames = len(measurement.counts_nHW)
        height, width = measurement.counts_nHW.shape[1:]
        self.shape_HW = (height, width)
        # What reads files has turned the frames: as seen along the beam, rows running down.
        self.orientation = AS_STORED
        self.notes = measurement.notes
        self.frame_masks = measurement.frame_masks
        self.monitor_n = measurement.monitor_n
        self.ref = ScanRef(uid=path.stem, path=str(path), n_frames=self.n_frames)

    def frames(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns `start` to `stop` (n, H, W), DC at the centre."""
        return self._measurement.counts_nHW[start:stop]

    def positions_m(self) -> NDArray[np.float64]:
        """(n, 2) metres (y, x)."""
        return self._measurement.positions_m

    def geometry(self, overrides: GeometryOverrides) -> Geometry:
        """The file's values, or those that replace them."""
        given = {key: value for key, value in asdict(overrides).items() if value}
        stored = self._measurement.geometry
        sources = {**stored.sources, **dict.fromkeys(given, "override")}
        return replace(stored, **given, sources=sources)

    def mask_HW(self) -> NDArray[np.bool_] | None:
        """True = valid."""
        return self._measurement.mask_HW
