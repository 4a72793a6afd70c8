"""Stored values made photons, in place where their type allows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frame_reader import slabs_of
from .values import DetectorCalibration

FAR_BELOW = 6.0
"""Standard deviations of noise: a pixel so far below the dark level is dead."""

OFTEN_SHARE = 0.5
"""Of the frames in which it must be."""


def below_dark(counts_nHW: NDArray[Any], calibration: DetectorCalibration) -> NDArray[np.bool_]:
    """Pixels (H, W) that hold less than a pixel without light holds."""
    shape_HW = counts_nHW.shape[1:]
    if calibration.pedestal <= 0:
        return np.zeros(shape_HW, np.bool_)
    least = calibration.pedestal - max(
        FAR_BELOW * calibration.noise, 0.5 * (calibration.gain or 0.0)
    )
    times_HW = np.zeros(shape_HW, np.intp)
    for part in slabs_of(len(counts_nHW)):
        times_HW += (counts_nHW[part] < least).sum(axis=0)
    below_HW: NDArray[np.bool_] = times_HW > OFTEN_SHARE * len(counts_nHW)
    return below_HW


def to_photons(
    counts_nHW: NDArray[Any], calibration: DetectorCalibration, valid_HW: NDArray[np.bool_]
) -> NDArray[Any]:
    """Photons (n, H, W), zero in pixels that are not valid.

    The array is changed, and is what is returned, unless its type holds no fractions and
    there are some.
    """
    photons_nHW = counts_nHW
    if not calibration.photons and counts_nHW.dtype.kind != "f" and calibration.changes:
        photons_nHW = np.empty(counts_nHW.shape, np.float32)
    if not calibration.changes and valid_HW.all():
        return counts_nHW
    for part in slabs_of(len(counts_nHW)):
        slab_nHW = counts_nHW[part]
        if not valid_HW.all():
            slab_nHW[:, ~valid_HW] = 0
        if calibration.changes:
            photons_nHW[part] = calibration.apply(slab_nHW)
            photons_nHW[part][:, ~valid_HW] = 0
    return photons_nHW
