"""How far a beam is out of focus, read off neighbouring patterns without any iteration.

Out of focus the pattern of view i is a shadow of the sample: the ray that meets the beam at
the point c k goes to k, so that a feature at X is seen at k = (X - x_i) / c. Between two
views it moves by -(x_j - x_i) / c: by how much tells c along each axis, and which way its sign
(docs/method.md, eq. 21). Patterns less their mean are correlated for many pairs of
neighbours; for each (1/c_y, 1/c_x) the correlations are read off where c puts them and added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .pupil import brightness

MOST_PAIRS = 1000
SECTORS = 8

FARTHEST = 2.5
"""Times the usual distance of neighbours in a direction: beyond it no pair is made."""

ILLUMINATED_SHARE = 0.03
"""Of the pupil's light: dimmer pixels say nothing but noise."""

LARGEST_SIGMA = 4.0
"""Single pixels that differ by more from the mean must not speak for all."""

LEAST_SHARED = 0.08
"""Share of the illuminated pixels that two shifted patterns must have in common."""

ALONG = 0.25
"""A pair lies along an axis where it differs across it by less than so much."""

PEAK_WIDTH = 4
"""Grid points around a peak that belong to it."""


Bounds = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPeak:
    """A defocus that the shadows speak for.

    Attributes
    ----------
    defocus_px2 : (float, float)
        c along y and x.
    strength : float
        Sum of the correlations in units of what noise would give, 1.
    """

    defocus_px2: tuple[float, float]
    strength: float


def neighbour_pairs(positions_px: NDArray[np.float64], each: int = 1) -> NDArray[np.intp]:
    """Pairs (p, 2) of neighbouring views in all directions, those near the middle first.

    The nearest views in each of eight directions: where steps along one axis are far longer
    than along the other, the nearest of all would lie in one direction only.

    Parameters
    ----------
    positions_px : ndarray (n, 2)
    each : int
        Views in each direction. The nearest alone tell the defocus best; more of them make
        faint shadows stand out of the noise.
    """
    apart_px = positions_px[None] - positions_px[:, None]
    distance = np.hypot(apart_px[..., 0], apart_px[..., 1])
    turn = np.arctan2(apart_px[..., 0], apart_px[..., 1]) / (2 * np.pi)
    sector = np.rint(SECTORS * turn).astype(int) % SECTORS
    near = np.zeros(distance.shape, np.bool_)
    for part in range(SECTORS):
        within = np.where((sector == part) & (distance > 0), distance, np.inf)
        ordered = np.sort(within, axis=1)[:, :each]
        nearest = ordered[:, 0][np.isfinite(ordered[:, 0])]
        if not nearest.size:
            continue
        reach = np.minimum(ordered[:, -1], FARTHEST * np.median(nearest))
        near |= within <= reach[:, None]
    pairs = np.argwhere(np.triu(near | near.T))
    middle = positions_px.mean(axis=0)
    off_px = np.hypot(*(positions_px[pairs].mean(axis=1) - middle).T)
    chosen: NDArray[np.intp] = pairs[np.argsort(off_px, kind="stable")][:MOST_PAIRS]
    return chosen


