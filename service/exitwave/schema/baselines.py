"""Parameters of the baselines: what others reconstruct with, beside DAP.

Steps and epochs are those of the papers named, where these name any.
"""

from __future__ import annotations

from dataclasses import dataclass

from .parameters import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class EpieOptions:
    """ePIE: one pattern after the other."""

    epochs: int = parameter(200, "passes over all patterns", unit="epoch", low=1, high=100_000)
    object_step: float = parameter(
        1.0, "alpha: share of a pattern's correction that the object takes", low=1e-6, high=2
    )
    probe_step: float = parameter(
        0.3,
        "beta: likewise the probe; published as 1, where both steps together overshoot",
        low=0,
        high=2,
    )
    object_clip: float = parameter(
        5.0,
        "object modulus is clipped here after each epoch, where the mean is 1: barely lit "
        "pixels grow without end; 0 is off, as published",
        low=0,
        high=1e3,
    )
    final_step: float = parameter(
        0.02,
        "both steps decay exponentially to this share over the last quarter of the epochs: "
        "the patterns seen last else leave their noise; 1 keeps them, as published",
        low=1e-6,
        high=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceMapOptions:
    """Difference map: all patterns at once, exit waves of all views in memory."""

    epochs: int = parameter(
        200,
        "iterations of algorithm dm; a stage has its own",
        unit="epoch",
        low=1,
        high=100_000,
    )
    overlap_fits: int = parameter(
        1, "times that object and probe are fitted to the exit waves in turn", low=1, high=100
    )
    relax: float = parameter(
        0.05,
        "share of a wave's deviation from the measured modulus that is left: moduli are "
        "noisy; 0 as first published",
        low=0,
        high=0.99,
    )
    object_inertia: float = parameter(
        1e-3,
        "weight of the object's past, share of the greatest illumination: keeps it where "
        "hardly any light falls",
        low=0,
        high=10,
    )
    probe_inertia: float = parameter(
        1e-6, "weight of the probe's past, share of the greatest weight", low=0, high=10
    )
    average: int = parameter(
        10,
        "iterations over which the object is averaged (running mean): single ones fluctuate",
        unit="epoch",
        low=1,
        high=10_000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmmOptions:
    """Alternating direction method of multipliers: two waves of all views in memory."""

    epochs: int = parameter(200, "iterations", unit="epoch", low=1, high=100_000)
    penalty: float = parameter(
        0.5,
        "weight of the constraint that waves are object x probe, where that of a count's "
        "amplitude is 1",
        low=1e-3,
        high=1e3,
    )
    overlap_fits: int = parameter(
        1, "times that object and probe are fitted to the waves in turn", low=1, high=100
    )
    object_inertia: float = parameter(
        1e-3,
        "weight of the object's past, share of the greatest illumination: keeps it where "
        "hardly any light falls",
        low=0,
        high=10,
    )
    probe_inertia: float = parameter(
        1e-6, "weight of the probe's past, share of the greatest weight", low=0, high=10
    )
    average: int = parameter(
        10,
        "iterations over which the object is averaged (running mean); 1 gives out the last one",
        unit="epoch",
        low=1,
        high=10_000,
    )
