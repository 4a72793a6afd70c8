"""The value of one photon, from the comb that values of whole photons make."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_VALUES = 100
MOST_VALUES = 200_000

MOST_PHOTONS = 2000
"""In a value: errors of the gain add up, and single precision ends."""

MULTIPLES = 0.99
"""Of exact values, that must be multiples of one photon's: some may be faults."""

TOLERANCE = 0.02
"""Of a photon: so near to a whole number is one."""

RISE = 1.3
"""Density of values at one photon over that between none and one."""

TOOTH = 0.3
"""Half of the width of a tooth that is looked at, in photons."""

LEAST_SCORE = 0.7
"""Mean cosine over all teeth, of what the noise leaves of it; evenly spread values have 0."""

TEETH_NOISY = (3, 6, 12, 25, 50, 100)
TEETH_EXACT = (*TEETH_NOISY, 300, 1000, MOST_PHOTONS)
"""Teeth that a gain is fitted to: more and more, as it becomes exact enough for them."""


def exact_photon_value(values: Floats) -> float | None:
    """Value of one photon in exact positive values, or None where there is no comb.

    Candidates are the smallest value, the smallest step between values, and fractions of
    both; the largest one of which all values are multiples is taken.
    """
    if values.size < LEAST_VALUES:
        return None
    values = values[:: max(1, values.size // MOST_VALUES)]
    distinct = np.unique(values)
    steps = np.diff(distinct)
    steps = steps[steps > 1e-5 * distinct[0]]
    firsts = [float(distinct[0])]
    if steps.size:
        firsts += [float(steps.min()), float(np.median(steps[steps < 1.5 * steps.min()]))]
    candidates = sorted({first / part for first in firsts for part in (1, 2, 3, 4)})
    for gain in reversed(candidates):
        refined = _refined(distinct, gain, TEETH_EXACT)
        photons = values / refined
        few = photons < MOST_PHOTONS
        if few.mean() < 0.5:
            continue
        away = np.abs(photons[few] - np.rint(photons[few]))
        near = away < TOLERANCE
        rounded = away * refined < 0.51  # a product that was rounded to whole numbers
        if (near.mean() >= MULTIPLES) or (refined > 4 and rounded.mean() >= MULTIPLES):
            return refined
    return None


def noisy_photon_value(light: Floats, noise: float) -> float | None:
    """Value of one photon in values with noise, or None where single ones are not seen.

    Above the noise of empty pixels the density must rise again: that is the first photon.
    """
    light = light[:: max(1, light.size // MOST_VALUES)]
    width = noise / 3
    top = float(np.quantile(light, 0.999))
    if (light > 4 * noise).sum() < LEAST_VALUES or top < 4 * noise:
        return None
    edges = np.arange(2 * noise, min(top, 400 * noise) + 3 * width, width)
    counts = np.histogram(light, edges)[0].astype(float)
    counts = np.convolve(counts, np.ones(3) / 3, mode="same")
    lowest = np.minimum.accumulate(counts)
    rises = counts > RISE * lowest + 4 * np.sqrt(lowest + 1)
    if not rises.any():
        return None
    begin = int(np.argmax(rises))
    end = int(np.searchsorted(edges, 1.5 * edges[begin]))
    first = edges[begin + int(np.argmax(counts[begin : end + 1]))] + width / 2
    grid = np.linspace(0.9, 1.1, 81) * first
    scores = [_score(light, gain) for gain in grid]
    best = float(grid[int(np.argmax(scores))])
    sharp = float(np.exp(-2 * (np.pi * noise / best) ** 2))
    if max(scores) < LEAST_SCORE * sharp or not _first_is_first(light, best, noise):
        return None
    return _refined(light, best, TEETH_NOISY)


def _first_is_first(light: Floats, gain: float, noise: float) -> bool:
    """Whether half a photon is as rare as the noise of none and of one makes it."""

    def near(value: float) -> int:
        return int((np.abs(light - value) < noise / 2).sum())

    reached = float(np.exp(-0.5 * (gain / 2 / noise) ** 2))
    return near(gain / 2) < 2 * reached * (near(0) + near(gain)) + near(gain) / 3


def _score(light: Floats, gain: float) -> float:
    """Mean cosine of what lies in the first teeth and between them."""
    teeth = light[(light >= (1 - TOOTH) * gain) & (light < 10.5 * gain)]
    if teeth.size < LEAST_VALUES / 2:
        return -1.0
    return float(np.cos(2 * np.pi * teeth / gain).mean())


def _refined(values: Floats, gain: float, teeth: tuple[int, ...]) -> float:
    """Least squares of the values over their numbers of photons."""
    for most in teeth:
        photons = np.rint(values / gain)
        used = (photons >= 1) & (photons <= most)
        used &= np.abs(values / gain - photons) < TOOTH
        if used.any():
            squares = float((photons[used] ** 2).sum())
            gain = float((values[used] * photons[used]).sum()) / squares
    return gain
