"""What one pass over all frames leaves behind to judge pixels and frames by.

Frames lie in memory with DC at the corner; all images here have it at the centre, where
neighbours are neighbours. Frames are summed in groups: a few that went wrong spoil few
groups, so medians over the groups are safe before anybody knows which frames those are.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

MOST_GROUPS = 32
LEAST_IN_GROUP = 4
TILES = 16
"""Tiles along an axis, at most; none is smaller than eight pixels."""

SLAB_BYTES = 1 << 24

ROUNDING = 4e-7
"""Of the brightest pixel, that sums in single precision are off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Sums over groups of frames, and sums over tiles of each frame.

    Attributes
    ----------
    counts_nHW : ndarray (n, H, W)
        The frames themselves, DC at the corner.
    unit : float
        What one photon counts; where that is not known, so little that a frame holds 1e5.
    first_g : ndarray (G + 1,)
        Group g has the frames ``first_g[g]`` to ``first_g[g + 1]``, end excluded.
    sum_gHW, square_gHW, peak_gHW, low_gHW : float32 arrays (G, H, W)
        Sum, sum of squares, highest and lowest of each pixel, in photons.
    tiles_nTT : float32 array (n, T, T)
        Sums over tiles of the detector, in photons.
    rows_n2H, columns_n2W : float32 arrays
        Sums along the left and the right half of each row, the upper and the lower half of
        each column, in photons.
    hashes_n : ndarray (n,)
        Equal for equal frames.
    """

    counts_nHW: NDArray[Any]
    unit: float
    first_g: Indices
    sum_gHW: NDArray[np.float32]
    square_gHW: NDArray[np.float32]
    peak_gHW: NDArray[np.float32]
    low_gHW: NDArray[np.float32]
    tiles_nTT: NDArray[np.float32]
    rows_n2H: NDArray[np.float32]
    columns_n2W: NDArray[np.float32]
    hashes_n: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.counts_nHW)

    @property
    def shape_HW(self) -> tuple[int, int]:
        """Height and width of a frame, in pixels."""
        height, width = self.counts_nHW.shape[1:]
        return int(height), int(width)

    def images(self, group: int) -> list[NDArray[np.float32]]:
        """Sum, sum of squares, highest and lowest (H, W) of a group."""
        return [
            image_gHW[group]
            for image_gHW in (self.sum_gHW, self.square_gHW, self.peak_gHW, self.low_gHW)
        ]

    def frame(self, index: int) -> Floats:
        """One frame (H, W) in photons."""
        photons: Floats = np.fft.fftshift(self.counts_nHW[index]) / self.unit
        return photons

    def series(self, at_HW: Bools) -> Floats:
        """Photons (n, pixels) of some pixels in all frames, in the order of ``at_HW``."""
        places = np.fft.fftshift(np.arange(at_HW.size).reshape(at_HW.shape))[at_HW]
        flat = self.counts_nHW.reshape(len(self), -1)
        photons: Floats = flat[:, places] / self.unit
        return photons

    def blank(self, frames: Indices, at_HW: Bools, pixels: Indices) -> None:
        """Set counts to zero: `pixels` are numbers among those in ``at_HW``."""
        places = np.fft.fftshift(np.arange(at_HW.size).reshape(at_HW.shape))[at_HW]
        rows, columns = np.unravel_index(places[pixels], self.shape_HW)
        self.counts_nHW[frames, rows, columns] = 0

    def tile_edges(self) -> tuple[Indices, Indices]:
        """First pixel of each tile and the end, along y and along x."""
        height, width = self.shape_HW
        return _edges(height), _edges(width)


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelMaps:
    """Each pixel over those frames that look ordinary, in photons, DC at the centre.

    Attributes
    ----------
    frames : int
        How many.
    mean_HW, variance_HW, peak_HW, low_HW : ndarray (H, W)
    valid_HW : bool array (H, W)
        Not masked before.
    photons : bool
        Counts are photons, with a Poisson law.
    """

    frames: int
    mean_HW: Floats
    variance_HW: Floats
    peak_HW: Floats
    low_HW: Floats
    valid_HW: Bools
    photons: bool

    @property
    def total_HW(self) -> Floats:
        """Photons of each valid pixel in all these frames together."""
        total_HW: Floats = np.where(self.valid_HW, self.mean_HW * self.frames, 0)
        return total_HW


def gather(counts_nHW: NDArray[Any], unit: float) -> Evidence:
    """Look at all frames (n, H, W), DC at the corner, once."""
    count, height, width = counts_nHW.shape
    groups = int(np.clip(count // LEAST_IN_GROUP, 1, MOST_GROUPS))
    images = np.empty((4, groups, height, width), np.float32)
    tiles = len(_edges(height)) - 1, len(_edges(width)) - 1
    evidence = Evidence(
        counts_nHW=counts_nHW,
        unit=unit,
        first_g=np.linspace(0, count, groups + 1).astype(np.intp),
        sum_gHW=images[0],
        square_gHW=images[1],
        peak_gHW=images[2],
        low_gHW=images[3],
        tiles_nTT=np.empty((count, *tiles), np.float32),
        rows_n2H=np.empty((count, 2, height), np.float32),
        columns_n2W=np.empty((count, 2, width), np.float32),
        hashes_n=np.empty(count, np.int64),
    )
    for group in range(groups):
        _look_at(evidence, group)
    return evidence


def look_again(evidence: Evidence, frames: Indices) -> None:
    """Some frames have changed."""
    groups = np.searchsorted(evidence.first_g, frames, side="right") - 1
    for group in np.unique(groups):
        _look_at(evidence, int(group))


def _look_at(evidence: Evidence, group: int) -> None:
    """Sum up one group of frames, and each of its frames."""
    height, width = evidence.shape_HW
    rows, columns = _adding_up(height, _edges(height)), _adding_up(width, _edges(width))
    upper_lower, left_right = (
        _adding_up(height, _halves(height)),
        _adding_up(width, _halves(width)),
    )
    begin, end = (int(edge) for edge in evidence.first_g[group : group + 2])
    sums = _Sums((height, width))
    for low, high in _slabs(begin, end, height * width):
        slab_nHW = evidence.counts_nHW[low:high]
        for index, frame in enumerate(slab_nHW, low):
            evidence.hashes_n[index] = zlib.crc32(frame.tobytes())
        photons_nHW = sums.add(slab_nHW, evidence.unit)
        evidence.tiles_nTT[low:high] = rows @ photons_nHW @ columns.T
        halves_nH2 = photons_nHW @ left_right.T
        evidence.rows_n2H[low:high] = np.fft.fftshift(halves_nH2, axes=1).swapaxes(1, 2)
        halves_n2W = upper_lower @ photons_nHW
        evidence.columns_n2W[low:high] = np.fft.fftshift(halves_n2W, axes=2)
    images = np.fft.fftshift(sums.images(), axes=(1, 2))
    for kept, image in zip(evidence.images(group), images, strict=True):
        kept[:] = image


def first_maps(evidence: Evidence, valid_HW: Bools, *, photons: bool) -> PixelMaps:
    """Means as medians over the groups, before it is known which frames went wrong.

    Nothing else is known yet: noise and extremes are those of the means.
    """
    members_g = np.diff(evidence.first_g).astype(np.float32)[:, None, None]
    mean_HW = np.median(evidence.sum_gHW / members_g, axis=0).astype(np.float64)
    return PixelMaps(
        frames=len(evidence),
        mean_HW=mean_HW,
        variance_HW=mean_HW,
        peak_HW=mean_HW,
        low_HW=np.zeros_like(mean_HW),
        valid_HW=valid_HW,
        photons=photons,
    )


def pixel_maps(
    evidence: Evidence, ordinary_n: Bools, valid_HW: Bools, *, photons: bool
) -> PixelMaps:
    """Of ordinary frames (n,) only; groups with others among them are looked at again."""
    total = _Totals(evidence.shape_HW)
    for group, (begin, end) in enumerate(itertools.pairwise(evidence.first_g)):
        members = np.arange(begin, end)
        chosen = members[ordinary_n[members]]
        if len(chosen) == len(members):
            total.add(evidence.images(group))
        elif len(chosen):
            sums = _Sums(evidence.shape_HW)
            for low, high in _slabs(0, len(chosen), valid_HW.size):
                sums.add(evidence.counts_nHW[chosen[low:high]], evidence.unit)
            total.add(list(np.fft.fftshift(sums.images(), axes=(1, 2))))
    frames = max(1, int(ordinary_n.sum()))
    mean_HW = total.sum_HW / frames
    return PixelMaps(
        frames=frames,
        mean_HW=mean_HW,
        variance_HW=np.maximum(total.square_HW / frames - mean_HW**2, 0),
        peak_HW=total.peak_HW,
        low_HW=np.where(np.isfinite(total.low_HW), total.low_HW, 0),
        valid_HW=valid_HW,
        photons=photons,
    )


def sums_without(
    evidence: Evidence, bad_HW: Bools
) -> tuple[Floats, NDArray[np.float32], NDArray[np.float32]]:
    """Sums over tiles, rows and columns of each frame without what bad pixels hold.

    Those over rows and columns are taken from the evidence's own: a copy may be large.
    """
    tiles_nTT = evidence.tiles_nTT.astype(np.float64)
    rows_n2H, columns_n2W = evidence.rows_n2H, evidence.columns_n2W
    if bad_HW.any():
        edges_y, edges_x = evidence.tile_edges()
        height, width = evidence.shape_HW
        photons = evidence.series(bad_HW)
        for pixel, (y, x) in enumerate(np.argwhere(bad_HW)):
            tile_y = np.searchsorted(edges_y, y, side="right") - 1
            tile_x = np.searchsorted(edges_x, x, side="right") - 1
            tiles_nTT[:, tile_y, tile_x] -= photons[:, pixel]
            rows_n2H[:, int(x >= width // 2), y] -= photons[:, pixel]
            columns_n2W[:, int(y >= height // 2), x] -= photons[:, pixel]
    # Sums were made in single precision: what it left of a bright pixel is no light.
    least = max(0.5, ROUNDING * float(evidence.peak_gHW.max()))
    tiles_nTT[tiles_nTT < least] = 0
    for sums in (rows_n2H, columns_n2W):
        sums[sums < least] = 0
    return tiles_nTT, rows_n2H, columns_n2W


class _Totals:
    """Groups put together, DC at the centre."""

    def __init__(self, shape_HW: tuple[int, int]) -> None:
        self.sum_HW, self.square_HW, self.peak_HW = (np.zeros(shape_HW) for _ in range(3))
        self.low_HW = np.full(shape_HW, np.inf)

    def add(self, images: Sequence[NDArray[np.floating[Any]]]) -> None:
        """Take in a group's sum, sum of squares, highest and lowest."""
        self.sum_HW += images[0]
        self.square_HW += images[1]
        np.maximum(self.peak_HW, images[2], out=self.peak_HW)
        np.minimum(self.low_HW, images[3], out=self.low_HW)


