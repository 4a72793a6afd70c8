"""What the rest of the service may ask of a scan, wherever it comes from."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from exitwave.files.frame_masks import FrameMasks
from exitwave.files.frame_orientation import FrameOrientation
from exitwave.schema.data import GeometryOverrides
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import ScanRef
from exitwave.schema.verdict import Note


class Scan(Protocol):
    """A finished ptychography scan, as stored.

    Attributes
    ----------
    ref : ScanRef
        Its name.
    start, stop : dict
        Its documents.
    n_frames : int
        Number of patterns.
    shape_HW : (int, int)
        Of a pattern as stored, in pixels.
    orientation : FrameOrientation
        What turns a stored pattern into one seen along the beam, rows running down.
    notes : tuple of Note
        What people should know about how it was read.
    frame_masks : FrameMasks, optional
        Pixels that are bad in single frames only, as stored; one entry a frame.
    monitor_n : float array, optional
        Reading of a beam monitor for each frame, in any unit.
    """

    ref: ScanRef
    start: dict[str, Any]
    stop: dict[str, Any] | None
    n_frames: int
    shape_HW: tuple[int, int]
    orientation: FrameOrientation
    notes: tuple[Note, ...]
    frame_masks: FrameMasks | None
    monitor_n: NDArray[np.float64] | None

    def frames(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns `start` to `stop` (n, H, W) in counts, as stored.

        Raises
        ------
        DataError
            They cannot be read.
        """
        ...

    def positions_m(self) -> NDArray[np.float64]:
        """(n, 2) metres (y, x): where the beam is on the object, y growing along rows.

        Not checked: a position that was not recorded is NaN.
        """
        ...

    def geometry(self, overrides: GeometryOverrides) -> Geometry:
        """Energy, distance and detector pixel, each with where it came from.

        Raises
        ------
        GeometryError
            A value is neither recorded nor given, or out of range.
        """
        ...

    def mask_HW(self) -> NDArray[np.bool_] | None:
        """Pixels that work (True), as stored with the scan; None if nothing is stored."""
        ...
