"""Sections of a recipe for DAP, beside its stages: optimiser, regularisation, limits, start.

Those of the baselines are in `baselines`, those of parts of the forward model in `parts`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .parameters import parameter

StartKind = Literal["auto", "autocorrelation", "pupil"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamOptions:
    """Moments of the two Adam optimisers (one for the object, one for the probe)."""

    beta1: float = parameter(0.5, "short memory: batches differ much", low=0, high=0.9999)
    beta2: float = parameter(0.99, "0.9 hurts, 0.999 gains nothing", low=0, high=0.999999)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegularisationOptions:
    """Adaptive total variation of the complex object, mean (|dx|^p + |dy|^p)^(q/p)."""

    balance: Literal["gradient", "loss", "off"] = parameter(
        "gradient",
        "gamma keeps the regularisation's gradient (gradient) or its value (loss, as "
        "published) at `ratio` of the data's",
    )
    ratio: float = parameter(
        0.45, "regularisation over data: norms of gradients, or losses", low=0, high=10
    )
    low_dose_threshold: float = parameter(
        10.0,
        "below so many photons per resolved object pixel the ratio grows as the fourth root "
        "of the lack, up to twice; needs integer counts; 0 is off",
        unit="photons",
        low=0,
        high=1e6,
    )
    least_misfit: float = parameter(
        0.95,
        "deviance over noise below which the last stage fits noise and the ratio grows, up to "
        "eight times; needs integer counts; 0 is off",
        low=0,
        high=2,
    )
    p: float = parameter(2.0, "norm over the two directions", low=1, high=4)
    q: float = parameter(1.0, "power of the modulus of the gradient", low=0.5, high=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """The initial guess: from the patterns' autocorrelation or from the pupil."""

    kind: StartKind = parameter(
        "auto",
        "auto: the autocorrelation, or a pupil out of focus where that is clearly better; both "
        "signs and astigmatism are tried. autocorrelation or pupil: that alone",
    )
    initial_object_sigma_px: float = parameter(
        4.0, "Gaussian smoothing of the autocorrelation object", unit="px", low=0, high=100
    )
    object_noise: float = parameter(
        0.01, "complex noise on the object, breaks symmetry", low=0, high=1
    )
    object_exponent: float = parameter(
        0.0, "b2 in O = b1 R exp(b2 R); 0 leaves R as it is", low=-10, high=10
    )
    probe_noise: float = parameter(
        0.01, "complex noise on the probe, share of its rms modulus", low=0, high=1
    )
    extra_states_amplitude: float = parameter(
        0.3, "amplitude of probe states (modes) after the first", low=0, high=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClampOptions:
    """Limits of the object, held after each epoch; for weak or pure-phase samples."""

    modulus: float = parameter(
        0.0, "largest modulus, where the mean is 1; 0 is off", low=0, high=1e3
    )
    phase_low_rad: float = parameter(
        -math.pi, "smallest phase; the whole circle is off", unit="rad", low=-math.pi, high=0
    )
    phase_high_rad: float = parameter(
        math.pi, "largest phase; the whole circle is off", unit="rad", low=0, high=math.pi
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeOptions:
    """What ptychography cannot know is pinned after each epoch."""

    recentre: bool = parameter(True, "roll probe and object so that the probe stays centred")
    phase: bool = parameter(True, "mean phase of the probe to zero")
    scale: bool = parameter(True, "mean modulus of the scanned object to one")
