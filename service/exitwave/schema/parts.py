"""Parameters of the parts of the forward model that a recipe can add to object and probe.

Each section has the name of its part in `exitwave.engine.forward`; off by default.
"""

from __future__ import annotations

from dataclasses import dataclass

from .parameters import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensityOptions:
    """A factor on the flux of each pattern, of mean 1."""

    fit: bool = parameter(
        False, "fit it: for beams whose flux nobody measured from frame to frame"
    )
    rate: float = parameter(
        0.5, "share of a full step at each visit, as a stage begins", low=0, high=1
    )
    spread: float = parameter(
        0.1,
        "standard deviation about the measured flux that is expected; pulls the factors there",
        low=1e-3,
        high=10,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundOptions:
    """One image of counts, the same in all patterns, added to the model."""

    fit: bool = parameter(False, "fit it: for light that does not come through the sample")
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
