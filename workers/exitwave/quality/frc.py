"""Fourier ring correlation: to what fineness two pictures agree.

Half-bit threshold after van Heel and Schatz, J. Struct. Biol. 151 (2005):
T(n) = (0.2071 + 1.9102 / sqrt n) / (1.2071 + 0.9102 / sqrt n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from exitwave.schema.errors import InvalidInput

from .align import Region, align
from .cpcc import Picture

FIRST_RING = 3
"""The window mixes the lowest rings; a crossing counts from here on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RingCorrelation:
    """FRC of two pictures, ring by ring (one frequency bin wide).

    Attributes
    ----------
    frequency_cycles_per_px, correlation, threshold : ndarray (rings,)
        `threshold` is the half-bit one.
    """

    frequency_cycles_per_px: NDArray[np.float64]
    correlation: NDArray[np.float64]
    threshold: NDArray[np.float64]

    @property
    def crossing_cycles_per_px(self) -> float:
        """The first ring below the half-bit threshold after ring 2; 0.5 where none is."""
        return self.first_below(self.threshold)

    def first_below(self, level: NDArray[np.float64] | float) -> float:
        """The first ring below `level` after ring 2, in cycles per pixel; 0.5 where none is."""
        below = np.flatnonzero((self.correlation < level)[FIRST_RING:])
        if len(below) == 0:
            return 0.5
        return float(self.frequency_cycles_per_px[below[0] + FIRST_RING])


def ring_correlation(first: Picture, second: Picture) -> RingCorrelation:
    """FRC of two aligned pictures of equal shape; the largest even square is compared.

    Per ring: Re sum A conj(B) / sqrt(sum |A|^2 sum |B|^2), with A and B the spectra under
    a Hann window, means removed. n of the threshold is half the ring's pixels times the
    window's effective area (mean w)^2 / mean(w^2).

    Raises
    ------
    InvalidInput
        The shapes differ or are below 16 x 16.
    """
    if first.shape != second.shape or first.ndim != 2 or min(first.shape) < 16:
        found = f"shapes {first.shape} and {second.shape}"
        raise InvalidInput("pictures", found, "equal shapes of at least 16 x 16")
    size = min(first.shape) // 2 * 2
    window = np.hanning(size)[:, None] * np.hanning(size)
    spectra = [
        fft.fft2((cut - cut.mean()) * window)
        for cut in (np.asarray(p, np.complex128)[:size, :size] for p in (first, second))
    ]
    index = fft.fftfreq(size, 1 / size)
    rings = np.rint(np.hypot(index[:, None], index)).astype(int)

    def ring_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total: NDArray[np.float64] = np.bincount(rings.ravel(), values.ravel())[
            : size // 2
        ].astype(np.float64)
        return total

    cross = ring_sum((spectra[0] * spectra[1].conj()).real)
    power = ring_sum(np.abs(spectra[0]) ** 2) * ring_sum(np.abs(spectra[1]) ** 2)
    correlation = cross / np.sqrt(np.maximum(power, np.finfo(float).tiny))
    share = float(window.mean() ** 2 / (window**2).mean())
    threshold = half_bit_threshold(ring_sum(np.ones((size, size))) / 2 * share)
    return RingCorrelation(
        frequency_cycles_per_px=np.arange(size // 2) / size,
        correlation=correlation,
        threshold=threshold,
    )


def half_bit_threshold(independent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Threshold for rings with so many independent pixels."""
    root = np.sqrt(np.maximum(independent, np.finfo(float).tiny))
    threshold: NDArray[np.float64] = (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
    return threshold


def compare_halves(first_YX: Picture, second_YX: Picture, region: Region) -> RingCorrelation:
    """FRC of two reconstructions in one array frame, aligned to each other on a region."""
    aligned = align(first_YX, second_YX, region)
    return ring_correlation(aligned.picture, aligned.reference)
