"""What a picture explains of the patterns it was fitted to, and foretells of others."""

from __future__ import annotations

import math

from exitwave.schema.verdict import Finding, Judgement

from ..figures import Figures
from .common import by_signal, least_foretold, percent

NOTHING_FOUND = 0.6
MOST_LEFT = (0.12, 0.45)
"""Share left unexplained on fitted pixels, a + b / signal: where noise hides most of what there
is, a share of it is told badly. Above the first number there is no picture."""

LEAST_UNSETTLED, UNSETTLED_PULL = 0.45, 1.5
"""Likewise at any signal where views still pull away from their places."""


def fitted_pixels(figures: Figures) -> Finding | None:
    """A picture explains its own patterns, but for noise."""
    left, limit = figures.unexplained, by_signal(MOST_LEFT, figures)
    if left <= limit:
        return None
    says: Judgement = "no picture" if left > max(NOTHING_FOUND, limit) else "doubtful"
    return Finding(
        rule="fitted_pixels",
        says=says,
        text=f"the picture leaves {percent(left)} of the patterns' structure unexplained; "
        f"at this dose {percent(limit)} at most would be right",
        advice="check positions (order, axes, scale), distance and energy, frames and mask",
        figures={"unexplained": left, "limit": limit},
    )


def held_out_pixels(figures: Figures) -> Finding | None:
    """A picture foretells pixels that it has not seen."""
    found = figures.explained
    if math.isnan(found):
        return None
    limit = least_foretold(figures)
    if figures.pull > UNSETTLED_PULL:
        limit = max(limit, LEAST_UNSETTLED)
    if found >= limit:
        return None
    says: Judgement = "no picture" if found < limit / 2 else "doubtful"
    return Finding(
        rule="held_out_pixels",
        says=says,
        text=f"on detector pixels left out of the fit the picture foretells {percent(found)} "
        f"of what there is; at this dose {percent(limit)} at least would be right",
        advice="another start (start=, recipe.start.kind), more overlap or more frames; check "
        "positions and mask",
        figures={"explained": found, "limit": limit},
    )


def untested(figures: Figures) -> Finding | None:
    """Something was left out of the fit, to test the picture with."""
    if not (math.isnan(figures.explained) and math.isnan(figures.explained_patterns)):
        return None
    return Finding(
        rule="untested",
        says="doubtful",
        text="nothing was left out of the fit: a false picture could fit as well",
        advice="recipe.held_out_pixels=0.03 leaves pixels out; with hardly an illuminated "
        "pixel, look at the crop and the mask",
        figures={"unexplained": figures.unexplained},
    )


def held_out_patterns(figures: Figures) -> Finding | None:
    """Where whole patterns were left out, the picture foretells these, too."""
    found, limit = figures.explained_patterns, least_foretold(figures)
    if math.isnan(found) or found >= limit:
        return None
    return Finding(
        rule="held_out_patterns",
        says="no picture" if found < limit / 2 else "doubtful",
        text=f"of patterns left out of the fit the picture foretells {percent(found)}; at "
        f"this dose {percent(limit)} at least would be right",
        advice="check positions: each pattern must be where its position says",
        figures={"explained_patterns": found, "limit": limit},
    )
