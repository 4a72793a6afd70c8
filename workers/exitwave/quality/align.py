"""What ptychography cannot know is removed before two pictures are compared.

    picture(r) = c * reference(r - s) * exp(2 pi i k r)

c is a complex factor, s a translation (sub-pixel), k a linear phase ramp (a shift of the
probe's spectrum against the patterns). s and k are found by maximising |cPCC| on the region
itself. Nothing else is removed: no smoothing, no scaling of parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import fft, optimize

from exitwave.schema.errors import InvalidInput

from .cpcc import Picture, cpcc

Region = tuple[int, int, int, int]
"""(y0, y1, x0, x1), half-open, in pixels of the array."""

MARGIN_PX = 36
"""Kept around the region, so that a shift brings in measured pixels."""
MAX_SHIFT_PX = 24.0
LARGEST_SEARCH_PX = 768
"""Of a larger region the middle alone is searched; the whole is then used to refine."""
RAMP_SEARCH_CYCLES = 3
"""Ramps of up to so many cycles over the region are tried before the fine search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """A picture brought onto a reference.

    Attributes
    ----------
    picture, reference : ndarray, complex (h, w)
        Both on the region; the picture also has the factor of least squares.
    shift_px : (float, float)
        (y, x) by which the picture was moved.
    ramp_cycles_per_px : (float, float)
        (y, x) of the phase ramp it was multiplied by.
    cpcc : float
        |cPCC| of the two.
    """

    picture: NDArray[np.complex64]
    reference: NDArray[np.complex64]
    shift_px: tuple[float, float]
    ramp_cycles_per_px: tuple[float, float]
    cpcc: float


def align(picture_YX: Picture, reference_YX: Picture, region: Region) -> Alignment:
    """Bring a picture onto a reference in the same array frame.

    Parameters
    ----------
    picture_YX, reference_YX : ndarray, complex (Y, X)
        May differ in size at their far ends; both must hold the region. NaN in the
        picture counts as zero. The picture is resampled, never the reference.
    region : (y0, y1, x0, x1)
        Where they are compared.

    Raises
    ------
    InvalidInput
        The region is empty or does not lie in both pictures.
    """
    check_region(region, picture_YX, reference_YX)
    y0, y1, x0, x1 = region
    reference = np.asarray(reference_YX, np.complex64)[y0:y1, x0:x1]
    mover = _Mover(np.nan_to_num(np.asarray(picture_YX, np.complex64)), region)

    def badness(moves: NDArray[np.float64]) -> float:
        if np.abs(moves[:2]).max() > MAX_SHIFT_PX:
            return 1.0
        return -abs(cpcc(mover.moved(moves), reference))

    # Search in units in which each move matters about alike: pixels, cycles over the region.
    units = np.array([1.0, 1.0, 1.0 / (y1 - y0), 1.0 / (x1 - x0)])
    candidates, sizes, trials = [np.zeros(4)], [0.4, 0.1], 120
    if (middle := _middle(region)) == region:
        candidates += _coarse_moves(mover, reference)
    else:
        rough = align(picture_YX, reference_YX, middle)
        candidates.append(np.array([*rough.shift_px, *rough.ramp_cycles_per_px]))
        sizes, trials = [0.1], 50
    found = min(candidates, key=badness) / units
    for size in sizes:
        simplex = found + size * np.vstack([np.zeros(4), np.eye(4)])
        found = optimize.minimize(
            lambda scaled: badness(scaled * units),
            found,
            method="Nelder-Mead",
            options={
                "initial_simplex": simplex,
                "xatol": 1e-3,
                "fatol": 1e-7,
                "maxfev": trials,
            },
        ).x
    moves = found * units
    moved = mover.moved(moves)
    power = float(np.vdot(moved, moved).real)
    factor = np.vdot(moved, reference) / power if power > 0 else 0.0
    return Alignment(
        picture=moved * factor,
        reference=reference,
        shift_px=(float(moves[0]), float(moves[1])),
        ramp_cycles_per_px=(float(moves[2]), float(moves[3])),
        cpcc=abs(cpcc(moved, reference)),
    )


