"""`data.*` and `geometry.*` parameters of a job: which part of the scan is used, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

from .errors import GeometryError, InvalidInput
from .parameters import build, parameter

Subset = Literal["all", "even", "odd"]

Screen = Literal["auto", "off"]

Flux = Literal["auto", "off", "monitor", "sums"]

Orientation = Literal[
    "none",
    "flip_y",
    "flip_x",
    "flip_yx",
    "transpose",
    "transpose_flip_y",
    "transpose_flip_x",
    "transpose_flip_yx",
    "auto",
]
"""What is done to the positions: y and x swapped first, then mirrored."""

MOST_FRAMES = 100_000_000

_RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """Which part of the scan becomes the dataset, and how."""

    subset: Subset = parameter("all", "even or odd frames only: two disjoint halves for an FRC")
    frames: int = parameter(
        0,
        "the first n frames only, with the first n positions; 0 takes all, and then there "
        "must be one position per frame",
        low=0,
        high=MOST_FRAMES,
    )
    exclude: str = parameter(
        "",
        'frames to leave out, by their numbers in the scan from 0 on: "3,10-12", both ends '
        "included",
    )
    crop_px: int = parameter(
        0, "central crop of each pattern; 0 keeps the whole frame", unit="px", low=0, high=4096
    )
    mask: str = parameter(
        "",
        "file that says which detector pixels to use, beside the scan's own mask: .npy, .tif, "
        "or mask.h5:/path/of/the/dataset; true/false: true is used, numbers: 0 is used",
    )
    screen: Screen = parameter(
        "auto",
        "look for pixels and frames that lie (hot, stuck, gaps, fog, no beam and others) and "
        "leave them out; off leaves out only what masks and detectors mark",
    )
    flux: Flux = parameter(
        "auto",
        "relative flux of each frame: monitor takes the scan's, sums takes it from the frames' "
        "photons against those of their neighbours, auto takes the monitor or, without one, "
        "clear steps only",
    )
    orientation: Orientation = parameter(
        "none",
        "what is done to the positions: transpose swaps y and x, flip_y and flip_x mirror "
        "them afterwards; auto tries all eight in short runs",
    )

    def __post_init__(self) -> None:
        frame_ranges(self.exclude)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryOverrides:
    """Values that replace the documents' and the profile's; 0 keeps those."""

    energy_eV: float = parameter(0.0, "photon energy", unit="eV", low=0, high=200_000)
    distance_m: float = parameter(0.0, "sample to detector", unit="m", low=0, high=100)
    detector_pixel_m: float = parameter(0.0, "detector pixel pitch", unit="m", low=0, high=1e-2)


def data_from_mapping(values: Mapping[str, Any]) -> DataOptions:
    """Build and check `data.*` parameters; raises `InvalidInput` naming the key.

    `data.exclude` may be a number or a list of numbers and ranges, too.
    """
    given = dict(values)
    if "exclude" in given:
        given["exclude"] = _exclude_text(given["exclude"])
    return build(DataOptions, given, "data", InvalidInput)


def frame_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """First and last number of each range in a text such as "3,10-12".

    Raises
    ------
    InvalidInput
        The text is something else.
    """
    ranges = []
    for part in text.split(",") if text.strip() else []:
        found = _RANGE.fullmatch(part)
        first = int(found[1]) if found else 0
        last = int(found[2]) if found and found[2] else first
        if not found or last < first or last > MOST_FRAMES:
            raise InvalidInput(
                "data.exclude",
                text,
                'numbers of frames from 0 on and rising ranges of them, such as "3,10-12"',
            )
        ranges.append((first, last))
    return tuple(ranges)


def _exclude_text(value: Any) -> Any:
    """One text of a number, a text or a list of them; what is none of these stays."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, (list, tuple)):
        parts = [_exclude_text(part) for part in value]
        return ",".join(parts) if all(isinstance(part, str) for part in parts) else value
    return value


def geometry_from_mapping(values: Mapping[str, Any]) -> GeometryOverrides:
    """Build and check `geometry.*` parameters; raises `GeometryError` naming the key."""
    return build(GeometryOverrides, values, "geometry", GeometryError)
