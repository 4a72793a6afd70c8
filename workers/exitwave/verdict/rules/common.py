"""What rules share: limits that follow the dose, shares as texts."""

from __future__ import annotations

import math

from ..figures import Figures

SURELY_FORETOLD = 0.75
"""A picture that foretells so much of pixels left out has borne a few frames that fit badly, or
views that are a little off."""

LEAST_FORETOLD, MOST_ASKED = (0.86, -1.37), 0.62
"""Share foretold on pixels left out, a + b / signal, and the most that is asked."""

LEAST_AT_ALL = 0.03
"""Share foretold, at any signal: a picture that foretells nothing is none."""


def by_signal(limit: tuple[float, float], figures: Figures) -> float:
    """The limit a + b / signal; a where noise is not known."""
    if math.isnan(figures.signal):
        return limit[0]
    return limit[0] + limit[1] / max(figures.signal, 1e-3)


def least_foretold(figures: Figures) -> float:
    """The share of what was left out of the fit that a picture must foretell at this dose."""
    return max(LEAST_AT_ALL, min(MOST_ASKED, by_signal(LEAST_FORETOLD, figures)))


def percent(share: float) -> str:
    """A share as a text, in whole per cent."""
    return f"{100 * share:.0f} %"
