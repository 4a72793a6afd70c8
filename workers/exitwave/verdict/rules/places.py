"""Where views are, by the patterns and by their positions."""

from __future__ import annotations

import math

from exitwave.schema.verdict import Finding

from ..figures import Figures
from .common import SURELY_FORETOLD, percent

LEAST_OVERLAP = 0.17
"""As light is shared: of a raster of even disks it is 1 - step / diameter = 0.12."""

MOST_PULL = 2.0
"""Squared slopes of the usual view over what noise makes of them."""

MOST_OFF_PX = 0.33
"""By how much the usual view is off."""

MOST_STRAIN, LEAST_GAIN, LEAST_GAIN_OVER_PULL, LEAST_OFF_PX = 0.001, 5.0, 1.8, 0.1
"""Of the affine map of all places: its size, what it gains, and that over what views that are
off by chance would gain; by how much the usual view is off."""


def distorted_places(figures: Figures) -> Finding | None:
    """Places of views are not stretched or sheared as a whole."""
    pull, gain = figures.pull, figures.distortion_gain
    if not (pull > MOST_PULL and gain > max(LEAST_GAIN, LEAST_GAIN_OVER_PULL * pull)):
        return None
    if figures.strain <= MOST_STRAIN or figures.off_px <= LEAST_OFF_PX:
        return None
    uniform = math.sqrt(2) * abs(figures.widening) > figures.strain / 2
    way = "turned, sheared or longer along one axis"
    if uniform:
        way = "wider" if figures.widening > 0 else "smaller"
    return Finding(
        rule="distorted_places",
        says="doubtful",
        text=f"patterns would fit better if the whole scan were {way}: the usual view pulls "
        f"{math.sqrt(pull):.1f} times as hard as noise would make it, all in that sense",
        advice="lengths in the picture may be off: check the pixel size (distance, energy), "
        "the scale and angle of the motors, and whether the sample drifted",
        figures={"pull": pull, "strain": figures.strain, "gain": gain},
    )


def misplaced_views(figures: Figures) -> Finding | None:
    """Views are where their positions say."""
    pull, off_px = figures.pull, figures.off_px
    borne = figures.explained >= SURELY_FORETOLD
    if not (pull > MOST_PULL and off_px > MOST_OFF_PX) or borne:
        return None
    return Finding(
        rule="misplaced_views",
        says="doubtful",
        text=f"the usual view would fit better {off_px:.2f} px beside its place; "
        f"{MOST_OFF_PX} px at most would be right",
        advice="use positions that were read back; check their order and axes, and that "
        "nothing shook",
        figures={"pull": pull, "off_px": off_px},
    )


def overlap(figures: Figures) -> Finding | None:
    """Neighbouring views share a part of the beam."""
    if math.isnan(figures.overlap) or figures.overlap >= LEAST_OVERLAP:
        return None
    return Finding(
        rule="overlap",
        says="doubtful",
        text=f"with the beam that was found neighbouring views overlap by "
        f"{percent(figures.overlap)}; {percent(LEAST_OVERLAP)} at least would tie them",
        advice="smaller steps; or the beam was not found: give a probe (--start), check the "
        "pixel size and the positions' unit",
        figures={"overlap": figures.overlap},
    )
