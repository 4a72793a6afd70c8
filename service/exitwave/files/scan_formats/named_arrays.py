"""Files of no known layout: parts are guessed from the names and shapes of arrays, and said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from exitwave.schema.errors import DataError

from ..frames import why_no_frames
from ..places import Places, axis_of
from ..tree import Tree, described

_LIKELY = re.compile(
    r"data|patterns?|frames?|intensit(y|ies)|diffraction(_patterns?)?|dps?|counts"
    r"|ptychogram|i_stack|images?",
    re.IGNORECASE,
)
_NO_FRAMES = re.compile(
    r"mask|probe|object|truth|flat|dark|background|weight|illumination|recon", re.IGNORECASE
)
_POSITIONS = re.compile(r"pos|transl|coord|encoder|scan|shift|xy|yx", re.IGNORECASE)
_MASK = re.compile(r"(bad_?|pixel_?|detector_?|valid_?|good_?)*(mask|pixels)", re.IGNORECASE)
_MONITOR = re.compile(r"monitor|i0|ion_?chamber|flux", re.IGNORECASE)
_UNIT = r"(_[a-z]{1,9})?"
_ENERGY = re.compile(rf"(photon_?|x_?ray_?|beam_?|probe_?)?energy{_UNIT}", re.IGNORECASE)
_WAVELENGTH = re.compile(rf"(wave_?length|lambda|lam){_UNIT}", re.IGNORECASE)
_DISTANCE = re.compile(
    rf"((sample_?)?(to_?)?(detector_?|det_?|camera_?)?(distance|dist|length){_UNIT})|zo",
    re.IGNORECASE,
)
_PIXEL = re.compile(
    rf"((detector_?|det_?|camera_?|x_?|y_?)*(pixel_?(size|pitch)?|px|psize){_UNIT})|dxd",
    re.IGNORECASE,
)


class NamedArrays:
    """What the names and shapes of arrays say.

    Parameters
    ----------
    name : str
        Of the kind of file.
    """

    columns: Literal["xy", "yx"] = "yx"
    position_unit: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def frames(self, tree: Tree) -> Sequence[str]:
        """The one array that can be patterns, by its name where several can.

        Raises
        ------
        DataError
            It could be several.
        """
        shaped = [
            name
            for name in tree.names()
            if not _NO_FRAMES.search(name) and why_no_frames(tree.leaf(name)) is None
        ]
        likely = [name for name in shaped if _LIKELY.fullmatch(_last(name))]
        chosen = likely or shaped
        if len(chosen) > 1:
            listed = ", ".join(f"{name} {described(tree.leaf(name))}" for name in chosen[:8])
            raise DataError(
                f"{tree.path}: frames", f"several: {listed}", "--dataset with one of them"
            )
        return chosen or tree.names()

    def places(self, tree: Tree, frames: str) -> Places:
        """Whatever names and shapes allow, that beside the patterns first."""
        folder = frames.rpartition("/")[0]
        names = sorted(tree.names(), key=lambda name: (name.rpartition("/")[0] != folder, name))
        leaf = tree.leaf(frames)
        shape: tuple[int, ...] = tuple(leaf.shape) if leaf is not None else ()
        return Places(
            positions=_positions(tree, names, shape),
            axes=_axes(tree, names, shape),
            energy=_numbers(tree, names, _ENERGY),
            wavelength=_numbers(tree, names, _WAVELENGTH),
            distance=_numbers(tree, names, _DISTANCE),
            pixel_x=_numbers(tree, names, _PIXEL),
            pixel_y=_numbers(tree, names, _PIXEL),
            plain_masks=[
                name
                for name in names
                if _MASK.fullmatch(_last(name)) and _shape(tree, name) == shape[-2:]
            ],
            monitors=[name for name in names if _MONITOR.fullmatch(_last(name))],
        )


def _positions(tree: Tree, names: Sequence[str], shape: tuple[int, ...]) -> list[str]:
    """Arrays of two or three columns: those called so, else the only one that fits."""
    columns = [name for name in names if _has_columns(_shape(tree, name), shape[:-2])]
    called = [name for name in columns if _POSITIONS.search(_last(name))]
    return called or (columns if len(columns) == 1 else [])


def _has_columns(shape: tuple[int, ...], lead: tuple[int, ...]) -> bool:
    few = {2, 3}
    if len(shape) == 3:
        return shape[:2] == lead and shape[2] in few
    return len(shape) == 2 and max(shape) > 3 and (shape[1] in few or shape[0] in few)


def _axes(tree: Tree, names: Sequence[str], shape: tuple[int, ...]) -> list[tuple[str, str]]:
    """Arrays of one value a frame, or a side of the raster, called x and y."""
    lead = shape[:-2]
    flat = 1
    for side in lead:
        flat *= side
    lines = [
        name
        for name in names
        if (found := _shape(tree, name)) and max(found) > 1 and _length(found) in {flat, *lead}
        if len(found) == 1 or found == lead
    ]
    ys = [name for name in lines if axis_of(_last(name)) == 1]
    xs = [name for name in lines if axis_of(_last(name)) == 0]
    return [(ys[0], xs[0])] if ys and xs else []


def _numbers(tree: Tree, names: Sequence[str], pattern: re.Pattern[str]) -> list[str]:
    """Single numbers of a name."""
    return [
        name for name in names if pattern.fullmatch(_last(name)) and _is_number(tree.leaf(name))
    ]


def _is_number(leaf: Any) -> bool:
    return leaf is not None and leaf.size == 1 and leaf.dtype.kind in "uif"


def _shape(tree: Tree, name: str) -> tuple[int, ...]:
    leaf = tree.leaf(name)
    numeric = leaf is not None and leaf.dtype.kind in "uifb"
    return tuple(leaf.shape) if leaf is not None and numeric else ()


def _length(shape: tuple[int, ...]) -> int:
    length = 1
    for side in shape:
        length *= side
    return length


def _last(name: str) -> str:
    return name.rpartition("/")[2]