def shadow_peaks(
    light_BHW: Tensor,
    positions_B2: NDArray[np.float64],
    pairs_P2: NDArray[np.intp],
    bounds_px2: Bounds,
    wanted: int,
) -> list[ShadowPeak]:
    """The values of defocus that shadows speak for most, strongest first.

    Parameters
    ----------
    light_BHW : Tensor (B, H, W)
        Patterns without pedestal, DC at the corner, invalid pixels zero.
    positions_B2 : ndarray (B, 2)
        Their views' positions, px.
    pairs_P2 : ndarray of int (P, 2)
        Which of them are neighbours.
    bounds_px2 : ((float, float), (float, float))
        Least and largest |c| along y and x.
    wanted : int
        How many at most.
    """
    if not len(pairs_P2):
        return []
    contrast_BHW, illuminated_HW = _contrast(light_BHW)
    height, width = illuminated_HW.shape
    steps_P2 = positions_B2[pairs_P2[:, 1]] - positions_B2[pairs_P2[:, 0]]
    scale = [usual_step(positions_B2, pairs_P2, axis) for axis in (0, 1)]
    inverse = [
        np.arange(-size + 1, size) / step
        for size, step in zip((height, width), scale, strict=True)
    ]  # 1/c in detector pixels per object pixel
    strength = _strengths(contrast_BHW, illuminated_HW, steps_P2, pairs_P2, inverse)
    sides = light_BHW.shape[1:]
    inverse = [axis / side for axis, side in zip(inverse, sides, strict=True)]
    allowed = [
        (np.abs(axis) >= 1 / high) & (np.abs(axis) <= 1 / low)
        for axis, (low, high) in zip(inverse, bounds_px2, strict=True)
    ]
    return _peaks(
        strength.cpu().numpy(), allowed[0][:, None] & allowed[1][None], inverse, wanted
    )


def line_peak(
    light_BHW: Tensor,
    positions_B2: NDArray[np.float64],
    pairs_P2: NDArray[np.intp],
    bounds_px2: tuple[float, float],
    axis: int,
) -> ShadowPeak | None:
    """The defocus along one axis of a beam that is in focus along the other.

    Pairs that differ along `axis` alone are compared: across it a focus casts no shadow.
    Parameters as in `shadow_peaks`.
    """
    apart = np.abs(positions_B2[pairs_P2[:, 1]] - positions_B2[pairs_P2[:, 0]])
    pairs_P2 = pairs_P2[apart[:, 1 - axis] <= ALONG * apart[:, axis]]
    if not len(pairs_P2):
        return None
    contrast_BHW, illuminated_HW = _contrast(light_BHW)
    steps_P2 = positions_B2[pairs_P2[:, 1]] - positions_B2[pairs_P2[:, 0]]
    size = illuminated_HW.shape[axis]
    along = np.arange(-size + 1, size) / usual_step(positions_B2, pairs_P2, axis)
    inverse = [along, np.zeros(1)] if axis == 0 else [np.zeros(1), along]
    strength = (
        _strengths(contrast_BHW, illuminated_HW, steps_P2, pairs_P2, inverse).cpu().numpy()
    )
    line = strength.ravel()
    along = along / light_BHW.shape[1 + axis]
    low, high = bounds_px2
    inside = (np.abs(along) >= 1 / high) & (np.abs(along) <= 1 / low)
    best = int(np.where(inside, line, 0).argmax())
    c = 1 / _refined(line[:, None], (best, 0), 0, along)
    return ShadowPeak(
        defocus_px2=(c, 0.0) if axis == 0 else (0.0, c), strength=float(line[best])
    )


def _contrast(light_BHW: Tensor) -> tuple[Tensor, Tensor]:
    """Patterns less their mean in units of its noise, cut to the light, DC in the middle."""
    light_BHW = torch.fft.fftshift(light_BHW, dim=(1, 2))
    mean_HW = light_BHW.mean(0)
    illuminated_HW = mean_HW > ILLUMINATED_SHARE * brightness(mean_HW)
    rows, columns = (torch.nonzero(illuminated_HW.any(1 - axis)).flatten() for axis in (0, 1))
    box = (
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )
    mean_HW, illuminated_HW = mean_HW[box], illuminated_HW[box].to(mean_HW.dtype)
    part_BHW = light_BHW[:, box[0], box[1]]
    flux_B = (part_BHW * illuminated_HW).sum((1, 2)) / (mean_HW * illuminated_HW).sum()
    rest_BHW = part_BHW - flux_B[:, None, None] * mean_HW
    rest_BHW = rest_BHW * illuminated_HW / mean_HW.clamp_min(1e-30).sqrt()
    sigma = (
        (rest_BHW.square().sum() / (illuminated_HW.sum() * len(rest_BHW)))
        .sqrt()
        .clamp_min(1e-30)
    )
    return (rest_BHW / sigma).clamp_(-LARGEST_SIGMA, LARGEST_SIGMA), illuminated_HW


