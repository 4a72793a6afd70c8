"""Whether a scan is one of the far field, as the object's pixel size supposes.

A far-field pattern of n pixels p at distance z is a Fourier transform of a view that is
``L = wavelength z / p`` wide, with pixels ``L / n``. Light that leaves a wider part of the
sample cannot be told from that of its neighbours. So the beam, and with overlap the step,
must be narrower than L. In the near field the detector shows an enlarged shadow of the sample
instead: there the beam is as wide as the detector, and the Fresnel number of the step,
step^2 / (wavelength z), which is far below 1 in the far field, is about 1 or more.

Beams of visible light often converge on the detector: then the transform is exact at any
Fresnel number, so there only the step against the view counts.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import Geometry
from exitwave.schema.verdict import Note

from .places import ReadContext
from .tree import key, number

VISIBLE_M = 1e-7
"""Wavelengths from here on are light of lasers and lamps, with lenses."""

NEAR_FRESNEL = 1.0
"""Fresnel number of the step from which X-rays and electrons are in the near field."""

DOUBTFUL_FRESNEL = 0.25
"""From here on people are told."""

LEAST_STEP_PX = 0.5
"""Of positions whose unit fits: steps of less are not believed."""

_REGIME_NAMES = re.compile(
    r"(^|_)(definition|propagat\w*|regime|method|technique|modality|setup|configuration|mode"
    r"|geometry|(scan|experiment|measurement)_?type)$",
    re.IGNORECASE,
)
_TITLE_NAMES = re.compile(r"(title|description|comment|notes?)$", re.IGNORECASE)
_TITLE_OF_NEAR = re.compile(
    r"^\W*near|near[\s_-]*field[\s_-]*(ptycho|holo|diffract|imag)", re.I
)
_FRESNEL_NAMES = re.compile(r"fresnel_?number$", re.IGNORECASE)
_SAYS_NEAR = re.compile(
    r"near[\s_-]*field|fresnel(?![\s_-]*(zone|lens))|in[\s_-]*line[\s_-]*holo", re.IGNORECASE
)
_SAYS_FAR = re.compile(r"far[\s_-]*field|fraunhofer", re.IGNORECASE)


def check_far_field(geometry: Geometry, side_px: int, step_m: float) -> list[Note]:
    """Refuse what cannot be the far field; tell of what may not be.

    Parameters
    ----------
    geometry : Geometry
    side_px : int
        Shorter side of a pattern.
    step_m : float
        From one position to the nearest other one; 0 if unknown.

    Raises
    ------
    GeometryError
        Near field, or values whose units do not fit; the message gives both figures.
    """
    light = geometry.wavelength_m * geometry.distance_m
    view_m = light / geometry.detector_pixel_m
    pixel_m = geometry.pixel_size_m(side_px)
    fresnel = step_m**2 / light
    shown = (
        f"a step of {metres(step_m)} (Fresnel number {fresnel:.2g}) and far-field views of "
        f"{metres(view_m)}"
    )
    if step_m > view_m:
        raise GeometryError(
            "geometry",
            shown,
            "views wider than the step. Either this is a near-field (in-line) scan, which is "
            "not reconstructed here, or energy, distance, detector pixel or the positions' "
            f"unit is wrong{_would_fit(step_m, pixel_m, view_m)}",
        )
    if geometry.wavelength_m < VISIBLE_M and pixel_m >= geometry.detector_pixel_m:
        raise GeometryError(
            "geometry",
            f"an object pixel of {metres(pixel_m)}, a detector pixel of "
            f"{metres(geometry.detector_pixel_m)}",
            "an object pixel far below the detector's: this is the geometry of an in-line "
            "(near-field) recording, or energy, distance or detector pixel is wrong",
        )
    if geometry.wavelength_m < VISIBLE_M and fresnel >= NEAR_FRESNEL:
        raise GeometryError(
            "geometry",
            shown,
            f"a Fresnel number of the step far below {NEAR_FRESNEL:g}: this is a near-field "
            "scan, which is not reconstructed here, or a unit is wrong",
        )
    if fresnel >= DOUBTFUL_FRESNEL:
        return [
            Note(
                code="fresnel",
                text=f"The step has a Fresnel number of {fresnel:.2g}, high for the far field: "
                "if the detector shows an enlarged shadow of the sample, this is a near-field "
                "scan and the picture will be wrong.",
                figures={"fresnel_number": fresnel, "step_m": step_m, "view_m": view_m},
            )
        ]
    return []


def _would_fit(step_m: float, pixel_m: float, view_m: float) -> str:
    """Which other unit of the positions would make it a scan."""
    for unit, factor in (("mm", 1e-3), ("um", 1e-6), ("nm", 1e-9)):
        if LEAST_STEP_PX * pixel_m <= step_m * factor <= view_m:
            return f" (were the metres {unit}, they would fit: --positions-unit {unit})"
    return ""


def refuse_near_field(context: ReadContext) -> None:
    """Refuse a file that says itself that it is no far field.

    Raises
    ------
    DataError
        It does; the message names the place.
    """
    tree = context.tree
    for name, said in tree.texts():
        if not says_near_field(said):
            continue
        last = name.rpartition("/")[2]
        is_title = bool(_TITLE_NAMES.search(last))
        if _REGIME_NAMES.search(last) or (is_title and _TITLE_OF_NEAR.search(said)):
            raise DataError(
                key(tree, name),
                said,
                "a far-field scan: near-field ones are not reconstructed here",
            )
        if is_title:
            context.add_note(
                "near field",
                f"{name} says {said[:80]!r}: if this is a near-field scan, the picture will "
                "be wrong.",
            )
    for name in tree.names():
        if _FRESNEL_NAMES.search(name) and (value := number(tree, name)) >= 1:
            raise DataError(
                key(tree, name),
                f"a Fresnel number of {value:g}",
                "one far below 1: near-field scans are not reconstructed here",
            )


def says_near_field(text: str) -> bool:
    """Whether a text in a file calls the scan one of the near field."""
    return bool(_SAYS_NEAR.search(text)) and not _SAYS_FAR.search(text)


def nearest_step(positions: NDArray[np.float64]) -> float:
    """Median distance from a position (n, 2) to the nearest other one, in its unit.

    0 where there are less than two; those that are not finite are passed over.
    """
    from scipy.spatial import cKDTree  # only here: it takes a while to load

    whole = positions[np.isfinite(positions).all(axis=1)]
    if len(whole) < 2:
        return 0.0
    distances, _ = cKDTree(whole).query(whole, k=2)
    return float(np.median(distances[:, 1]))


def metres(length_m: float) -> str:
    """A length for people, such as ``640 nm``."""
    size = abs(length_m)
    for unit, unit_m in (("m", 1.0), ("mm", 1e-3), ("um", 1e-6), ("nm", 1e-9)):
        if size >= 0.9995 * unit_m:
            return f"{length_m / unit_m:.4g} {unit}"
    return f"{length_m / 1e-12:.4g} pm"
