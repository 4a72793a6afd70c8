"""Recipe sections of the parts of the forward model that a recipe can add.

Each section has the name of its part in `exitwave.engine.forward`; all are off by default.
"""

from __future__ import annotations

from dataclasses import dataclass

from .parameters import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOptions:
    """What every part has."""

    fit: bool = parameter(False, "fit the part; else it is not in the model")
    rate: float = parameter(
        0.5, "share of a full step in each update, as a stage begins", low=0, high=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensityOptions(PartOptions):
    """A factor on the flux of each pattern, of mean 1: where it was not measured well."""

    spread: float = parameter(
        0.1,
        "standard deviation about the measured flux that is expected; pulls the factors there",
        low=1e-3,
        high=10,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundOptions(PartOptions):
    """One image of counts, the same in all patterns: light that misses the sample."""

    rate: float = parameter(
        0.2, "share of a full step in each update, as a stage begins", low=0, high=1
    )
    smooth_px: float = parameter(
        0.0,
        "Gaussian width of the finest structure it may have; 0 leaves each pixel its own",
        unit="px",
        low=0,
        high=1e3,
    )
