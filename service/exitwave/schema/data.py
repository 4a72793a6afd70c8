"""`data.*` and `geometry.*` knobs of a job: which part of the scan is used, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .errors import GeometryError, InvalidInput
from .knobs import build, knob

Subset = Literal["all", "even", "odd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """Which frames of the scan become the dataset."""

    subset: Subset = knob("all", "even or odd frames only: two disjoint halves for an FRC")
    crop_px: int = knob(
        0, "central crop of each pattern; 0 keeps the whole frame", unit="px", low=0, high=4096
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryOverrides:
    """Values that replace the documents' and the profile's; 0 keeps those."""

    energy_eV: float = knob(0.0, "photon energy", unit="eV", low=0, high=200_000)
    distance_m: float = knob(0.0, "sample to detector", unit="m", low=0, high=100)
    detector_pixel_m: float = knob(0.0, "detector pixel pitch", unit="m", low=0, high=1e-2)


def data_from_mapping(values: Mapping[str, Any]) -> DataOptions:
    """Build and check `data.*` knobs; raises `InvalidInput` naming the key."""
    return build(DataOptions, values, "data", InvalidInput)


def geometry_from_mapping(values: Mapping[str, Any]) -> GeometryOverrides:
    """Build and check `geometry.*` knobs; raises `GeometryError` naming the key."""
    return build(GeometryOverrides, values, "geometry", GeometryError)
