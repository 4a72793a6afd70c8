"""The figures that rules look at."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.engine import EpochState, Evidence
from exitwave.quality import overlap

RIM_SHARE = 0.06
"""Width of the window's rim, in which a beam has no light."""

LEAST_HELD_PATTERNS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is known of a finished run without its truth.

    Attributes
    ----------
    frames : int
        That were fitted.
    counted : bool
        Patterns are whole counts, so that their noise is known.
    signal : float
        How much there is to explain: the mean pattern's deviance on pixels left out, beyond
        noise and in its units. nan where noise is not known.
    fit : float
        Deviance of the fitted pixels over that of noise. nan likewise.
    unexplained : float
        Of what the mean pattern leaves to explain on fitted pixels, the share that is left.
    explained : float
        Of the same on pixels left out, the share that the picture foretells.
    explained_patterns : float
        Of the same on whole patterns left out; nan where there are none.
    worst_frames : float
        Share of the frames whose deviance is far beyond that of all others.
    overlap : float
        Linear overlap of neighbouring views; nan where it is not defined.
    hidden_light : float
        Share of the modelled light on masked pixels.
    rim_light : float
        Share of the probe's light in the rim of its window.
    wild_object : float
        Share of the scanned object whose modulus is more than twice the mean.
    epochs_share : float
        Epochs done of those that the recipe has.
    """

    frames: int
    counted: bool
    signal: float
    fit: float
    unexplained: float
    explained: float
    explained_patterns: float
    worst_frames: float
    overlap: float
    hidden_light: float
    rim_light: float
    wild_object: float
    epochs_share: float

    def numbers(self) -> dict[str, float]:
        """Those that are known, by name."""
        values: dict[str, Any] = asdict(self)
        return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def figures_of(state: EpochState, evidence: Evidence) -> Figures:
    """The figures of a run's last state."""
    fitted_n = evidence.fitted_n
    fit, noise, mean = (
        float(values[fitted_n].sum())
        for values in (evidence.fit_n, evidence.fit_noise_n, evidence.fit_mean_n)
    )
    known = noise if evidence.counted else 0.0
    held_noise, held_mean = (
        float(values.sum()) for values in (evidence.held_noise_n, evidence.held_mean_n)
    )
    probe_NHW = state.probe_NHW()
    overlapping = overlap(state.positions_px, probe_NHW)
    modelled = float(evidence.model_light_n.sum())
    hidden = float(evidence.hidden_light_n.sum())
    return Figures(
        frames=int(fitted_n.sum()),
        counted=evidence.counted,
        signal=held_mean / max(held_noise, 1e-30) - 1 if evidence.counted else math.nan,
        fit=fit / max(noise, 1e-30) if evidence.counted else math.nan,
        unexplained=max(0.0, fit - known) / max(mean - known, 1e-3 * mean, 1e-30),
        explained=evidence.explained(),
        explained_patterns=_of_patterns(evidence),
        worst_frames=_worst(evidence),
        overlap=math.nan if overlapping is None else overlapping,
        hidden_light=hidden / max(modelled + hidden, 1e-30),
        rim_light=_rim_light(probe_NHW),
        wild_object=_wild(state),
        epochs_share=state.epoch / max(1, state.epochs),
    )


def _of_patterns(evidence: Evidence) -> float:
    out_n = ~evidence.fitted_n
    if out_n.sum() < LEAST_HELD_PATTERNS:
        return math.nan
    off, noise, mean = (
        float(values[out_n].sum())
        for values in (evidence.fit_n, evidence.fit_noise_n, evidence.fit_mean_n)
    )
    known = noise if evidence.counted else 0.0
    return (mean - min(off, mean)) / max(mean - known, 1e-3 * mean, 1e-30)


def _worst(evidence: Evidence) -> float:
    """Share of the fitted frames that stand out by far more than frames differ."""
    fitted_n = evidence.fitted_n
    excess = (evidence.fit_n / np.maximum(evidence.fit_noise_n, 1e-30))[fitted_n]
    logs = np.log(np.maximum(excess, 1e-6))
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle)))
    return float((logs > middle + max(5 * spread, math.log(2.5))).mean())


def _rim_light(probe_NHW: NDArray[np.complex64]) -> float:
    power_HW = (np.abs(probe_NHW).astype(np.float64) ** 2).sum(axis=0)
    rims = [max(1, round(RIM_SHARE * size)) for size in power_HW.shape]
    inside = power_HW[rims[0] : -rims[0], rims[1] : -rims[1]].sum()
    total = power_HW.sum()
    return float(1 - inside / total) if total > 0 else 1.0


def _wild(state: EpochState) -> float:
    known_YX = state.illuminated_YX()
    modulus = np.abs(state.object_MYX()[0][known_YX])
    return float((modulus > 2 * modulus.mean()).mean()) if modulus.size else 1.0
