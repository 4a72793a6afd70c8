"""The measured star has no truth: patterns that no fit has seen, and two half scans, judge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from tests.bench.sets import STAR_FILE, held_out

from exitwave.files.scan_formats import read_measurement
from exitwave.quality import compare_halves, rectangle_of_centres

MARGIN_PX = 8
SCALED_ON = 7
"""Every so many of the fitted patterns set the one scale factor of the model."""
Floats = NDArray[np.float64]


def positions_px() -> Floats:
    """(n, 2) of all the star's views, in the frame that its parts are reconstructed in."""
    star = read_measurement(STAR_FILE)
    side_px = star.counts_nHW.shape[-1]
    places = star.positions_m - star.positions_m.min(axis=0)
    return np.round(places / star.geometry.pixel_size_m(side_px) + MARGIN_PX, 4)


def held_out_figures(result: Any) -> dict[str, Any]:
    """Mean losses per pixel of the patterns left out: Poisson likelihood and amplitudes.

    A method may shift its probe or its object by the fractions of positions; the better of
    the two ways is counted. One scale factor of the model is fitted, on patterns of the fit.
    """
    counts_nHW = read_measurement(STAR_FILE).counts_nHW
    places = positions_px()
    held = held_out(len(places))
    fitted = np.flatnonzero(~held)[::SCALED_ON]
    tries = []
    for shift_probe in (True, False):
        model = [
            modelled(result["object_YX"], result["probe_NHW"], places[chosen], shift_probe)
            for chosen in (fitted, np.flatnonzero(held))
        ]
        measured = [counts_nHW[chosen].astype(float) for chosen in (fitted, held)]
        scale = (np.sqrt(measured[0] * model[0]).sum() / model[0].sum()) ** 2
        tries.append(losses(scale * model[1], measured[1]))
    return min(tries, key=lambda figures: figures["held_out_poisson"])


def modelled(
    object_YX: NDArray[np.complex64],
    probe_NHW: NDArray[np.complex64],
    places: Floats,
    shift_probe: bool,
) -> Floats:
    """Modelled counts (n, H, W), DC at the centre."""
    size = probe_NHW.shape[-1]
    frequency = fft.fftfreq(size)
    counts = np.empty((len(places), size, size))
    for i, place in enumerate(places):
        y, x = np.rint(place).astype(int)
        step = place - (y, x)
        view = object_YX[y : y + size, x : x + size]
        sign = -1 if shift_probe else 1
        ramp = np.exp(
            sign * 2j * np.pi * np.add.outer(step[0] * frequency, step[1] * frequency)
        )
        moved = fft.ifft2(fft.fft2(probe_NHW if shift_probe else view) * ramp)
        wave = moved * view if shift_probe else probe_NHW * moved
        far = fft.fft2(wave, norm="ortho")
        counts[i] = fft.fftshift((np.abs(far) ** 2).sum(axis=0))
    return counts


def losses(model: Floats, measured: Floats) -> dict[str, float]:
    """Poisson's missing log likelihood and the squared difference of amplitudes, per pixel."""
    floor = 1e-6 * measured.mean()
    lit = measured > 0
    logs = np.log(np.where(lit, measured, 1) / np.maximum(model, floor))
    poisson = model - measured + np.where(lit, measured * logs, 0)
    return {
        "held_out_poisson": float(poisson.mean()),
        "held_out_amplitude": float(((np.sqrt(model) - np.sqrt(measured)) ** 2).mean()),
    }


def crossing(first: NDArray[np.complex64], second: NDArray[np.complex64]) -> dict[str, float]:
    """Where the correlation of two half scans falls below the half-bit threshold and 0.5."""
    star = read_measurement(STAR_FILE)
    region = rectangle_of_centres(positions_px(), star.counts_nHW.shape[1:])
    rings = compare_halves(first, second, region)
    return {
        "frc_half_bit_cycles_per_px": rings.crossing_cycles_per_px,
        "frc_0.5_cycles_per_px": rings.first_below(0.5),
        "frc_mean": float(rings.correlation[3:].mean()),
    }
