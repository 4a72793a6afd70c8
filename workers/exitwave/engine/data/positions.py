"""Where the views lie: the object that holds them, and whether they can be a scan at all."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

LARGEST_OBJECT_PX = 16_384
"""Side of an object that is still believed."""

LEAST_STEP_PX = 0.25
"""Mean step that is still believed: finer rasters than a pixel are rare."""

STRAY_GROWTH = 4.0
"""Times the object grows for views that share no pixel with any other: a motor's slip."""

SAMPLED_VIEWS = 512

_WRONG_SCALE = "the pixel size or the positions' unit is wrong"


def object_shape_YX(
    positions_px: NDArray[np.float64], window_HW: tuple[int, int]
) -> tuple[int, int]:
    """Smallest object array (Y, X) that starts at (0, 0) and holds all views.

    Parameters
    ----------
    positions_px : ndarray (n, 2)
        (y, x) top-left pixel of each view, >= 0, may be fractional.
    window_HW : (int, int)
        Height and width of a view.
    """
    far_y, far_x = np.ceil(np.max(positions_px, axis=0)).astype(int)
    return int(far_y) + window_HW[0], int(far_x) + window_HW[1]


def check_views(positions_px: NDArray[np.float64], window_HW: tuple[int, int]) -> None:
    """Refuse positions that cannot be a ptychography scan.

    Parameters
    ----------
    positions_px : ndarray (n, 2)
        (y, x) top-left pixel of each view, finite.
    window_HW : (int, int)
        Height and width of a view.

    Raises
    ------
    DataError
        A single view, views outside or absurdly far apart, all on the same few pixels, steps
        far below a pixel, most views without a neighbour that shares a pixel, or a few of
        them far from all others.
    """
    count = len(positions_px)
    if count < 2:
        raise DataError(
            "frames", "one single pattern", "a scan: patterns of views that overlap"
        )
    lowest = positions_px.min(axis=0)
    if lowest.min() < 0:
        outside = int((positions_px < 0).any(axis=1).sum())
        raise DataError(
            "positions_px",
            f"{outside} of {count} positions below 0, the lowest {lowest.min():.6g}",
            "pixels from 0 on: (y, x) of each view's top-left pixel in the object",
        )
    sides_px = np.ceil(positions_px.max(axis=0)) + window_HW
    if sides_px.max() > LARGEST_OBJECT_PX:
        farthest = int(np.argmax(positions_px.max(axis=1)))
        raise DataError(
            "positions_px",
            f"an object of {sides_px[0]:.10g} x {sides_px[1]:.10g} px; view {farthest} is "
            "farthest out",
            f"at most {LARGEST_OBJECT_PX} px a side: {_WRONG_SCALE} (too small a pixel), or "
            "that view's position",
        )
    span_px = np.ptp(positions_px, axis=0)
    least_px = min(8.0, min(window_HW) / 16)
    if span_px.max() < least_px:
        raise DataError(
            "positions_px",
            f"all {count} views within {span_px[0]:.3g} x {span_px[1]:.3g} px",
            f"a scan over more than {least_px:.3g} px: {_WRONG_SCALE} (too large a pixel)",
        )
    step_px = float(span_px.max()) / math.sqrt(count)
    if step_px < LEAST_STEP_PX:
        raise DataError(
            "positions_px",
            f"{count} views within {span_px[0]:.3g} x {span_px[1]:.3g} px, steps of about "
            f"{step_px:.2g} px",
            f"steps of more than {LEAST_STEP_PX:g} px: {_WRONG_SCALE} (too large a pixel)",
        )
    alone = isolated_positions(positions_px, window_HW)
    if 2 * alone.sum() > count:
        raise DataError(
            "positions_px",
            f"{int(alone.sum())} of {count} views of {window_HW[0]} x {window_HW[1]} px that "
            "share no pixel with any other",
            f"views that overlap: {_WRONG_SCALE} (too small a pixel), or the steps too wide",
        )
    if alone.any():
        _check_strays(positions_px, window_HW, alone)


def _check_strays(
    positions_px: NDArray[np.float64], window_HW: tuple[int, int], alone: NDArray[np.bool_]
) -> None:
    """Refuse isolated views that are far away from all others."""
    whole_YX = np.ptp(positions_px, axis=0) + window_HW
    others_YX = np.ptp(positions_px[~alone], axis=0) + window_HW
    if whole_YX.prod() > STRAY_GROWTH * others_YX.prod():
        middle_px = np.median(positions_px, axis=0)
        stray = int(np.argmax(np.where(alone, np.hypot(*(positions_px - middle_px).T), -1)))
        y, x = positions_px[stray]
        raise DataError(
            f"positions_px[{stray}]",
            f"({y:.6g}, {x:.6g}), far from all other views: with {int(alone.sum())} such views "
            f"an object of {whole_YX[0]:.0f} x {whole_YX[1]:.0f} px, without them "
            f"{others_YX[0]:.0f} x {others_YX[1]:.0f} px",
            "(y, x) near the others: leave such views out together with their frames",
        )


def isolated_positions(
    positions_px: NDArray[np.float64], window_HW: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which views (n,) share no pixel with any other.

    All pairs of a scan of 40 000 views would be a thousand million. So views are sorted into
    cells of a window's size. Two views in one cell differ by less than a window along both
    axes: they share pixels, and nothing more is asked of a cell with several views. Only a
    view that is alone in its cell is compared, and only with views of the eight cells around
    it: all others are a window away or more.
    """
    cells_n2 = np.floor(positions_px / window_HW).astype(np.int64)
    keys, cell_n, members = np.unique(cells_n2, axis=0, return_inverse=True, return_counts=True)
    cell_n = cell_n.reshape(-1)
    isolated: NDArray[np.bool_] = members[cell_n] == 1
    # Views cell by cell: those of cell c are order[starts[c] : starts[c + 1]].
    order = np.argsort(cell_n, kind="stable")
    starts = np.concatenate([[0], np.cumsum(members)])
    where = {(int(y), int(x)): i for i, (y, x) in enumerate(keys)}
    for i in np.flatnonzero(isolated):
        y, x = (int(part) for part in cells_n2[i])
        around = [
            order[starts[cell] : starts[cell + 1]]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if (dy, dx) != (0, 0) and (cell := where.get((y + dy, x + dx))) is not None
        ]
        if around:
            apart_px = np.abs(positions_px[np.concatenate(around)] - positions_px[i])
            isolated[i] = not (apart_px < window_HW).all(axis=1).any()
    return isolated


def neighbour_distance_px(positions_px: NDArray[np.float64]) -> float:
    """Median distance of views to the nearest other view, from up to 512 views."""
    count = len(positions_px)
    nearest_px = []
    for i in np.unique(np.linspace(0, count - 1, min(count, SAMPLED_VIEWS)).astype(np.intp)):
        apart_px = np.hypot(*(positions_px - positions_px[i]).T)
        apart_px[i] = np.inf
        nearest_px.append(apart_px.min())
    return float(np.median(nearest_px))
