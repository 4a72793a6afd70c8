"""How object and probe are displayed: values, units, limits and colour maps of each plane.

The page, PNG and TIFF files take all of it from here, so that they show the same.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import InvalidInput
from exitwave.schema.result import (
    LOSS_CURVE,
    OBJECT_AMPLITUDE,
    OBJECT_PHASE,
    PLANES,
    PROBE_AMPLITUDE,
    PROBE_PHASE,
    FramePlane,
    Plane,
)

from .colours import ColourMap
from .phase import Box, ComplexArray, remove_ramp

Floats: TypeAlias = NDArray[np.floating[Any]]

UNITS: dict[FramePlane, str] = {
    OBJECT_PHASE: "rad",
    OBJECT_AMPLITUDE: "",
    PROBE_AMPLITUDE: "√photons",
    PROBE_PHASE: "rad",
    LOSS_CURVE: "",
}
COLOUR_MAPS: dict[FramePlane, ColourMap] = {
    OBJECT_PHASE: "phase",
    OBJECT_AMPLITUDE: "amplitude",
    PROBE_AMPLITUDE: "amplitude",
    PROBE_PHASE: "cyclic",
}
"""Of the picture planes; an object phase that wraps is `CYCLIC`, too."""
CYCLIC: Final = "cyclic"

PERCENTILES = (1.0, 99.0)
WRAPPED_RAD = 5.2
"""A phase whose robust range exceeds this is shown over the full circle, cyclic."""
PROBE_FLOOR = 0.05
"""Below this share of the probe's peak amplitude its phase is noise and is not shown."""

OBJECT_PLANES: dict[Plane, FramePlane] = {"phase": OBJECT_PHASE, "amplitude": OBJECT_AMPLITUDE}


class Limits(NamedTuple):
    """Values of the first and the last colour of a map."""

    low: float
    high: float
    colour_map: ColourMap


def object_values(object_YX: ComplexArray, box: Box, plane: Plane) -> Floats:
    """Phase (rad, without ramp and piston) or amplitude of an object (Y, X).

    Parameters
    ----------
    object_YX : complex array (Y, X)
        NaN where not illuminated; stays NaN.
    box : tuple of int
        Illuminated box (y0, y1, x0, x1), ends excluded, inside which the ramp is estimated.
    plane : {"phase", "amplitude"}

    Raises
    ------
    InvalidInput
        The plane is unknown.
    """
    if plane not in PLANES:
        raise InvalidInput("plane", plane, "one of " + ", ".join(PLANES))
    return np.abs(object_YX) if plane == "amplitude" else np.angle(remove_ramp(object_YX, box))


def object_limits(values_YX: Floats, box: Box, plane: Plane) -> Limits:
    """Percentiles inside the box; of a phase that wraps the full circle."""
    low, high = robust_limits(values_YX, box)
    if plane == "phase" and high - low > WRAPPED_RAD:
        return Limits(-math.pi, math.pi, CYCLIC)
    return Limits(low, high, COLOUR_MAPS[OBJECT_PLANES[plane]])


def robust_limits(values_YX: Floats, box: Box) -> tuple[float, float]:
    """1st and 99th percentile inside the box, so that a few outliers do not set the contrast.

    (0, 1) where the box holds nothing finite.
    """
    y0, y1, x0, x1 = box
    inside_YX = values_YX[y0:y1, x0:x1]
    finite = inside_YX[np.isfinite(inside_YX)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(finite, PERCENTILES))
    return (low, high) if high > low else (low - 0.5, low + 0.5)
