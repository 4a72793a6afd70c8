"""A scan as it would be with other positions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..illuminate import split_positions
from ..scan import SUBPIXEL_FROM_PX, Scan


def positions_of(scan: Scan) -> NDArray[np.float64]:
    """Where the views lie, (n, 2), in pixels."""
    positions_n2 = scan.corners_n2.double()
    if scan.shifts_n2 is not None:
        positions_n2 = positions_n2 + scan.shifts_n2
    positions_px: NDArray[np.float64] = positions_n2.cpu().numpy()
    return positions_px


def placed(scan: Scan, positions_px: NDArray[np.float64]) -> Scan:
    """The same patterns at other positions (n, 2), wherever their origin is."""
    moved_px = positions_px - positions_px.min(axis=0)
    corners_n2, shifts_n2 = split_positions(torch.from_numpy(moved_px))
    rows, columns = (corners_n2.max(0).values + torch.tensor(scan.window_HW)).tolist()
    shifted = float(shifts_n2.abs().max()) > SUBPIXEL_FROM_PX
    return replace(
        scan,
        corners_n2=corners_n2.to(scan.device),
        shifts_n2=shifts_n2.float().to(scan.device) if shifted else None,
        object_shape_YX=(rows, columns),
    )
