"""Light that falls beside what is fitted, and whether it suffices."""

from __future__ import annotations

import math

from exitwave.schema.verdict import Finding

from ..figures import Figures
from .common import percent

LEAST_DOSE, LEAST_PHOTONS, MOST_ROUGH = 3.3, 1.2e4, 0.024

MOST_HIDDEN, FORETOLD_ALL_THE_SAME = 0.3, 0.5
"""Share of the light behind the mask; a picture that foretells so much has made up for it."""

MOST_AT_RIM = 0.1


def hidden_light(figures: Figures) -> Finding | None:
    """Most of the light falls on pixels that count."""
    made_up_for = figures.explained >= FORETOLD_ALL_THE_SAME
    if figures.hidden_light <= MOST_HIDDEN or made_up_for:
        return None
    return Finding(
        rule="hidden_light",
        says="doubtful",
        text=f"the mask hides {percent(figures.hidden_light)} of the light that the picture "
        f"needs; {percent(MOST_HIDDEN)} at most can be made up for",
        advice="is the mask inverted or too wide, a beamstop in the way?",
        figures={"hidden_light": figures.hidden_light},
    )


def rim_light(figures: Figures) -> Finding | None:
    """The beam fits into its window."""
    if figures.rim_light <= MOST_AT_RIM:
        return None
    return Finding(
        rule="rim_light",
        says="doubtful",
        text=f"{percent(figures.rim_light)} of the beam lie at the rim of its window; "
        f"{percent(MOST_AT_RIM)} at most would be right",
        advice="use more of the detector (data.crop_px), or a beam that is less spread; light "
        "that is no beam's (pedestal, hot pixels) does this, too",
        figures={"rim_light": figures.rim_light},
    )


def dose(figures: Figures) -> Finding | None:
    """Photons suffice for what the picture shows."""
    if math.isnan(figures.dose) or figures.dose >= LEAST_DOSE:
        return None
    few = figures.photons < LEAST_PHOTONS
    rough = figures.roughness > MOST_ROUGH
    if not (few or rough):
        return None
    why = "in all" if few else "for a picture with so much fine structure"
    return Finding(
        rule="dose",
        says="doubtful",
        text=f"{figures.dose:.2g} photons for each pixel of the object and "
        f"{figures.photons:.3g} {why} are few: noise may have made what is seen",
        advice="count longer, take more frames, or bin",
        figures={"dose": figures.dose, "photons": figures.photons},
    )
