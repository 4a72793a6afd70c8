"""Pictures with texture, and the same ones moved."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

REGION = (40, 120, 42, 126)


def textured(size: int = 160, seed: int = 0, blur: float = 1.5) -> np.ndarray:
    random = np.random.default_rng(seed)
    parts = [ndimage.gaussian_filter(p, blur) for p in random.standard_normal((2, size, size))]
    return 1 + 3 * (parts[0] + 1j * parts[1])


def moved(
    picture: np.ndarray, shift: tuple[float, float], ramp: tuple[float, float]
) -> np.ndarray:
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    shifted = np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(picture), shift))
    return shifted * np.exp(2j * np.pi * (ramp[0] * y + ramp[1] * x))
