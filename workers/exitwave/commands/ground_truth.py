"""A result against the ground truth of a simulated measurement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exitwave.files.reconstruction import Reconstruction, Truth
from exitwave.files.stored import AnyMeasurement
from exitwave.quality import Alignment, align, rectangle_of_centres
from exitwave.schema.errors import InvalidInput

SMALLEST_REGION_PX = 8
"""Side of the smallest region that two pictures are compared on."""

ILLUMINATED_SHARE = 0.5
"""A row of the beam with this share of the brightest row's power counts as illuminated."""


def cpcc_with_truth(
    result: Reconstruction, measurement: AnyMeasurement
) -> tuple[float | None, str | None]:
    """|cPCC| against the truth that a measurement carries, and why there is none.

    Both are None where the measurement carries no truth.
    """
    if measurement.truth is None:
        return None, None
    true_m = measurement.geometry.pixel_size_m(min(measurement.counts_nHW.shape[1:]))
    if not np.isclose(result.pixel_size_m, true_m, rtol=1e-6):
        return None, "the pixel is not that of the truth: a crop, or another geometry"
    try:
        return cpcc_on_shared_region(result, measurement.truth), None
    except InvalidInput as error:
        return None, f"{error.found} cannot be compared"


def cpcc_on_shared_region(result: Reconstruction, truth: Truth) -> float:
    """|cPCC| as `align_with_truth` finds it."""
    return align_with_truth(result, truth).cpcc


def align_with_truth(result: Reconstruction, truth: Truth) -> Alignment:
    """The result brought onto the truth, on the rectangle spanned by the view centres.

    In a simulated file the positions in metres are the views' corners in the true object. A
    scan of one line spans no rectangle: there the rows are compared that the beam illuminates.

    Raises
    ------
    InvalidInput
        The two share no region.
    """
    corners_px = result.positions_m / result.pixel_size_m
    behind_px = np.rint((corners_px - result.positions_px)[0]).astype(int)
    # The one that begins first is cut, so that both share their first pixel.
    true_y, true_x = np.maximum(behind_px, 0)
    here_y, here_x = np.maximum(-behind_px, 0)
    positions_px = result.positions_px - (here_y, here_x)
    window_HW = (truth.probe_HW.shape[0], truth.probe_HW.shape[1])
    y0, y1, x0, x1 = rectangle_of_centres(positions_px, window_HW)
    first, last = positions_px.min(axis=0), positions_px.max(axis=0)
    power_HW = np.abs(truth.probe_HW) ** 2
    if y1 - y0 < SMALLEST_REGION_PX:
        y0, y1 = _illuminated_range(power_HW.sum(axis=1), first[0], last[0])
    if x1 - x0 < SMALLEST_REGION_PX:
        x0, x1 = _illuminated_range(power_HW.sum(axis=0), first[1], last[1])
    found_YX = result.object_MYX[0, here_y:, here_x:]
    return align(found_YX, truth.object_YX[true_y:, true_x:], (y0, y1, x0, x1))


def _illuminated_range(
    power: NDArray[np.float32], first_px: float, last_px: float
) -> tuple[int, int]:
    """Pixels that the beam illuminates along one axis, from the first to the last view."""
    bright = np.flatnonzero(power >= ILLUMINATED_SHARE * power.max())
    return int(np.floor(first_px)) + int(bright[0]), int(np.ceil(last_px)) + int(bright[-1]) + 1
