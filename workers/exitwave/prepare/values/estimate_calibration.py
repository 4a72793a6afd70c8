"""Finding out, from a sample of frames, what stored values mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .calibration import RESOLVED, DetectorCalibration
from .comb import exact_photon_value, noisy_photon_value
from .levels import LEAST_PIXELS, Level, dark_level, is_pedestal, without_constant

Floats = NDArray[np.float64]

LEAST_FRAMES = 4

POISSON_SHARE = 0.6
"""Variance over mean, in units of the gain, that light must have at least."""


def estimate_calibration(values_nP: Floats) -> DetectorCalibration:
    """What the values of a sample (frames, pixels) mean.

    Parameters
    ----------
    values_nP : ndarray (frames, pixels)
        As stored, without pixels that are marked as bad.

    Returns
    -------
    DetectorCalibration
        The plain one where values are photons, or nothing is certain.
    """
    whole = bool((values_nP == np.rint(values_nP)).all())
    plain = DetectorCalibration() if whole else DetectorCalibration(gain=None, photons=False)
    if values_nP.shape[0] < LEAST_FRAMES or values_nP.shape[1] < LEAST_PIXELS:
        return plain
    values_nP = without_constant(values_nP)
    level = dark_level(values_nP)
    gain = _photon_value(values_nP - level.pedestal, level.noise)
    if not level.sure and not is_pedestal(values_nP, gain or 1.0):
        level = Level()
        gain = _photon_value(values_nP, 0.0)
    if gain is None and level.noise == 0:
        # Whole numbers may stand on a pedestal; of others the lowest one may be light.
        return replace(plain, pedestal=level.pedestal) if whole else plain
    if gain is None or level.noise > RESOLVED * gain:
        return DetectorCalibration(
            pedestal=level.pedestal, gain=None, noise=level.noise, photons=False
        )
    if level.noise == 0:
        exact = whole and abs(gain - round(gain)) < 1e-3
        return DetectorCalibration(
            pedestal=level.pedestal, gain=float(round(gain)) if exact else gain
        )
    light_nP = values_nP - level.pedestal
    empty = int((light_nP < 0.5 * gain).sum())
    ones = int((np.abs(light_nP - gain) < 0.5 * gain).sum())
    return DetectorCalibration(
        pedestal=level.pedestal,
        gain=gain,
        noise=level.noise,
        empty_times=empty / max(1, ones),
    )


def _photon_value(light_nP: Floats, noise: float) -> float | None:
    """Value of one photon, if there is a comb and the light is as noisy as that."""
    if noise > 0:
        gain = noisy_photon_value(light_nP.ravel(), noise)
    else:
        gain = exact_photon_value(light_nP[light_nP > 0])
    return gain if gain is not None and _is_light(light_nP, gain, noise) else None


def _is_light(light_nP: Floats, gain: float, noise: float) -> bool:
    """Whether values vary at least as photons of this value must."""
    means_P = light_nP.mean(axis=0)
    lit_P = means_P > 0.2 * gain
    if not lit_P.any():
        return True
    variances_P = light_nP[:, lit_P].var(axis=0, ddof=1) - noise**2
    return float(variances_P.sum() / means_P[lit_P].sum()) > POISSON_SHARE * gain
