"""A part of a scan as a scan of its own, small enough to be tried many times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from .feed import Resident
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
    index = torch.from_numpy(chosen).to(scan.device)
    corners_n2 = scan.corners_n2[index]
    corners_n2 = corners_n2 - corners_n2.min(0).values
    height, width = scan.window_HW
    rows, columns = (corners_n2.max(0).values + torch.tensor([height, width])).tolist()
    light_BHW = scan.light(chosen)
    masks = scan.frame_masks
    return replace(
        scan,
        patterns=Resident(light_BHW),
        corners_n2=corners_n2,
        shifts_n2=None if scan.shifts_n2 is None else scan.shifts_n2[index],
        scale_n=None if scan.scale_n is None else scan.scale_n[index],
        frame_masks=None if masks is None else masks.chosen(chosen),
        object_shape_YX=(rows, columns),
        pedestal=0.0,
        work_bytes=None if scan.work_bytes is None else scan.work_bytes // 2,
        background=0.0,
    )
