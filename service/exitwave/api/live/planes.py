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

from exitwave.files.codes import quantise
from exitwave.files.display import (
    COLOUR_MAPS,
    CYCLIC,
    OBJECT_PLANES,
    PROBE_FLOOR,
    UNITS,
    Limits,
    object_limits,
    object_values,
)
from exitwave.files.phase import Box
from exitwave.schema.result import (
    LARGEST_PICTURE_PX,
    PROBE_AMPLITUDE,
    PROBE_PHASE,
    FramePlane,
)

Floats: TypeAlias = NDArray[np.floating[Any]]
Complexes: TypeAlias = NDArray[np.complexfloating[Any, Any]]


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
    pictures = {}
    for plane, frame_plane in OBJECT_PLANES.items():
        values_YX = object_values(object_YX, box, plane)
        limits = object_limits(values_YX, box, plane)
        pictures[frame_plane] = _picture(values_YX, limits, frame_plane)
    return pictures


def probe_pictures(probe_HW: Complexes) -> dict[FramePlane, Picture]:
    """Amplitude from zero to its peak; phase over the full circle where there is light."""
    amplitude_HW = np.abs(probe_HW)
    finite = amplitude_HW[np.isfinite(amplitude_HW)]
    peak = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    illuminated_HW = amplitude_HW > PROBE_FLOOR * peak
    phase_HW = np.where(illuminated_HW, np.angle(probe_HW), np.nan)
    return {
        PROBE_AMPLITUDE: _picture(
            amplitude_HW, Limits(0.0, peak, COLOUR_MAPS[PROBE_AMPLITUDE]), PROBE_AMPLITUDE
        ),
        PROBE_PHASE: _picture(phase_HW, Limits(-np.pi, np.pi, CYCLIC), PROBE_PHASE),
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


def visited_box(picture_YX: Complexes) -> Box:
    """Smallest box around all finite pixels; the whole picture where there are none."""
    rows, columns = np.nonzero(np.isfinite(picture_YX))
    if not rows.size:
        return 0, picture_YX.shape[0], 0, picture_YX.shape[1]
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def _picture(values_YX: Floats, limits: Limits, plane: FramePlane) -> Picture:
    low, high, colour_map = limits
    codes_YX = quantise(values_YX, low, high)
    return Picture(codes_YX, low, high, UNITS[plane], cyclic=colour_map == CYCLIC)
