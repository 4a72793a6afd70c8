"""Frames that differ from the others, or hold nothing."""

from __future__ import annotations

import math

from exitwave.schema.verdict import Finding

from ..figures import Figures
from .common import SURELY_FORETOLD, percent

LEAST_SIGNAL = 0.1
"""Below it patterns hold nothing that their mean does not."""

MOST_UNEVEN = (1.6, 0.03)
"""Deviance of the frame that 97 % are better than over the usual one, a + b x signal: the
better the light, the more the smallest fault of a model shows."""

FAR = 2.0
"""Times that limit: so bad frames are doubted however much the picture foretells."""

MOST_LEFT_IN_FRAMES, TOLD_FROM = 0.52, 3.0
"""Share left unexplained in the frame that 90 % are better than, from this signal on."""


def nothing_in_it(figures: Figures) -> Finding | None:
    """Patterns differ from their mean by more than noise."""
    if math.isnan(figures.signal) or figures.signal >= LEAST_SIGNAL:
        return None
    return Finding(
        rule="nothing_in_it",
        says="no picture",
        text=f"the patterns differ from their mean by {percent(figures.signal)} of the noise: "
        "there is next to nothing in them",
        advice="is the sample in the beam, the shutter open, the right detector read?",
        figures={"signal": figures.signal},
    )


def uneven_frames(figures: Figures) -> Finding | None:
    """All frames are explained about alike."""
    signal = 10.0 if math.isnan(figures.signal) else figures.signal
    limit = MOST_UNEVEN[0] + MOST_UNEVEN[1] * signal
    if figures.uneven > limit:
        text = (
            f"the worst frames fit {figures.uneven:.1f} times as badly as the usual one; at "
            f"this dose {limit:.1f} times at most would be right"
        )
    elif figures.left_in_frames > MOST_LEFT_IN_FRAMES and signal >= TOLD_FROM:
        text = (
            f"a tenth of the frames have {percent(figures.left_in_frames)} or more of their "
            f"structure unexplained; {percent(MOST_LEFT_IN_FRAMES)} at most would be right"
        )
    else:
        return None
    borne = figures.explained >= SURELY_FORETOLD and figures.uneven < FAR * limit
    return Finding(
        rule="uneven_frames",
        says="good" if borne else "doubtful",
        text=text,
        advice="a frame may be missing or doubled (frames and positions out of step), or the "
        "beam unsteady: data.exclude leaves frames out",
        figures={"uneven": figures.uneven, "left_in_frames": figures.left_in_frames},
    )


def wild_frames(figures: Figures) -> Finding | None:
    """Hardly a frame is explained by no picture of the others."""
    if figures.wild_frames == 0:
        return None
    return Finding(
        rule="wild_frames",
        says="doubtful",
        text=f"{percent(figures.wild_frames)} of the frames are explained by no picture of "
        "the others",
        advice="look at these frames; data.exclude leaves them out",
        figures={"wild_frames": figures.wild_frames},
    )
