"""From what the worker wrote to what a screen shows: planes of the live pictures.

The worker writes amplitude and phase of the complex, binned object and probe with ramp
and piston left in. Here they are taken out, limits are chosen that a few wild pixels
cannot spoil, and the values become codes. Pure numpy; called in threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from exitwave.files.phase import Box, remove_ramp
from exitwave.schema.result import (
    LARGEST_PICTURE_PX,
    OBJECT_AMPLITUDE,
    OBJECT_PHASE,
    PROBE_AMPLITUDE,
    PROBE_PHASE,
    FramePlane,
)

from .frames import quantise

Floats: TypeAlias = NDArray[np.floating[Any]]
Complexes: TypeAlias = NDArray[np.complexfloating[Any, Any]]

PERCENTILES = (1.0, 99.0)
WRAPPED_RAD = 5.2
"""A phase whose robust range exceeds this is shown over the full circle, cyclic."""
PROBE_FLOOR = 0.05
"""Below this share of the probe's peak amplitude its phase is noise and is not shown."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Codes of one plane and what they mean."""

    codes_YX: NDArray[np.uint16]
    lo: float
    hi: float
    unit: str
    cyclic: bool = False


def object_pictures(object_YX: Complexes) -> dict[FramePlane, Picture]:
    """Phase (rad, ramp and piston removed) and amplitude of an object (h, w).

    NaN = not visited. Ramp and limits are estimated inside the box around the rest.
    """
    box = visited_box(object_YX)
    flat_YX = remove_ramp(object_YX, box)
    phase_YX, amplitude_YX = np.angle(flat_YX), np.abs(flat_YX)
    low, high = robust_limits(phase_YX, box)
    wrapped = high - low > WRAPPED_RAD
    if wrapped:
        low, high = -np.pi, np.pi
    return {
        OBJECT_PHASE: _picture(phase_YX, low, high, "rad", cyclic=wrapped),
        OBJECT_AMPLITUDE: _picture(amplitude_YX, *robust_limits(amplitude_YX, box), ""),
    }


def probe_pictures(probe_HW: Complexes) -> dict[FramePlane, Picture]:
    """Amplitude from zero to its peak; phase over the full circle where there is light."""
    amplitude_HW = np.abs(probe_HW)
    finite = amplitude_HW[np.isfinite(amplitude_HW)]
    peak = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    lit_HW = amplitude_HW > PROBE_FLOOR * peak
    phase_HW = np.where(lit_HW, np.angle(probe_HW), np.nan)
    return {
        PROBE_AMPLITUDE: _picture(amplitude_HW, 0.0, peak, "√photons"),
        PROBE_PHASE: _picture(phase_HW, -np.pi, np.pi, "rad", cyclic=True),
    }


def to_complex(live_PYX: NDArray[np.float32]) -> Complexes:
    """Complex picture from its amplitude and phase planes (2, h, w); NaN stays NaN."""
    amplitude_YX, phase_YX = live_PYX.astype(np.float64)
    picture_YX: Complexes = (amplitude_YX * np.exp(1j * phase_YX)).astype(np.complex64)
    return picture_YX


def bin_complex(
    full_YX: Complexes, largest_px: int = LARGEST_PICTURE_PX
) -> tuple[Complexes, int]:
    """Mean over square blocks so that no side exceeds `largest_px`; returns the factor too.

    A block is NaN where any of its pixels is; odd rows and columns at the end are cut.
    """
    factor = max(1, -(-max(full_YX.shape) // largest_px))
    height, width = (side // factor for side in full_YX.shape)
    blocks = full_YX[: height * factor, : width * factor]
    blocks = blocks.reshape(height, factor, width, factor)
    binned_YX: Complexes = blocks.mean(axis=(1, 3))
    return binned_YX, factor


def robust_limits(values_YX: Floats, box: Box) -> tuple[float, float]:
    """1st and 99th percentile inside the box; (0, 1) where it holds nothing finite."""
    y0, y1, x0, x1 = box
    inside_YX = values_YX[y0:y1, x0:x1]
    finite = inside_YX[np.isfinite(inside_YX)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(finite, PERCENTILES))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def visited_box(picture_YX: Complexes) -> Box:
    """Smallest box around all finite pixels; the whole picture where there are none."""
    rows, columns = np.nonzero(np.isfinite(picture_YX))
    if not rows.size:
        return 0, picture_YX.shape[0], 0, picture_YX.shape[1]
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def _picture(
    values_YX: Floats, low: float, high: float, unit: str, *, cyclic: bool = False
) -> Picture:
    return Picture(quantise(values_YX, low, high), float(low), float(high), unit, cyclic)
