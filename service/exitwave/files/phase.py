"""What ptychography cannot know, taken out for the eye: phase ramp and piston.

A ramp on the object and the opposite ramp on the probe give the same patterns, and so
do opposite pistons. Results keep both; only pictures lose them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

ComplexArray: TypeAlias = NDArray[np.complexfloating[Any, Any]]
Box: TypeAlias = tuple[int, int, int, int]
"""Illuminated box (y0, y1, x0, x1) in pixels, ends excluded."""

LEAST_COHERENCE = 0.1
"""Below this the object has no common phase at a lag, and the lag tells nothing."""


def remove_ramp(object_YX: ComplexArray, box: Box) -> ComplexArray:
    """Remove linear phase ramp and piston, estimated inside the illuminated box.

    Parameters
    ----------
    object_YX : complex array (Y, X)
        NaN where not illuminated.
    box : tuple of int
        Illuminated box (y0, y1, x0, x1) in pixels of the object, ends excluded.

    Returns
    -------
    complex array (Y, X)
        Same type and modulus, NaN kept. Unchanged where the box holds nothing finite.

    Notes
    -----
    The slope along an axis comes from the phases of products of pixels with their
    neighbours, o(r + lag) o*(r): no unwrapping, so phase vortices do no harm. The median
    is taken, so that the edges of a structure on an even ground are not seen as a ramp.
    Lag 1 finds any slope below pi per pixel; lags of 2, 4, ... up to a quarter of the box
    then refine what is left.
    """
    y0, y1, x0, x1 = box
    inside_YX = _even_weights(object_YX[y0:y1, x0:x1])
    if not inside_YX.any():
        return object_YX.copy()
    slope_y, slope_x = _slope(inside_YX), _slope(inside_YX.T)
    flat_YX = inside_YX * _conjugate_ramp((y1 - y0, x1 - x0), slope_y, slope_x)
    total = flat_YX.sum()
    piston = np.conj(total) / abs(total) if total else 1.0
    # The ramp's origin is the box corner, where the piston was measured.
    correction_YX = _conjugate_ramp(object_YX.shape, slope_y, slope_x, origin=(y0, x0)) * piston
    return (object_YX * correction_YX).astype(object_YX.dtype, copy=False)


def _even_weights(part_YX: ComplexArray) -> ComplexArray:
    """Zeros for NaN, and moduli cut at their median: bright rims would outvote the rest."""
    finite_YX = np.isfinite(part_YX)
    values_YX = np.where(finite_YX, part_YX, 0).astype(np.complex128)
    modulus_YX = np.abs(values_YX)
    illuminated = modulus_YX[modulus_YX > 0]
    if not illuminated.size:
        return values_YX
    median = np.median(illuminated)
    even_YX: ComplexArray = values_YX * (median / np.maximum(modulus_YX, median))
    return even_YX


def _slope(values_AB: ComplexArray) -> float:
    """Phase slope along the first axis, radians per pixel."""
    slope, lag = 0.0, 1
    while lag <= max(1, values_AB.shape[0] // 4):
        products = values_AB[lag:] * np.conj(values_AB[:-lag])
        products = products[products != 0] * np.exp(-1j * slope * lag)
        total, size = products.sum(), np.abs(products).sum()
        if abs(total) <= LEAST_COHERENCE * size:
            break
        # Around the circular mean the median need not care where phases wrap.
        spread = np.angle(products * np.conj(total))
        slope += (float(np.angle(total)) + float(np.median(spread))) / lag
        lag *= 2
    return slope


def _conjugate_ramp(
    shape: tuple[int, ...],
    slope_y: float,
    slope_x: float,
    origin: tuple[int, int] = (0, 0),
) -> ComplexArray:
    rows = np.exp(-1j * slope_y * (np.arange(shape[0]) - origin[0]))
    columns = np.exp(-1j * slope_x * (np.arange(shape[1]) - origin[1]))
    return np.outer(rows, columns)
