"""Complex Pearson correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.complexfloating]


def cpcc(first: Picture, second: Picture) -> complex:
    """Complex Pearson correlation coefficient of two pictures of equal shape.

    sum (a - mean a) conj(b - mean b) / sqrt(sum |a - mean a|^2 sum |b - mean b|^2), the
    figure of Wu et al., Optica 11 (2024), doi 10.1364/OPTICA.522380; its magnitude does
    not see a complex factor. 0 where a picture is constant.

    Examples
    --------
    >>> picture = np.array([[1, 1j], [-1, 2]])
    >>> round(abs(cpcc(3j * picture, picture)), 6)
    1.0
    """
    a, b = np.asarray(first, np.complex128).ravel(), np.asarray(second, np.complex128).ravel()
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return complex(np.vdot(b, a) / norm) if norm > 0 else 0j