def rectangle_of_centres(
    positions_px: NDArray[np.float64], window_HW: tuple[int, int]
) -> Region:
    """Rectangle spanned by the centres of views whose top-left pixels are `positions_px`."""
    low = np.floor(positions_px.min(axis=0)).astype(int)
    high = np.ceil(positions_px.max(axis=0)).astype(int)
    half = (window_HW[0] // 2, window_HW[1] // 2)
    return (
        int(low[0]) + half[0],
        int(high[0]) + half[0],
        int(low[1]) + half[1],
        int(high[1]) + half[1],
    )


def _middle(region: Region) -> Region:
    """The region's middle of at most `LARGEST_SEARCH_PX` a side."""
    y0, y1, x0, x1 = region
    cut_y, cut_x = (max(0, size - LARGEST_SEARCH_PX) // 2 for size in (y1 - y0, x1 - x0))
    return (
        y0 + cut_y,
        min(y1, y0 + cut_y + LARGEST_SEARCH_PX),
        x0 + cut_x,
        min(x1, x0 + cut_x + LARGEST_SEARCH_PX),
    )


class _Mover:
    """Moves the region and a margin around it by Fourier shift and phase ramp."""

    def __init__(self, picture_YX: NDArray[np.complex64], region: Region) -> None:
        y0, y1, x0, x1 = region
        height, width = picture_YX.shape
        before = (min(MARGIN_PX, y0), min(MARGIN_PX, x0))
        after = (min(MARGIN_PX, height - y1), min(MARGIN_PX, width - x1))
        cut = picture_YX[y0 - before[0] : y1 + after[0], x0 - before[1] : x1 + after[1]]
        self._inner = (
            slice(before[0], before[0] + y1 - y0),
            slice(before[1], before[1] + x1 - x0),
        )
        # Dim pixels of the rim may be huge, and a Fourier shift would spread them.
        inside = np.abs(cut[self._inner]).max()
        modulus = np.maximum(np.abs(cut), inside)
        self._cut = cut * (inside / modulus) if inside > 0 else cut
        taper_y = _taper(cut.shape[0], before[0], after[0])
        taper_x = _taper(cut.shape[1], before[1], after[1])
        self._taper = taper_y[:, None] * taper_x
        self._fast = (fft.next_fast_len(cut.shape[0]), fft.next_fast_len(cut.shape[1]))

    def ramped(self, ramp_y: float, ramp_x: float) -> NDArray[np.complex64]:
        """The region times a ramp in cycles per pixel."""
        return self._ramped(ramp_y, ramp_x)[self._inner]

    def moved(self, moves: NDArray[np.float64]) -> NDArray[np.complex64]:
        """The region times the ramp moves[2:], shifted by moves[:2] pixels."""
        ramped = self._ramped(moves[2], moves[3])
        mean = ramped[self._inner].mean()
        spectrum = fft.fft2((ramped - mean) * self._taper, s=self._fast)
        spectrum *= _wave(fft.fftfreq(self._fast[0]), -moves[0])[:, None]
        spectrum *= _wave(fft.fftfreq(self._fast[1]), -moves[1])
        shifted: NDArray[np.complex64] = fft.ifft2(spectrum)[self._inner] + mean
        return shifted

    def _ramped(self, ramp_y: float, ramp_x: float) -> NDArray[np.complex64]:
        height, width = self._cut.shape
        wave_y = _wave(np.arange(height) - height / 2, ramp_y)
        return self._cut * wave_y[:, None] * _wave(np.arange(width) - width / 2, ramp_x)


def _coarse_moves(
    mover: _Mover, reference: NDArray[np.complex64], kept: int = 3
) -> list[NDArray[np.float64]]:
    """The best whole-pixel shifts for ramps one cycle over the region apart."""
    height, width = reference.shape
    window = (np.hanning(height)[:, None] * np.hanning(width)).astype(np.float32)
    spectrum = fft.fft2((reference - reference.mean()) * window)
    found: list[tuple[float, NDArray[np.float64]]] = []
    cycles = range(-RAMP_SEARCH_CYCLES, RAMP_SEARCH_CYCLES + 1)
    for cycle_y, cycle_x in product(cycles, cycles):
        ramp = (cycle_y / height, cycle_x / width)
        ramped = mover.ramped(*ramp)
        ramped = (ramped - ramped.mean()) * window
        likeness = np.abs(fft.ifft2(spectrum * fft.fft2(ramped).conj()))
        peak = np.unravel_index(int(likeness.argmax()), likeness.shape)
        shift = [
            int(p) - size if p > size // 2 else int(p)
            for p, size in zip(peak, likeness.shape, strict=True)
        ]
        norm = float(np.linalg.norm(ramped)) or 1.0
        if max(map(abs, shift)) <= MAX_SHIFT_PX:
            found.append((float(likeness[peak]) / norm, np.array([*shift, *ramp], float)))
    found.sort(key=lambda entry: entry[0], reverse=True)
    return [moves for _, moves in found[:kept]]


def _taper(size: int, before: int, after: int) -> NDArray[np.float32]:
    """One inside, falling to zero over the outer third of each margin."""
    place = np.arange(size)
    rise = np.minimum(
        (place + 0.5) / max(1.0, before / 3), (size - 0.5 - place) / max(1.0, after / 3)
    )
    return np.asarray(np.sin(np.pi / 2 * np.clip(rise, 0, 1)) ** 2, np.float32)


def _wave(place: NDArray[np.float64], cycles: float) -> NDArray[np.complex64]:
    wave: NDArray[np.complex64] = np.exp(2j * np.pi * cycles * place).astype(np.complex64)
    return wave


def check_region(region: Region, *pictures: Picture) -> None:
    """Raise `InvalidInput` unless the region lies in all pictures."""
    y0, y1, x0, x1 = region
    for picture in pictures:
        fits = picture.ndim == 2 and y1 <= picture.shape[0] and x1 <= picture.shape[1]
        if not (fits and 0 <= y0 < y1 - 7 and 0 <= x0 < x1 - 7):
            raise InvalidInput(
                "region", f"{region} in an array {picture.shape}", "at least 8 x 8 px inside it"
            )
