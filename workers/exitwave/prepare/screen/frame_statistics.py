"""What tells a frame that went wrong from one that shows another part of the sample.

A sample may be opaque, empty or full of structure, so that totals differ as much as they
like. But views that overlap see nearly the same: a frame is judged by those around it in
space, and by when it was taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .evidence import Bools, Evidence, Floats, Indices, sums_without

NEIGHBOURS = 8
CLOSE = 1.5
"""Times the typical distance to the nearest view: what is still a neighbour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameStatistics:
    """All frames at a glance, without pixels that are bad in all of them.

    Attributes
    ----------
    evidence : Evidence
    bad_HW : bool array (H, W)
        Pixels left out of the sums.
    tiles_nTT : ndarray (n, T, T)
        Photons in each tile.
    rows_n2H, columns_n2W : ndarray
        Photons along both halves of each row and column.
    whole_n : bool array (n,)
        Nothing in the frame was marked as bad by the detector.
    near_nk, close_nk : ndarray (n, k)
        The nearest views in space, and whether they are near enough.
    photons : bool
        Counts are photons, with a Poisson law.
    """

    evidence: Evidence
    bad_HW: Bools
    tiles_nTT: Floats
    rows_n2H: NDArray[np.float32]
    columns_n2W: NDArray[np.float32]
    whole_n: Bools
    near_nk: Indices
    close_nk: Bools
    photons: bool

    def __len__(self) -> int:
        return len(self.tiles_nTT)

    @property
    def totals_n(self) -> Floats:
        """Photons of each frame."""
        totals_n: Floats = self.tiles_nTT.sum(axis=(1, 2))
        return totals_n

    def highest_around(self, values_n: Floats, allowed_nk: Bools | None = None) -> Floats:
        """Highest value among each frame's neighbours; NaN where there is none."""
        usable_nk = self.close_nk if allowed_nk is None else self.close_nk & allowed_nk
        around_nk = np.where(usable_nk, values_n[self.near_nk], -np.inf)
        highest_n: Floats = around_nk.max(axis=1, initial=-np.inf)
        return np.where(np.isfinite(highest_n), highest_n, np.nan)

    def pairs(self) -> tuple[Indices, Indices]:
        """All frames with each of their neighbours."""
        first, which = np.nonzero(self.close_nk)
        return first, self.near_nk[first, which]


def frame_statistics(
    evidence: Evidence, positions: Floats, bad_HW: Bools, whole_n: Bools, *, photons: bool
) -> FrameStatistics:
    """Of all frames, taken at positions (n, 2)."""
    near_nk, close_nk = neighbours_of(positions)
    tiles_nTT, rows_n2H, columns_n2W = sums_without(evidence, bad_HW)
    return FrameStatistics(
        evidence=evidence,
        bad_HW=bad_HW,
        tiles_nTT=tiles_nTT,
        rows_n2H=rows_n2H,
        columns_n2W=columns_n2W,
        whole_n=whole_n,
        near_nk=near_nk,
        close_nk=close_nk,
        photons=photons,
    )


def neighbours_of(positions: Floats) -> tuple[Indices, Bools]:
    """The nearest views (n, k) of each, and whether they are close."""
    count = len(positions)
    if count < 2:
        return np.zeros((count, 0), np.intp), np.zeros((count, 0), np.bool_)
    most = min(NEIGHBOURS + 1, count)
    distance_nk, near_nk = cKDTree(positions).query(positions, k=most)
    # A view may share its place with others, so that it need not come first itself.
    itself_nk = near_nk == np.arange(count)[:, None]
    distance_nk = np.where(itself_nk, np.inf, distance_nk)
    order = np.argsort(distance_nk, axis=1, kind="stable")[:, : most - 1]
    rows = np.arange(count)[:, None]
    distance_nk, near_nk = distance_nk[rows, order], near_nk[rows, order]
    typical = float(np.median(distance_nk[:, 0]))
    return near_nk, distance_nk <= CLOSE * max(typical, 1e-30)


def runs_of(at_n: Bools) -> Indices:
    """A number for each frame: that of its run of True in order of time, or -1."""
    starts_n = at_n & ~np.concatenate([[False], at_n[:-1]])
    return np.where(at_n, np.cumsum(starts_n) - 1, -1)


@dataclass(frozen=True, slots=True)
class Contrast:
    """How structured some part of a frame is.

    Attributes
    ----------
    structure : float
        Variance beyond that of Poisson noise, over the square of the mean: about 1 in
        speckle, 0 in an even fog.
    error : float
        Of that, by Poisson noise.
    noise : float
        Variance over that of Poisson noise.
    """

    structure: float
    error: float
    noise: float


def contrast(image_HW: Floats, tile_at: Bools, statistics: FrameStatistics) -> Contrast:
    """Of a frame's tiles; each tile is compared with its own mean."""
    edges_y, edges_x = statistics.evidence.tile_edges()
    variances, sums, squares, pixels = 0.0, 0.0, 0.0, 0
    for row, column in np.argwhere(tile_at):
        window = np.s_[edges_y[row] : edges_y[row + 1], edges_x[column] : edges_x[column + 1]]
        values = image_HW[window][~statistics.bad_HW[window]]
        if values.size < 2:
            continue
        variances += values.size * float(values.var(ddof=1))
        sums += float(values.sum())
        squares += values.size * float(values.mean()) ** 2
        pixels += values.size
    if squares <= 0:
        return Contrast(1.0, 1.0, 1.0)
    if not statistics.photons:
        # The noise is not known: structure may only be less.
        return Contrast(variances / squares, 0.0, 1.0)
    error = float(np.sqrt(2 * pixels) * sums / pixels / squares)
    return Contrast((variances - sums) / squares, error, variances / sums)
