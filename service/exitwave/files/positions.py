"""Positions of a scan, from wherever a file keeps them, as metres (y, x)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError
from exitwave.schema.geometry import Geometry

from .far_field import LEAST_STEP_PX, metres, nearest_step
from .places import ReadContext, looked_at
from .tree import Tree, described, key, unit
from .units import LENGTH, PIXELS, unit_in_name

GUESSES = ("m", "mm", "um", "nm", "px")
"""Units that are tried: those that would fit are named."""

Floats = NDArray[np.float64]


def read_positions(
    context: ReadContext, frames_shape: tuple[int, ...], side_px: int, geometry: Geometry
) -> Floats:
    """Positions (m, 2) in metres (y, x), not checked against the number of frames.

    Parameters
    ----------
    context : ReadContext
    frames_shape : tuple of int
        Of the patterns as stored, (…, H, W).
    side_px : int
        Of the square that is used of them.
    geometry : Geometry
        For positions in pixels, and to tell which unit fits.

    Raises
    ------
    DataError
        There are none, their shape is none of positions, or nothing says their unit.
    """
    name, positions, stated = _chosen(context, frames_shape)
    pixel_m = geometry.pixel_size_m(side_px)
    given = context.options.positions_unit
    unit = given or stated or context.layout.position_unit
    if unit is None:
        unit = _guessed(context, positions, name, pixel_m, side_px * pixel_m)
    factor = pixel_m if unit in PIXELS else LENGTH.factor(unit, name)
    step_m = nearest_step(positions) * factor
    source = "given" if given else "stated" if stated else "assumed"
    context.add_origin(
        "positions",
        f"{len(positions)} (y, x) in {unit} ({source}), step {metres(step_m)}, over "
        f"{' x '.join(metres(side) for side in _extent(positions) * factor)}",
        name,
    )
    return np.ascontiguousarray(positions * factor)


def _chosen(
    context: ReadContext, frames_shape: tuple[int, ...]
) -> tuple[str, Floats, str | None]:
    """The positions (y, x) that are used, their name and the unit they state."""
    tree, given = context.tree, context.options.positions
    if given is None:
        return _found(context, frames_shape)
    if file := _other_file(tree.path, given):
        values = _columns(context, _from_file(file), str(file), frames_shape)
        return str(file), values, unit_in_name(file.stem, pixels=True)
    name = f"/{given.lstrip('/')}"
    if tree.leaf(name) is None:
        raise DataError(
            key(tree, name), "neither such a dataset nor such a file", "the positions"
        )
    values = _columns(context, tree.whole(name), name, frames_shape)
    return name, values, unit(tree, name, pixels=True)


def _found(
    context: ReadContext, frames_shape: tuple[int, ...]
) -> tuple[str, Floats, str | None]:
    """The first place that holds positions; others that say something else are noted."""
    tree, places = context.tree, context.places
    found: list[tuple[str, Floats, str | None]] = []
    refused: list[str] = []
    for name in dict.fromkeys(places.positions):
        if tree.leaf(name) is None:
            continue
        stored = tree.whole(name)
        try:
            values = _columns(context, stored, name, frames_shape)
            found.append((name, values, unit(tree, name, pixels=True)))
        except DataError as error:
            refused.append(f"{name}: {error.found}")
    for y_name, x_name in places.axes:
        if tree.leaf(y_name) is not None and tree.leaf(x_name) is not None:
            both = f"{y_name} and {x_name}"
            pair = _from_axes(tree, y_name, x_name, frames_shape)
            if pair is None:
                refused.append(f"{both}: neither one value a frame nor the sides of a raster")
            else:
                found.append((both, *pair))
    if not found:
        names = [*places.positions, *(name for pair in places.axes for name in pair)]
        raise DataError(
            f"{tree.path}: positions",
            "; ".join(refused) or "no such dataset",
            "positions (n, 3) or (n, 2), in the file or by --positions; looked at: "
            + looked_at(names),
        )
    name, positions, stated = found[0]
    for other, values, other_unit in found[1:]:
        same = values.shape == positions.shape and other_unit == stated
        if not (same and np.allclose(values, positions, rtol=1e-6, atol=0, equal_nan=True)):
            context.add_note(
                "positions",
                f"{other} holds other positions than {name}: the latter are used. "
                "--positions chooses.",
            )
    return name, positions, stated


def _columns(
    context: ReadContext, values: NDArray[Any], name: str, frames_shape: tuple[int, ...]
) -> Floats:
    """(m, 2) as (y, x), of an array of two or three columns."""
    shape = values.shape
    if values.dtype.kind not in "uif":
        raise DataError(key(context.tree, name), described(values), "numbers")
    if values.ndim == 3 and shape[:2] == frames_shape[:-2]:
        values = values.reshape(-1, shape[2])
    frames = math.prod(frames_shape[:-2])
    if values.ndim == 2 and shape[0] in {2, 3} and shape[1] == frames and frames > 3:
        values = values.T
        context.add_note("positions", f"{name} is {shape}: taken for one row an axis.")
    if values.ndim != 2 or values.shape[1] not in {2, 3} or len(values) < 2:
        raise DataError(
            key(context.tree, name), f"shape {shape}", "shape (n, 3): x, y, z, or (n, 2)"
        )
    numbers = values.astype(np.float64)
    if numbers.shape[1] == 3:
        return numbers[:, 1::-1]  # x, y, z in all formats
    word = name.rpartition("/")[2].lower()
    said = next((order for order in ("xy", "yx") if order in word), None)
    if said is None and context.layout.position_unit is None:
        context.add_note(
            "positions",
            f"The two columns of {name} are taken for y and x. If they are x and y, set "
            "data.orientation=transpose.",
        )
    return numbers if (said or context.layout.columns) == "yx" else numbers[:, ::-1]


def _from_axes(
    tree: Tree, y_name: str, x_name: str, frames_shape: tuple[int, ...]
) -> tuple[Floats, str | None] | None:
    """(m, 2) as (y, x) of one array an axis, or of the two sides of a raster; and their unit.

    An attribute ``vector`` says which way an axis moves the sample, x to the left and y up.
    """
    stated = unit(tree, y_name, pixels=True)
    if stated != (other := unit(tree, x_name, pixels=True)):
        raise DataError(key(tree, y_name), f"the unit {stated}; {x_name}: {other}", "one unit")
    y, x = (_numbers(tree, name).astype(np.float64).reshape(-1) for name in (y_name, x_name))
    frames = math.prod(frames_shape[:-2])
    if y.size * x.size == frames and y.size != frames and x.size != frames:
        y, x = np.repeat(y, x.size), np.tile(x, y.size)
    elif y.size != x.size:
        return None
    along_y, along_x = _vector(tree, y_name, (0, 1)), _vector(tree, x_name, (1, 0))
    moved = y[:, None] * along_y + x[:, None] * along_x
    return moved[:, ::-1], stated


def _vector(tree: Tree, name: str, otherwise: tuple[float, float]) -> Floats:
    """Components x and y of an axis across the beam."""
    leaf = tree.leaf(name)
    vector = np.asarray(leaf.attrs.get("vector", otherwise) if leaf is not None else otherwise)
    if vector.size not in {2, 3} or vector.dtype.kind not in "uif" or not vector.any():
        raise DataError(key(tree, name), f"a vector {vector!r}", "x, y, z of its motion")
    return vector.reshape(-1)[:2].astype(np.float64)


def _numbers(tree: Tree, name: str) -> NDArray[Any]:
    values = tree.whole(name)
    if values.dtype.kind not in "uif":
        raise DataError(key(tree, name), described(values), "numbers")
    return values


def _guessed(
    context: ReadContext, positions: Floats, name: str, pixel_m: float, view_m: float
) -> str:
    """Metres, where these can be positions of a scan; else the error says what would fit."""
    step = nearest_step(positions)
    fits = [
        unit
        for unit in GUESSES
        if LEAST_STEP_PX * pixel_m
        <= step * (pixel_m if unit == "px" else LENGTH.in_base[unit])
        <= view_m
    ]
    if "m" in fits:
        context.add_note("units", f"{name} states no unit: taken for metres, which fits.")
        return "m"
    would = f"; {' or '.join(fits)} would fit" if fits else ""
    raise DataError(
        key(context.tree, name),
        f"no unit, steps of {step:.4g}, views of {metres(view_m)}",
        f"an attribute units, or --positions-unit m, mm, um, nm or px{would}",
    )


def _extent(positions: Floats) -> Floats:
    whole = positions[np.isfinite(positions).all(axis=1)]
    return np.ptp(whole, axis=0) if len(whole) else np.zeros(2)


def _other_file(path: Path, given: str) -> Path | None:
    """A file of positions, named as it is or beside the patterns."""
    tried: Sequence[Path] = (Path(given), path.parent / given)
    return next((file for file in tried if file.suffix and file.is_file()), None)


def _from_file(path: Path) -> NDArray[Any]:
    """Columns of an npy file or of a text."""
    try:
        if path.suffix == ".npy":
            values: NDArray[Any] = np.load(path, allow_pickle=False)
        else:
            lines = path.read_text(encoding="utf-8").replace(",", " ").splitlines()
            values = np.loadtxt(lines, ndmin=2)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            str(path), str(error), "an npy file, or a text with two or three columns"
        ) from error
    return values