class _Sums:
    """Sums over frames as they come, DC at the corner."""

    def __init__(self, shape_HW: tuple[int, int]) -> None:
        self._sum_HW = np.zeros(shape_HW)
        self._square_HW = np.zeros(shape_HW)
        self._peak_HW = np.zeros(shape_HW)
        self._low_HW = np.full(shape_HW, np.inf)

    def add(self, slab_nHW: NDArray[Any], unit: float) -> NDArray[np.float32]:
        """Take frames (n, H, W) in; gives them in photons."""
        photons_nHW = slab_nHW.astype(np.float32)
        if unit != 1:
            photons_nHW *= np.float32(1 / unit)
        self._sum_HW += photons_nHW.sum(axis=0)
        self._square_HW += np.einsum("nyx,nyx->yx", photons_nHW, photons_nHW)
        self._peak_HW = np.maximum(self._peak_HW, photons_nHW.max(axis=0))
        self._low_HW = np.minimum(self._low_HW, photons_nHW.min(axis=0))
        return photons_nHW

    def images(self) -> Floats:
        """Sum, sum of squares, highest and lowest (4, H, W); zero where there was no frame."""
        low_HW = np.where(np.isfinite(self._low_HW), self._low_HW, 0)
        return np.stack([self._sum_HW, self._square_HW, self._peak_HW, low_HW])


def _slabs(begin: int, end: int, pixels: int) -> Iterator[tuple[int, int]]:
    step = max(1, SLAB_BYTES // (4 * pixels))
    for low in range(begin, end, step):
        yield low, min(low + step, end)


def _edges(side: int) -> Indices:
    tiles = int(np.clip(side // 8, 1, TILES))
    return np.linspace(0, side, tiles + 1).astype(np.intp)


def _halves(side: int) -> Indices:
    return np.array([0, side // 2, side], np.intp)


def _adding_up(side: int, edges: Indices) -> NDArray[np.float32]:
    """Adds up the pixels, DC at the corner, of each part of a line, DC at the centre."""
    belongs = np.zeros((len(edges) - 1, side), np.float32)
    for part, (begin, end) in enumerate(itertools.pairwise(edges)):
        belongs[part, begin:end] = 1
    return np.fft.ifftshift(belongs, axes=1)
