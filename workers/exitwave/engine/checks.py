"""What the evidence says while a run goes on: is there a picture, and which frames lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .evidence import Evidence

LEAST_EXPLAINED = 0.5
"""Share that a picture foretells of what is there; less where noise hides most of it."""

CLEAR_SIGNAL = 1.0
"""Of the mean pattern's deviance beyond noise, in units of the noise: below it, too little is
seen to tell a wrong picture from a noisy one."""


def finds_no_picture(evidence: Evidence) -> bool:
    """Whether the run has ended in a wrong minimum, as far as that can be told."""
    noise, mean = float(evidence.held_noise_n.sum()), float(evidence.held_mean_n.sum())
    if evidence.counted and mean - noise < CLEAR_SIGNAL * noise:
        return False
    return evidence.explained() < LEAST_EXPLAINED


def wild_frames(evidence: Evidence) -> NDArray[np.intp]:
    """Frames whose patterns no picture of the others explains; none where many are so."""
    return np.empty(0, dtype=np.intp)
