"""The figures that rules look at."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.engine import EpochState, Evidence, overlap
from exitwave.engine.assessment.checks import wild_frames
from exitwave.engine.assessment.placement import Placement
from exitwave.quality import rectangle_of_centres

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
    wild_frames : float
        Share of the frames that no picture of the others explains.
    uneven : float
        Deviance over noise of the frame that 97 % of the frames are better than, over that of
        the usual frame.
    left_in_frames : float
        Share left unexplained in the frame that 90 % of the frames are better than.
    pull : float
        Squared pull of the usual view away from its place, over what noise makes of it.
    off_px : float
        By how much the usual view is off its place, noise taken away.
    strain, widening, distortion_gain : float
        Of the affine map of all places that fits better: its size, by how much it makes the
        scan wider, and what it gains over chance. 0 of few views.
    photons, dose : float
        In all, and per illuminated pixel of the object; nan where counts are none.
    roughness : float
        Of the picture: mean square of its steps from pixel to pixel over its variance.
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
    wild_frames: float
    uneven: float
    left_in_frames: float
    pull: float
    off_px: float
    strain: float
    widening: float
    distortion_gain: float
    overlap: float
    hidden_light: float
    rim_light: float
    wild_object: float
    epochs_share: float
    photons: float
    dose: float
    roughness: float

    def numbers(self) -> dict[str, float]:
        """Those that are known, by name."""
        values: dict[str, Any] = asdict(self)
        return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def figures_of(state: EpochState, evidence: Evidence) -> Figures:
    """The figures of a run's last state."""
    wild = wild_frames(evidence)
    others = evidence.less(wild)
    fitted_n = others.fitted_n
    fit, noise = (
        float(values[fitted_n].sum()) for values in (evidence.fit_n, evidence.fit_noise_n)
    )
    probe_NHW = state.probe_NHW()
    overlapping = overlap(state.positions_px, probe_NHW)
    modelled = float(evidence.model_light_n.sum())
    hidden = float(evidence.hidden_light_n.sum())
    return Figures(
        frames=int(evidence.fitted_n.sum()),
        counted=evidence.counted,
        signal=evidence.signal() if evidence.counted else math.nan,
        fit=fit / max(noise, 1e-30) if evidence.counted else math.nan,
        unexplained=others.unexplained(),
        explained=others.explained(),
        explained_patterns=_of_patterns(evidence, state.wild_frames),
        wild_frames=len(wild) / max(1, int(evidence.fitted_n.sum())),
        **_frames(others),
        **_places(state.placement()),
        overlap=math.nan if overlapping is None else overlapping,
        hidden_light=hidden / max(modelled + hidden, 1e-30),
        rim_light=_rim_light(probe_NHW),
        wild_object=_wild(state),
        epochs_share=state.epoch / max(1, state.epochs),
        **_dose(state, evidence),
    )


def _of_patterns(evidence: Evidence, wild: NDArray[np.intp]) -> float:
    """Of patterns that were left out to test the fit, not since nothing explains them."""
    out_n = ~evidence.fitted_n
    out_n[wild] = False
    if out_n.sum() < LEAST_HELD_PATTERNS:
        return math.nan
    off, noise, mean = (
        float(values[out_n].sum())
        for values in (evidence.fit_n, evidence.fit_noise_n, evidence.fit_mean_n)
    )
    known = noise if evidence.counted else 0.0
    return (mean - min(off, mean)) / max(mean - known, 1e-3 * mean, 1e-30)


def _frames(evidence: Evidence) -> dict[str, float]:
    """How much worse the worst frames are than the usual one."""
    chosen = evidence.fitted_n
    if not chosen.any():
        return {"uneven": math.nan, "left_in_frames": math.nan}
    ratio_n = (evidence.fit_n / np.maximum(evidence.fit_noise_n, 1e-30))[chosen]
    usual = max(float(np.median(ratio_n)), 1e-30)
    return {
        "uneven": float(np.quantile(ratio_n, 0.97)) / usual,
        "left_in_frames": float(np.quantile(evidence.unexplained_n()[chosen], 0.9)),
    }


def _places(placement: Placement) -> dict[str, float]:
    """How patterns pull at their views."""
    pulls = {"pull": placement.pull(), "off_px": placement.off_px()}
    distortion = placement.distortion()
    if distortion is None:
        return {**pulls, "strain": 0.0, "widening": 0.0, "distortion_gain": 0.0}
    return {
        **pulls,
        "strain": distortion.strain,
        "widening": float(np.trace(distortion.map_22)) / 2,
        "distortion_gain": distortion.gain,
    }


def _dose(state: EpochState, evidence: Evidence) -> dict[str, float]:
    """Photons in all and per illuminated object pixel, and how rough the picture is."""
    nothing = {"photons": math.nan, "dose": math.nan, "roughness": math.nan}
    if not evidence.counted:
        return nothing
    lit_YX = state.illumination_YX().astype(np.float64)
    area = lit_YX.sum() ** 2 / max((lit_YX**2).sum(), 1e-30)
    photons = float(evidence.light_n.sum())
    y0, y1, x0, x1 = rectangle_of_centres(state.positions_px, state.probe_NHW().shape[-2:])
    seen_YX = state.object_MYX()[0][y0 : max(y1, y0 + 8), x0 : max(x1, x0 + 8)]
    spread = float((np.abs(seen_YX - seen_YX.mean()) ** 2).mean())
    steps = [float((np.abs(np.diff(seen_YX, axis=axis)) ** 2).mean()) for axis in (0, 1)]
    return {
        "photons": photons,
        "dose": photons / max(area, 1.0),
        "roughness": sum(steps) / 2 / max(spread, 1e-30),
    }


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
