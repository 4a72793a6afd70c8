"""Beams as optics make them: a pupil, out of focus and perhaps astigmatic.

The pupil is what the detector sees without a sample; its phase is
exp(-i pi (c_y k_y^2 + c_x k_x^2)) with k in cycles per pixel, and the beam at the sample its
inverse transform. Far from focus the beam is the pupil's shadow, 2 c k_max pixels wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import InvalidInput

Complex = NDArray[np.complex64]
PupilShape = Literal["annulus", "square", "ellipse", "disk"]

EDGE_CYCLES = 0.003
"""Width of a pupil's edge: optics and detectors blur it a little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pupil:
    """An optic's opening, in cycles per object pixel.

    Attributes
    ----------
    shape : {"annulus", "square", "ellipse", "disk"}
    outer : float
        Radius, or half a side; of an ellipse the longer half axis (along y).
    inner : float
        Radius of what is stopped in the middle; 0 = nothing.
    narrower : float
        Shorter over longer half axis of an ellipse.
    """

    shape: PupilShape
    outer: float
    inner: float = 0.0
    narrower: float = 0.6

    def modulus(self, side_px: int) -> NDArray[np.float64]:
        """Modulus (side, side), DC at the corner."""
        if not 0 <= self.inner < self.outer <= 0.5:
            raise InvalidInput(
                "pupil", f"inner {self.inner}, outer {self.outer}", "0 <= inner < outer <= 0.5"
            )
        k = np.fft.fftfreq(side_px)
        k_y, k_x = np.meshgrid(k, k, indexing="ij")
        if self.shape == "square":
            radius = np.maximum(np.abs(k_y), np.abs(k_x))
        elif self.shape == "ellipse":
            radius = np.hypot(k_y, k_x / self.narrower)
        else:
            radius = np.hypot(k_y, k_x)
        opened = _edge(self.outer - radius)
        return opened if self.inner == 0 else opened * _edge(np.hypot(k_y, k_x) - self.inner)

    def extent(self) -> tuple[float, float]:
        """Largest k along y and x."""
        narrow = self.narrower if self.shape == "ellipse" else 1.0
        return self.outer, self.outer * narrow


def defocused_beam(
    pupil: Pupil, defocus_px2: tuple[float, float], side_px: int = 128
) -> Complex:
    """The beam (side, side) at the sample, centred, of unit power.

    Parameters
    ----------
    pupil : Pupil
    defocus_px2 : (float, float)
        c along y and x; unequal ones are an astigmatic beam.
    side_px : int
    """
    k = np.fft.fftfreq(side_px)
    phase = np.pi * (defocus_px2[0] * k[:, None] ** 2 + defocus_px2[1] * k**2)
    wave = np.fft.fftshift(np.fft.ifft2(pupil.modulus(side_px) * np.exp(-1j * phase)))
    beam: Complex = (wave / np.sqrt((np.abs(wave) ** 2).sum())).astype(np.complex64)
    return beam


def defocus_for(pupil: Pupil, width_px: float) -> float:
    """Defocus c that spreads the pupil over a beam of this width."""
    return width_px / (2 * max(pupil.extent()))


def _edge(inside: NDArray[np.float64]) -> NDArray[np.float64]:
    edge: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(inside / EDGE_CYCLES, -50, 50)))
    return edge
