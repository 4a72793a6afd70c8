"""Whether positions and patterns belong together, found by short runs of a few patterns.

Here belong hypotheses of how positions may be wrong (orientation, scale, order of frames) and
the trial runs that compare them; not how positions are read (`exitwave.prepare`), and not what
people are told of the outcome (`exitwave.verdict`).
"""

from .orientations import DISTINCT_ORIENTATIONS, OrientationSearch, try_orientations
from .trials import HypothesisTrials, OutOfTimeError, TrialResult

__all__ = [
    "DISTINCT_ORIENTATIONS",
    "HypothesisTrials",
    "OrientationSearch",
    "OutOfTimeError",
    "TrialResult",
    "try_orientations",
]
