"""What the evidence says at a run's checks: is there a picture, and which frames lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fit_evidence import Evidence

LEAST_EXPLAINED = 0.35
"""Share that a picture foretells of what is there; less where noise hides most of it."""

MOST_UNEXPLAINED = 0.5
"""Share of the same on fitted pixels that a picture may leave unexplained."""

CLEAR_SIGNAL = 1.5
"""Of the mean pattern's deviance beyond noise, in units of the noise: below it, too little is
seen to tell a wrong picture from a noisy one."""

WILD = ((5.0, 0.5), (12.0, 0.1))
"""A wild frame's deviance over the usual one, and the share that is left of what the mean
pattern leaves, either pair: of right frames the worst has 2 and 0.1, or 10 and 0.05 in scans
of most light."""

MOST_WILD = 0.2
"""More frames than this share are not wild: it is the picture that is wrong."""


def finds_no_picture(evidence: Evidence) -> bool:
    """Whether the run has ended in a wrong minimum, as far as that can be told."""
    if evidence.counted and evidence.signal() < CLEAR_SIGNAL:
        return False
    few = evidence.explained() < LEAST_EXPLAINED
    return few or evidence.unexplained() > MOST_UNEXPLAINED


def wild_frames(evidence: Evidence) -> NDArray[np.intp]:
    """Fitted frames that no picture of the others explains; none where many are so."""
    fitted_n = evidence.fitted_n
    if not fitted_n.any():
        return np.empty(0, dtype=np.intp)
    ratio_n = evidence.fit_n / np.maximum(evidence.fit_noise_n, 1e-30)
    usual = float(np.median(ratio_n[fitted_n]))
    left_n = evidence.unexplained_n()
    wild_n = np.zeros_like(fitted_n)
    for times, left in WILD:
        wild_n |= fitted_n & (ratio_n > times * usual) & (left_n > left)
    few = wild_n.sum() <= MOST_WILD * fitted_n.sum()
    return np.flatnonzero(wild_n if few else np.zeros_like(wild_n))
