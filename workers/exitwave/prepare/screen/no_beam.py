"""Frames that were taken while the beam was away: scatter and dark counts only.

An opaque piece of a sample takes the light away, too. But what passes it still looks like the
beam, and it does not take all from one view to the next when both see mostly the same.
"""

from __future__ import annotations

import numpy as np

from .evidence import Bools, Floats, Indices
from .frame_statistics import FrameStatistics, runs_of

DARK = 0.1
"""Of the ordinary frames' light: without beam a frame has less, ..."""

DIM = 0.6
"""... or less than this, where its photons are surely not the beam's."""

FLAT = 0.25
"""Of the way from an even pattern to the mean pattern: what scatter lies below. Behind opaque
samples 0.4 and more was seen."""

LEAST_PHOTONS = 5.0
SURE_PHOTONS = 30.0
"""Of a run of dark frames, and of a frame that is only dim, before its shape is believed."""

ABRUPT = 0.65
"""Light of a run's neighbours over that of theirs: 0.7 to 1.3 where the beam was away, 0.3 to
0.6 at the edge of something opaque."""

_FLOOR = 1e-4


def no_beam(statistics: FrameStatistics) -> Bools:
    """Frames (n,) without beam."""
    totals_n = statistics.totals_n
    illuminated_n = totals_n > DARK * np.percentile(totals_n, 75)
    usual = float(np.median(totals_n[illuminated_n])) if illuminated_n.any() else 0.0
    if usual <= 0:
        return np.zeros(len(statistics), np.bool_)
    illuminated_n = totals_n > DARK * usual
    shape_n = _shape(statistics.tiles_nTT, illuminated_n)
    dark_n = ~illuminated_n | (
        (totals_n < DIM * usual) & (totals_n > SURE_PHOTONS) & (shape_n < FLAT / 2)
    )
    runs_n = runs_of(dark_n)
    found_n = np.zeros_like(dark_n)
    for run in range(runs_n.max(initial=-1) + 1):
        members = np.flatnonzero(runs_n == run)
        photons = totals_n[members]
        if photons.sum() < LEAST_PHOTONS:
            continue
        flat = float((shape_n[members] * photons).sum() / photons.sum()) < FLAT
        found_n[members] = flat and _abrupt(statistics, members, dark_n, totals_n, usual)
    return found_n


def _shape(tiles_nTT: Floats, illuminated_n: Bools) -> Floats:
    """How far each frame (n,) is on the way from an even pattern, 0, to the mean one, 1.

    Measured by what the mean pattern gains over an even one in log-likelihood, a photon.
    """
    lit_nTT = tiles_nTT[illuminated_n]
    # Each frame counts alike, however bright: one that went wrong must not be the mean.
    mean_TT = (lit_nTT / lit_nTT.sum(axis=(1, 2), keepdims=True)).mean(axis=0) + _FLOOR
    mean_TT /= mean_TT.sum()
    gain_TT = np.log(mean_TT * mean_TT.size)
    even, like_mean = float(gain_TT.mean()), float((gain_TT * mean_TT).sum())
    photons_n = np.maximum(tiles_nTT.sum(axis=(1, 2)), 1e-30)
    gains_n: Floats = np.einsum("nyx,yx->n", tiles_nTT, gain_TT) / photons_n
    return (gains_n - even) / max(like_mean - even, 1e-30)


def _abrupt(
    statistics: FrameStatistics, members: Indices, dark_n: Bools, totals_n: Floats, usual: float
) -> bool:
    """Whether views beside a run of dark ones see nothing of what darkens them."""
    first = _beside(statistics, members, dark_n)
    if not first.size:
        return False
    second = np.setdiff1d(_beside(statistics, first, dark_n), first)
    farther = float(totals_n[second].mean()) if second.size else usual
    return bool(totals_n[first].mean() > ABRUPT * farther)


def _beside(statistics: FrameStatistics, members: Indices, dark_n: Bools) -> Indices:
    beside: Indices = np.unique(statistics.near_nk[members][statistics.close_nk[members]])
    illuminated: Indices = beside[~dark_n[beside]]
    return illuminated
