"""Drawn objects for simulated scans: what photographs are not, sparse, sharp or faint.

=============  ==================================================================
``particles``  disks of many sizes over a soft ground
``star``       a Siemens star of 36 spokes
``grains``     polygons of even modulus and phase that fill the plane
``circuit``    lines and pads at right angles, two levels
``weak``       the particles' shapes as a pure phase of 0.05 rad
=============  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import InvalidInput

Complex = NDArray[np.complex64]
Waves = NDArray[np.complexfloating]
Floats = NDArray[np.float64]

SPOKES = 36
WEAK_RAD = 0.05


def draw_sample(name: str, side_px: int, seed: int = 0) -> Complex:
    """Object (side, side) of that name.

    Raises
    ------
    InvalidInput
        There is no such sample.
    """
    if name not in SAMPLES:
        raise InvalidInput("sample", name, "one of " + ", ".join(SAMPLES))
    drawn: Complex = SAMPLES[name](side_px, np.random.default_rng(seed)).astype(np.complex64)
    return drawn


def _particles(side_px: int, random: np.random.Generator) -> Waves:
    y, x = np.mgrid[:side_px, :side_px].astype(float)
    thickness = 0.15 * _soft(side_px, random, 20)
    for _ in range(max(8, round(60 * (side_px / 300) ** 2))):
        centre = random.uniform(0, side_px, 2)
        radius = random.uniform(3, 18)
        inside = np.clip(radius - np.hypot(y - centre[0], x - centre[1]), 0, 1)
        thickness += inside * random.uniform(0.2, 0.7)
    drawn: Waves = np.exp((-0.3 + 1j) * np.clip(1.5 * thickness, -0.2, 2.5))
    return drawn


def _star(side_px: int, _: np.random.Generator) -> Waves:
    y, x = np.mgrid[:side_px, :side_px] - side_px / 2
    radius = np.hypot(y, x)
    spokes = np.cos(SPOKES * np.arctan2(y, x)) > 0
    ring = np.mod(radius, side_px / 7) > 4
    inside = (radius > side_px / 40) & ring & spokes
    return np.where(inside, 0.7 * np.exp(1.2j), 1.0 + 0j)


def _grains(side_px: int, random: np.random.Generator) -> Waves:
    count = max(12, round(90 * (side_px / 300) ** 2))
    seeds = random.uniform(0, side_px, (count, 2))
    y, x = np.mgrid[:side_px, :side_px].astype(float)
    nearest = np.full((side_px, side_px), np.inf)
    which = np.zeros((side_px, side_px), int)
    for number, (row, column) in enumerate(seeds):
        far = (y - row) ** 2 + (x - column) ** 2
        closer = far < nearest
        nearest[closer], which[closer] = far[closer], number
    modulus, phase = random.uniform(0.6, 1, count), random.uniform(0, 1.5, count)
    drawn: Waves = modulus[which] * np.exp(1j * phase[which])
    return drawn


def _circuit(side_px: int, random: np.random.Generator) -> Waves:
    metal = np.zeros((side_px, side_px), bool)
    for _ in range(max(20, round(140 * (side_px / 300) ** 2))):
        row, column = random.integers(0, side_px, 2)
        length, width = random.integers(10, 80), random.integers(2, 7)
        if random.random() < 0.5:
            metal[row : row + width, column : column + length] = True
        else:
            metal[row : row + length, column : column + width] = True
    for _ in range(max(4, round(20 * (side_px / 300) ** 2))):
        row, column = random.integers(0, side_px, 2)
        pad = random.integers(8, 20)
        metal[row : row + pad, column : column + pad] = True
    return np.where(metal, 0.75 * np.exp(0.9j), 1.0 + 0j)


def _weak(side_px: int, random: np.random.Generator) -> Waves:
    phase = np.angle(_particles(side_px, random))
    drawn: Waves = np.exp(1j * WEAK_RAD * phase / np.abs(phase).max())
    return drawn


def _soft(side_px: int, random: np.random.Generator, blur_px: float) -> Floats:
    k = np.fft.fftfreq(side_px)
    decay = np.exp(-2 * (np.pi * blur_px) ** 2 * (k[:, None] ** 2 + k**2))
    ground = np.fft.ifft2(np.fft.fft2(random.normal(size=(side_px, side_px))) * decay).real
    scaled: Floats = ground / np.abs(ground).max()
    return scaled


SAMPLES: dict[str, Callable[[int, np.random.Generator], Waves]] = {
    "particles": _particles,
    "star": _star,
    "grains": _grains,
    "circuit": _circuit,
    "weak": _weak,
}
