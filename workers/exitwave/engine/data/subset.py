"""A part of a scan as a scan of its own, small enough to be tried many times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .feed import DevicePatterns
from .scan import Scan


def connected_views(positions_px: NDArray[np.float64], wanted: int) -> NDArray[np.intp]:
    """So many views around the middle of the scan, sorted; each has neighbours among them.

    Distances along an axis count in units of the scan's extent along it where the scan is
    longer than wide by far: a strip of views is as connected as a disk.
    """
    middle = np.median(positions_px, axis=0)
    first = positions_px[np.argmin(np.hypot(*(positions_px - middle).T))]
    nearest = np.argsort(np.hypot(*(positions_px - first).T), kind="stable")[:wanted]
    return np.sort(nearest).astype(np.intp)


def part_of(scan: Scan, chosen: NDArray[np.intp]) -> Scan:
    """The chosen views alone, their light on the device as single precision."""
    part = scan.only(chosen)
    corners_n2 = part.corners_n2 - part.corners_n2.min(0).values
    height, width = scan.window_HW
    rows, columns = corners_n2.max(0).values.tolist()
    return replace(
        part,
        patterns=DevicePatterns(scan.light(chosen)),
        corners_n2=corners_n2,
        object_shape_YX=(rows + height, columns + width),
        pedestal=0.0,
        background=0.0,
        work_bytes=None if scan.work_bytes is None else scan.work_bytes // 2,
    )
