"""Energy, distance and pixel of a detector, from wherever a file keeps them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError, GeometryError
from exitwave.schema.geometry import PLANCK_TIMES_C_EV_M, Geometry, is_photon_energy

from .detector_vectors import beam_centre_px, orientation_of
from .frame_orientation import AS_STORED, FrameOrientation
from .places import ReadContext, looked_at
from .tree import Tree, key, number, text, unit
from .units import ENERGY, JOULES_PER_EV, LENGTH, Dimension

AGREE = 1e-2
"""Relative difference from which two places of a file contradict each other."""

OFF_CENTRE_PX = 3.0
"""From here on it is said that the direct beam does not hit the middle."""

LEAST_BARE_EV = 50.0
"""A number without a unit may be electron volts from here on; below it is as well keV."""

REST_EV = 510_998.95
"""Of an electron."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number in base units.

    Attributes
    ----------
    number : float
        In metres or electron volts.
    place : str
        Where it was found, with the unit it is given in.
    """

    number: float
    place: str


@dataclass(frozen=True, slots=True)
class Detector:
    """What a file says of its detector."""

    orientation: FrameOrientation
    pixel: Value | None
    distance: Value | None


def read_detector(context: ReadContext, shape_HW: tuple[int, int]) -> Detector:
    """Orientation, pixel and distance.

    Raises
    ------
    DataError
        A value cannot be read, or two contradict each other.
    """
    tree, places, options = context.tree, context.places, context.options
    pixel = _pixel(context) if not options.geometry.detector_pixel_m else None
    distance = _length(tree, places.distance) if not options.geometry.distance_m else None
    orientation = AS_STORED
    basis_name, basis = _vectors(context, places.basis_vectors, 6)
    corner_name, corner = _vectors(context, places.corner, 3)
    if basis is not None:
        basis = basis.reshape(2, 3)
        orientation, side_m = orientation_of(basis, key(tree, basis_name))
        context.add_origin("orientation", str(orientation), basis_name)
        if pixel is None:
            pixel = Value(side_m, basis_name)
        elif not math.isclose(side_m, pixel.number, rel_tol=AGREE):
            raise DataError(
                key(tree, basis_name),
                f"pixels of {side_m:g} m; {pixel.place} has {pixel.number:g} m",
                "one pixel size",
            )
        if orientation:
            context.add_note(
                "orientation",
                f"The frames are {orientation}, as {basis_name} asks for: rows then run down "
                "and columns right, seen along the beam.",
            )
    if corner is not None:
        if distance is None and corner[2] != 0:
            distance = Value(float(corner[2]), corner_name)
        elif distance and not math.isclose(abs(corner[2]), abs(distance.number), rel_tol=AGREE):
            context.add_note(
                "geometry",
                f"{corner_name} says a distance of {abs(corner[2]):g} m, {distance.place} "
                f"{abs(distance.number):g} m: the latter is used.",
            )
        if basis is not None:
            _tell_centre(context, beam_centre_px(corner, basis), shape_HW, corner_name)
    return Detector(orientation, pixel, distance)


def read_geometry(context: ReadContext, detector: Detector) -> Geometry:
    """The geometry, of the file or as given.

    Raises
    ------
    GeometryError
        Values are missing (all are named) or out of range.
    """
    tree, places, overrides = context.tree, context.places, context.options.geometry
    sources = f"file {tree.path.name}"
    energy = None
    if not overrides.energy_eV:
        energy = _energy(context)
    values = {
        "energy_eV": (overrides.energy_eV, energy, (*places.energy, *places.wavelength)),
        "distance_m": (
            overrides.distance_m,
            detector.distance,
            (*places.distance, *places.corner),
        ),
        "detector_pixel_m": (
            overrides.detector_pixel_m,
            detector.pixel,
            (*places.pixel_x, *places.pixel_y, *places.basis_vectors),
        ),
    }
    missing = [name for name, (own, found, _) in values.items() if not own and found is None]
    if missing:
        where = looked_at([place for name in missing for place in values[name][2]])
        raise GeometryError(
            "geometry",
            f"no {', no '.join(missing)} in {tree.path.name}",
            " ".join(f"--set geometry.{name}=…" for name in missing) + f" (looked at: {where})",
        )
    chosen: dict[str, float] = {}
    origins: dict[str, str] = {}
    for name, (own, found, _) in values.items():
        measure = name.rpartition("_")[2]
        if own:
            chosen[name], origins[name] = own, "override"
            context.add_origin(name.rpartition("_")[0], f"{own:g} {measure}", "given")
        elif found is not None:
            chosen[name], origins[name] = abs(found.number), f"{sources}, {found.place}"
            context.add_origin(
                name.rpartition("_")[0], f"{abs(found.number):g} {measure}", found.place
            )
    try:
        return Geometry(**chosen, sources=origins)
    except GeometryError as error:
        name = error.key.partition(".")[2]
        raise GeometryError(
            error.key,
            f"{chosen[name]:g} from {origins[name]}",
            f"{error.expected}; --set {error.key}=… gives another",
        ) from error


def _energy(context: ReadContext) -> Value | None:
    """Photon energy; of electrons that of a photon of their wavelength."""
    tree, places = context.tree, context.places
    found = [value for name in places.energy if (value := _one_energy(context, name))]
    lengths = [
        Value(PLANCK_TIMES_C_EV_M / metres.number, metres.place)
        for name in places.wavelength
        if (metres := _length(tree, (name,))) and metres.number > 0
    ]
    if any("electron" in (text(tree, name) or "").lower() for name in places.source_probes):
        found = [_as_photons(context, value) for value in found]
    believed = [value for value in (*found, *lengths) if is_photon_energy(value.number)]
    if not believed:
        return next(iter((*found, *lengths)), None)
    first = believed[0]
    for other in believed[1:]:
        if not math.isclose(other.number, first.number, rel_tol=AGREE):
            context.add_note(
                "geometry",
                f"{other.place} says {other.number:g} eV, {first.place} {first.number:g} eV: "
                "the latter is used.",
            )
    return first


def _one_energy(context: ReadContext, name: str) -> Value | None:
    tree = context.tree
    if tree.leaf(name) is None:
        return None
    value, stated = number(tree, name), unit(tree, name)
    if stated is not None:
        return Value(value * ENERGY.factor(stated, key(tree, name)), f"{name} ({stated})")
    if not is_photon_energy(value) or value < LEAST_BARE_EV:
        return Value(value / JOULES_PER_EV, f"{name} (joules, no unit stated)")
    context.add_note(
        "units",
        f"{name} is {value:g} without a unit: taken for electron volts, for no photon has "
        "that many joules.",
    )
    return Value(value, f"{name} (taken for eV)")


def _as_photons(context: ReadContext, value: Value) -> Value:
    """Energy of a photon with the wavelength of an electron of that kinetic energy."""
    kinetic = value.number
    momentum_eV = math.sqrt(kinetic * (kinetic + 2 * REST_EV))
    context.add_note(
        "electrons",
        f"A beam of electrons: {kinetic:g} eV is a wavelength of "
        f"{PLANCK_TIMES_C_EV_M / momentum_eV:.4g} m.",
    )
    return Value(momentum_eV, value.place)


def _pixel(context: ReadContext) -> Value | None:
    """The side of a pixel; one of the two will do."""
    tree, places = context.tree, context.places
    x, y = _length(tree, places.pixel_x), _length(tree, places.pixel_y)
    if x is not None and y is not None:
        if not math.isclose(x.number, y.number, rel_tol=1e-4):
            raise DataError(
                str(tree.path),
                f"pixels of {y.number:g} m ({y.place}) by {x.number:g} m ({x.place})",
                "square detector pixels",
            )
        return x
    one = x or y
    if one is not None and places.pixel_x != places.pixel_y:
        context.add_note(
            "geometry", f"{one.place} is taken for both sides of a detector pixel."
        )
    return one


def _vectors(
    context: ReadContext, names: Sequence[str], size: int
) -> tuple[str, NDArray[np.float64] | None]:
    """Vectors in metres, flat; None where there are none or something else is there."""
    tree = context.tree
    name = _first(tree, names)
    if name is None:
        return "", None
    values = tree.whole(name)
    if values.shape == (3, 2):
        values = values.T  # a vector a column
    if values.size == size and values.dtype.kind in "uif":
        vectors = values.reshape(-1).astype(np.float64) * _factor(tree, name, LENGTH)
        if np.isfinite(vectors).all() and vectors.any():
            return name, vectors
    context.add_note(
        "geometry",
        f"{name} ({values.dtype} {values.shape}) is not obeyed: expected {size} finite "
        "numbers, not all 0.",
    )
    return name, None


def _length(tree: Tree, names: Sequence[str]) -> Value | None:
    name = _first(tree, names)
    if name is None:
        return None
    stated = unit(tree, name)
    place = f"{name} ({stated or 'metres, no unit stated'})"
    return Value(number(tree, name) * _factor(tree, name, LENGTH), place)


def _factor(tree: Tree, name: str, dimension: Dimension) -> float:
    """What makes base units of an array; 1 where nothing is stated."""
    stated = unit(tree, name)
    return 1.0 if stated is None else dimension.factor(stated, key(tree, name))


def _first(tree: Tree, names: Sequence[str]) -> str | None:
    return next((name for name in names if tree.leaf(name) is not None), None)


def _tell_centre(
    context: ReadContext, centre_px: tuple[float, float], shape_HW: tuple[int, int], place: str
) -> None:
    y, x = centre_px
    off_y, off_x = y - (shape_HW[0] - 1) / 2, x - (shape_HW[1] - 1) / 2
    if max(abs(off_y), abs(off_x)) > OFF_CENTRE_PX:
        context.add_note(
            "centre",
            f"By {place} the direct beam hits pixel ({y:.1f}, {x:.1f}) of the stored frames, "
            f"({off_y:+.1f}, {off_x:+.1f}) px from their middle. Nothing is moved.",
            off_y_px=off_y,
            off_x_px=off_x,
        )
