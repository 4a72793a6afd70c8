"""Recipe sections of the baselines: what others reconstruct with, beside DAP.

Each section has the name of its algorithm. Steps and epochs are those of the papers named,
where these name any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .parameters import parameter

ALL_PATTERNS = 1e6
"""Patterns per update: more than a scan has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineOptions:
    """What every baseline has.

    Attributes
    ----------
    patterns_per_update : float
    waves_kept : int
        Arrays of every view and probe state that are kept from epoch to epoch.
    remedy : str
        What to change when a run diverges.
    """

    patterns_per_update: ClassVar[float] = ALL_PATTERNS
    waves_kept: ClassVar[int] = 0
    remedy: ClassVar[str]

    epochs: int = parameter(200, "passes over all patterns", unit="epoch", low=1, high=100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpieOptions(BaselineOptions):
    """ePIE: one pattern after the other."""

    patterns_per_update: ClassVar[float] = 1.0
    remedy: ClassVar[str] = "lower epie.object_step or epie.probe_step"

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
        "object modulus is clipped here after each epoch, where the mean is 1: barely "
        "illuminated pixels grow without end; 0 is off, as published",
        low=0,
        high=1e3,
    )
    step_decay: float = parameter(
        0.02,
        "both steps decay exponentially to this share over the last quarter of the epochs: "
        "the patterns seen last else leave their noise; 1 keeps them, as published",
        low=1e-6,
        high=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionOptions(BaselineOptions):
    """What algorithms have that keep exit waves of all views and use all patterns at once."""

    overlap_fits: int = parameter(
        1, "times that object and probe are fitted to the exit waves in turn", low=1, high=100
    )
    object_regularisation: float = parameter(
        1e-3,
        "weight of the object's past, share of the greatest illumination: keeps it where "
        "hardly any light falls",
        low=0,
        high=10,
    )
    probe_regularisation: float = parameter(
        1e-6, "weight of the probe's past, share of the greatest weight", low=0, high=10
    )
    averaging_window: int = parameter(
        10,
        "iterations over which the object is averaged (running mean): single ones fluctuate; "
        "1 gives out the last one",
        unit="epoch",
        low=1,
        high=10_000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceMapOptions(ProjectionOptions):
    """Difference map; `epochs` are the iterations of algorithm dm, a stage has its own."""

    waves_kept: ClassVar[int] = 1
    remedy: ClassVar[str] = "raise dm.object_regularisation or dm.probe_regularisation"

    relax: float = parameter(
        0.05,
        "share of a wave's deviation from the measured modulus that is left: moduli are "
        "noisy; 0 as first published",
        low=0,
        high=0.99,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmmOptions(ProjectionOptions):
    """Alternating direction method of multipliers; a second array holds the multipliers."""

    waves_kept: ClassVar[int] = 2
    remedy: ClassVar[str] = (
        "raise admm.penalty, admm.object_regularisation or admm.probe_regularisation"
    )

    penalty: float = parameter(
        0.5,
        "weight of the constraint that waves are object x probe, where that of a count's "
        "amplitude is 1",
        low=1e-3,
        high=1e3,
    )
