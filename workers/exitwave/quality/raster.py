"""The lattice of a raster scan, found from where its views were taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_VIEWS = 9
IRREGULAR_SHARE = 0.05
"""Of the shorter step: positions that scatter more, along either axis, are no lattice.

A scatter s (rms) weakens what all views have in common at the first harmonic by
exp(-(2 pi s / step)^2): by a tenth at this share.
"""
SAMPLES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """A plane lattice: views lie at ``origin_px + i * steps_px[0] + j * steps_px[1]``.

    Attributes
    ----------
    steps_px : ndarray (2, 2)
        The two steps, each (y, x); the shorter one first.
    origin_px : ndarray (2,)
    scatter_px : float
        Root mean square distance of the positions from the lattice, per axis.
    """

    steps_px: Floats
    origin_px: Floats
    scatter_px: float

    def harmonics_per_px(self) -> Floats:
        """Points (k, 2) of the reciprocal lattice in the band of pixels, zero left out.

        In cycles per pixel (y, x), each within [-0.5, 0.5).
        """
        reciprocal = np.linalg.inv(self.steps_px).T
        # b . step is a whole number for both steps; in the band it is at most this large.
        largest = np.floor(0.5 * np.abs(self.steps_px).sum(axis=1)).astype(int)
        orders = np.stack(
            np.meshgrid(*(np.arange(-n, n + 1) for n in largest), indexing="ij"), axis=-1
        ).reshape(-1, 2)
        orders = orders[orders.any(axis=1)]
        harmonics: Floats = orders @ reciprocal
        # Both ends of the band are one frequency, which rounding must not count twice.
        edge = 0.5 - 1e-6
        return harmonics[((harmonics >= -0.5 - 1e-6) & (harmonics < edge)).all(axis=1)]


def find_raster(positions_px: NDArray[np.float64]) -> Raster | None:
    """The lattice that views lie on; None for a jittered, spiral or otherwise free scan.

    Steps may be of any length and at any angle, views may be missing from the lattice or
    lie twice on a site. The first step is the commonest way to a nearest neighbour, the
    second leads to the nearest view beside that line. The lattice is then fitted by least
    squares to more and more of the views, from the middle outwards, so that the number of
    steps to a far view is known before it is used.

    Parameters
    ----------
    positions_px : ndarray (n, 2)
        (y, x) of the views.
    """
    if len(positions_px) < LEAST_VIEWS:
        return None
    positions = np.asarray(positions_px, np.float64)
    middle = np.median(positions, axis=0)
    positions = positions[np.argsort(np.hypot(*(positions - middle).T), kind="stable")]
    steps = _first_steps(positions)
    if steps is None:
        return None
    origin = positions[0]
    kept = LEAST_VIEWS
    while True:
        kept = min(len(positions), 2 * kept)
        orders = np.rint((positions[:kept] - origin) @ np.linalg.inv(steps))
        design = np.column_stack([orders, np.ones(kept)])
        fitted, _, rank, _ = np.linalg.lstsq(design, positions[:kept], rcond=None)
        if rank < 3:
            if kept == len(positions):
                return None  # all views on one line
            continue
        steps, origin = fitted[:2], fitted[2]
        lengths = np.hypot(*steps.T)
        scatter = np.sqrt(np.mean((design @ fitted - positions[:kept]) ** 2, axis=0)).max()
        if scatter > IRREGULAR_SHARE * lengths.min():
            return None
        if kept == len(positions):
            return Raster(
                steps_px=steps[np.argsort(lengths, kind="stable")],
                origin_px=origin,
                scatter_px=float(scatter),
            )


def _first_steps(positions: Floats) -> Floats | None:
    """Two steps (2, 2) of the lattice around the middle, as rows, not yet exact."""
    spread = np.ptp(positions, axis=0)
    # Views twice in one place are no step; the mean area of a view tells what is one place.
    same_px = 0.05 * np.sqrt(max(spread[0] * spread[1], 1e-12) / len(positions))
    first = _commonest_step(positions, same_px, None)
    if first is None:
        return None
    second = _commonest_step(positions, same_px, first)
    return None if second is None else np.stack([first, second])


def _commonest_step(positions: Floats, same_px: float, beside: Floats | None) -> Floats | None:
    """The commonest way to a nearest neighbour, up to its sign.

    With `beside` only neighbours off the line along that step count: where it is the
    shortest step of a lattice, others keep at least sqrt(3) / 2 of its length from the line.
    """
    found = []
    for place in positions[:SAMPLES]:
        ways = positions - place
        lengths = np.hypot(*ways.T)
        usable = lengths > same_px
        if beside is not None:
            length = np.hypot(*beside)
            usable &= np.abs(ways @ (beside[1], -beside[0])) / length > 0.5 * length
        if usable.any():
            found.append(ways[usable][lengths[usable].argmin()])
    if not found:
        return None
    steps = np.array(found)
    steps[(steps[:, 0] < 0) | ((steps[:, 0] == 0) & (steps[:, 1] < 0))] *= -1
    # Up to the sign: a step along x with a little scatter in y must not count as two.
    products = np.sign(steps @ steps.T)
    products[products == 0] = 1
    apart = np.hypot(*np.moveaxis(steps[:, None] - products[..., None] * steps, -1, 0))
    near = apart < 0.2 * np.hypot(*steps.T)[:, None]
    best = int(near.sum(axis=1).argmax())
    step: Floats = (products[best, near[best], None] * steps[near[best]]).mean(axis=0)
    return step