def usual_step(
    positions_B2: NDArray[np.float64], pairs_P2: NDArray[np.intp], axis: int
) -> float:
    """Step in pixels along one axis, of the pairs that lie along it, or of all."""
    apart = np.abs(positions_B2[pairs_P2[:, 1]] - positions_B2[pairs_P2[:, 0]])
    sizes = apart[:, axis][apart[:, 1 - axis] <= ALONG * apart[:, axis]]
    if not sizes.size:
        sizes = apart[:, axis]
    return max(float(np.median(sizes[sizes >= 0.5 * np.median(sizes)])), 0.5)


def _strengths(
    contrast_BHW: Tensor,
    illuminated_HW: Tensor,
    steps_P2: NDArray[np.float64],
    pairs_P2: NDArray[np.intp],
    inverse: list[NDArray[np.float64]],
) -> Tensor:
    """Added correlations over their noise for every (1/c_y, 1/c_x)."""
    height, width = illuminated_HW.shape
    padded = (2 * height, 2 * width)
    far_BHW = torch.fft.rfft2(contrast_BHW, s=padded)
    illuminated_far = torch.fft.rfft2(illuminated_HW, s=padded)
    shared_YX = torch.fft.irfft2(illuminated_far.conj() * illuminated_far, s=padded)
    enough_YX = shared_YX > LEAST_SHARED * illuminated_HW.sum()
    total = contrast_BHW.new_zeros((len(inverse[0]), len(inverse[1])))
    power = torch.zeros_like(total)
    for (one, other), step in zip(pairs_P2.tolist(), steps_P2, strict=True):
        likeness_YX = torch.fft.irfft2(far_BHW[one].conj() * far_BHW[other], s=padded)
        places = [np.rint(-step[axis] * inverse[axis]).astype(np.int64) for axis in (0, 1)]
        inside = [
            torch.from_numpy(np.abs(place) < size).to(total.device)
            for place, size in zip(places, (height, width), strict=True)
        ]
        row, column = (
            torch.from_numpy(place % size).to(total.device)
            for place, size in zip(places, padded, strict=True)
        )
        here = (row[:, None], column[None])
        counts = enough_YX[here] & inside[0][:, None] & inside[1]
        total += torch.where(counts, likeness_YX[here], 0.0)
        power += torch.where(counts, shared_YX[here], 0.0)
    enough = power > 0.25 * power[power > 0].median()
    return torch.where(enough, total / power.clamp_min(1.0).sqrt(), 0.0)


def _peaks(
    strength: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    inverse: list[NDArray[np.float64]],
    wanted: int,
) -> list[ShadowPeak]:
    left = np.where(allowed, strength, 0)
    found = []
    for _ in range(wanted):
        row, column = (int(i) for i in np.unravel_index(int(left.argmax()), left.shape))
        if left[row, column] <= 0:
            break
        at = [_refined(strength, (row, column), axis, inverse[axis]) for axis in (0, 1)]
        found.append(
            ShadowPeak(defocus_px2=(1 / at[0], 1 / at[1]), strength=float(left[row, column]))
        )
        around = (slice(max(0, i - PEAK_WIDTH), i + PEAK_WIDTH + 1) for i in (row, column))
        left[tuple(around)] = 0
    return found


def _refined(
    strength: NDArray[np.float32],
    place: tuple[int, int],
    axis: int,
    inverse: NDArray[np.float64],
) -> float:
    """1/c between the grid's points, from a parabola through three of them."""
    i = place[axis]
    if not 0 < i < len(inverse) - 1:
        return float(inverse[i])
    line = strength[:, place[1]] if axis == 0 else strength[place[0]]
    before, here, after = (float(line[j]) for j in (i - 1, i, i + 1))
    bend = before - 2 * here + after
    off = 0.5 * (before - after) / bend if bend < 0 else 0.0
    refined = float(inverse[i] + off * (inverse[1] - inverse[0]))
    return refined if refined * inverse[i] > 0 else float(inverse[i])
