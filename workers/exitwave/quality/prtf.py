"""Phase-retrieval transfer function: how much of what was measured the model carries."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from exitwave.schema.errors import InvalidInput

USUAL_LEVEL = 1 / math.e
"""Below this a frequency is usually called not transferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFunction:
    """PRTF, ring by ring of detector frequency.

    Attributes
    ----------
    frequency_cycles_per_px : ndarray (rings,)
        Of the object; the detector's edge is 0.5.
    ratio : ndarray (rings,)
        Modelled over measured amplitude; NaN where nothing was measured.
    """

    frequency_cycles_per_px: NDArray[np.float64]
    ratio: NDArray[np.float64]

    @property
    def crossing_cycles_per_px(self) -> float:
        """The first ring below 1/e, or from which on nothing was measured; 0.5 without one."""
        # Rings under a beam stop are unknown, too, but end nothing.
        last = np.flatnonzero(np.isfinite(self.ratio)).max(initial=-1)
        ends = np.flatnonzero((self.ratio < USUAL_LEVEL) | (np.arange(len(self.ratio)) > last))
        return float(self.frequency_cycles_per_px[ends[0]]) if len(ends) else 0.5


def transfer_function(
    patterns: Iterable[tuple[NDArray[Any], NDArray[Any]]],
    mask_HW: NDArray[np.bool_] | None = None,
) -> TransferFunction:
    """PRTF of modelled against measured patterns.

    Per ring, one detector pixel wide, sqrt(sum D / sum I) over the ring's valid pixels and
    all patterns, with D the modelled and I the measured counts.

    Chapman et al., J. Opt. Soc. Am. A 23 (2006) 1179, doi 10.1364/JOSAA.23.001179, divide
    the modulus of the mean of many independently phased far fields of one pattern by the
    measured amplitude: phases that the data leave open cancel in the mean. Ours differs.
    In ptychography overlapping views fix the phases together and there is one run, so no
    mean over runs is taken, and phases that are wrong do not show (the FRC shows them).
    What shows is a model that falls short of what was measured: detail that the
    regularisation has smoothed away, or counts that no probe and object explain, such as
    background. The ratio is taken of sums of counts, because the mean root of few counts is
    not the root of their mean: shot noise does not bias it.

    Parameters
    ----------
    patterns : iterable of (ndarray (B, H, W), ndarray (B, H, W))
        Modelled and measured counts, batch by batch, DC at the corner.
    mask_HW : ndarray of bool (H, W), optional
        True = valid.

    Raises
    ------
    InvalidInput
        There is no pattern, or shapes differ.
    """
    model_HW: NDArray[np.float64] | None = None
    counts_HW = np.zeros(())
    for model_BHW, counts_BHW in patterns:
        if model_BHW.shape != counts_BHW.shape or model_BHW.ndim != 3:
            found = f"shapes {model_BHW.shape} and {counts_BHW.shape}"
            raise InvalidInput("patterns", found, "equal shapes (B, H, W)")
        summed = [part.sum(axis=0, dtype=np.float64) for part in (model_BHW, counts_BHW)]
        model_HW = summed[0] if model_HW is None else model_HW + summed[0]
        counts_HW = counts_HW + summed[1]
    if model_HW is None:
        raise InvalidInput("patterns", "none", "at least one")
    height, width = model_HW.shape
    size = min(height, width)
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.fftfreq(width))
    ring_HW = np.rint(frequency * size).astype(int)
    valid_HW = np.ones((height, width), bool) if mask_HW is None else mask_HW

    def ring_sums(values_HW: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(ring_HW[valid_HW], values_HW[valid_HW], minlength=size // 2)
        return sums[: size // 2].astype(np.float64)

    modelled, measured = ring_sums(model_HW), ring_sums(counts_HW)
    ratio = np.full(size // 2, np.nan)
    illuminated = measured > 0
    ratio[illuminated] = np.sqrt(modelled[illuminated] / measured[illuminated])
    return TransferFunction(
        frequency_cycles_per_px=np.arange(size // 2) / size,
        ratio=ratio,
    )
