"""The rules: each looks at the figures and speaks, or is silent where all is well.

A rule is one function and one line in `RULES`. Thresholds come from a collection of runs with
truth (docs/decisions/0014-a-verdict-without-a-truth.md, docs/benchmarks.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from exitwave.schema.verdict import Finding, Judgement

from .figures import Figures

Rule = Callable[[Figures], Finding | None]

NOTHING_FOUND = 0.6
MOST_LEFT = (0.12, 0.45)
"""Share left unexplained on fitted pixels, a + b / signal: where noise hides most of what there
is, a share of it is told badly. Above the first number there is no picture."""

LEAST_FORETOLD, MOST_ASKED = (0.86, -1.37), 0.62
"""Share foretold on pixels left out, a + b / signal, and the most that is asked."""

LEAST_UNSETTLED, UNSETTLED_PULL = 0.45, 1.5
"""Likewise at any signal where views still pull away from their places."""

LEAST_AT_ALL = 0.03
"""Share foretold, at any signal: a picture that foretells nothing is none."""

LEAST_SIGNAL = 0.1
"""Below it patterns hold nothing that their mean does not."""

MOST_UNEVEN = (1.6, 0.03)
"""Deviance of the frame that 97 % are better than over the usual one, a + b x signal: the
better the light, the more the smallest fault of a model shows."""

FAR = 2.0
"""Times that limit: so bad frames are doubted however much the picture foretells."""

MOST_LEFT_IN_FRAMES, TOLD_FROM = 0.52, 3.0
"""Share left unexplained in the frame that 90 % are better than, from this signal on."""

LEAST_DOSE, LEAST_PHOTONS, MOST_ROUGH = 3.3, 1.2e4, 0.024
LEAST_OVERLAP = 0.17
"""As light is shared: of a raster of even disks it is 1 - step / diameter = 0.12."""

MOST_PULL = 2.0
"""Squared slopes of the usual view over what noise makes of them."""

MOST_OFF_PX, SURELY_FORETOLD = 0.33, 0.75
"""By how much the usual view is off; a picture that foretells so much has borne it, as it has a
few frames that fit badly."""

MOST_STRAIN, LEAST_GAIN, LEAST_GAIN_OVER_PULL, LEAST_OFF_PX = 0.001, 5.0, 1.8, 0.1
"""Of the affine map of all places: its size, what it gains, and that over what views that are
off by chance would gain; by how much the usual view is off."""

MOST_HIDDEN, FORETOLD_ALL_THE_SAME = 0.3, 0.5
"""Share of the light behind the mask; a picture that foretells so much has made up for it."""

MOST_AT_RIM = 0.1


def fitted_pixels(figures: Figures) -> Finding | None:
    """A picture explains its own patterns, but for noise."""
    left, limit = figures.unexplained, _by_signal(MOST_LEFT, figures)
    if left <= limit:
        return None
    says: Judgement = "no picture" if left > max(NOTHING_FOUND, limit) else "doubtful"
    return Finding(
        rule="fitted_pixels",
        says=says,
        text=f"the picture leaves {_percent(left)} of the patterns' structure unexplained; "
        f"at this dose {_percent(limit)} at most would be right",
        advice="check positions (order, axes, scale), distance and energy, frames and mask",
        figures={"unexplained": left, "limit": limit},
    )


def held_out_pixels(figures: Figures) -> Finding | None:
    """A picture foretells pixels that it has not seen."""
    found = figures.explained
    if math.isnan(found):
        return None
    limit = _least_foretold(figures)
    if figures.pull > UNSETTLED_PULL:
        limit = max(limit, LEAST_UNSETTLED)
    if found >= limit:
        return None
    says: Judgement = "no picture" if found < limit / 2 else "doubtful"
    return Finding(
        rule="held_out_pixels",
        says=says,
        text=f"on detector pixels left out of the fit the picture foretells {_percent(found)} "
        f"of what there is; at this dose {_percent(limit)} at least would be right",
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
        advice="recipe.held_out_pixels=0.03 leaves pixels out; with hardly a lit pixel, look "
        "at the crop and the mask",
        figures={"unexplained": figures.unexplained},
    )


def held_out_patterns(figures: Figures) -> Finding | None:
    """Where whole patterns were left out, the picture foretells these, too."""
    found, limit = figures.explained_patterns, _least_foretold(figures)
    if math.isnan(found) or found >= limit:
        return None
    return Finding(
        rule="held_out_patterns",
        says="no picture" if found < limit / 2 else "doubtful",
        text=f"of patterns left out of the fit the picture foretells {_percent(found)}; at "
        f"this dose {_percent(limit)} at least would be right",
        advice="check positions: each pattern must be where its position says",
        figures={"explained_patterns": found, "limit": limit},
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
            f"a tenth of the frames have {_percent(figures.left_in_frames)} or more of their "
            f"structure unexplained; {_percent(MOST_LEFT_IN_FRAMES)} at most would be right"
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


def wild_frames(figures: Figures) -> Finding | None:
    """Hardly a frame is explained by no picture of the others."""
    if figures.wild_frames == 0:
        return None
    return Finding(
        rule="wild_frames",
        says="doubtful",
        text=f"{_percent(figures.wild_frames)} of the frames are explained by no picture of "
        "the others",
        advice="look at these frames; data.exclude leaves them out",
        figures={"wild_frames": figures.wild_frames},
    )


def nothing_in_it(figures: Figures) -> Finding | None:
    """Patterns differ from their mean by more than noise."""
    if math.isnan(figures.signal) or figures.signal >= LEAST_SIGNAL:
        return None
    return Finding(
        rule="nothing_in_it",
        says="no picture",
        text=f"the patterns differ from their mean by {_percent(figures.signal)} of the noise: "
        "there is next to nothing in them",
        advice="is the sample in the beam, the shutter open, the right detector read?",
        figures={"signal": figures.signal},
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


def overlap(figures: Figures) -> Finding | None:
    """Neighbouring views share a part of the beam."""
    if math.isnan(figures.overlap) or figures.overlap >= LEAST_OVERLAP:
        return None
    return Finding(
        rule="overlap",
        says="doubtful",
        text=f"with the beam that was found neighbouring views overlap by "
        f"{_percent(figures.overlap)}; {_percent(LEAST_OVERLAP)} at least would tie them",
        advice="smaller steps; or the beam was not found: give a probe (--start), check the "
        "pixel size and the positions' unit",
        figures={"overlap": figures.overlap},
    )


def hidden_light(figures: Figures) -> Finding | None:
    """Most of the light falls on pixels that count."""
    made_up_for = figures.explained >= FORETOLD_ALL_THE_SAME
    if figures.hidden_light <= MOST_HIDDEN or made_up_for:
        return None
    return Finding(
        rule="hidden_light",
        says="doubtful",
        text=f"the mask hides {_percent(figures.hidden_light)} of the light that the picture "
        f"needs; {_percent(MOST_HIDDEN)} at most can be made up for",
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
        text=f"{_percent(figures.rim_light)} of the beam lie at the rim of its window; "
        f"{_percent(MOST_AT_RIM)} at most would be right",
        advice="use more of the detector (data.crop_px), or a beam that is less spread; light "
        "that is no beam's (pedestal, hot pixels) does this, too",
        figures={"rim_light": figures.rim_light},
    )


RULES: tuple[Rule, ...] = (
    nothing_in_it,
    fitted_pixels,
    held_out_pixels,
    held_out_patterns,
    untested,
    uneven_frames,
    distorted_places,
    misplaced_views,
    wild_frames,
    overlap,
    hidden_light,
    rim_light,
    dose,
)


def _by_signal(limit: tuple[float, float], figures: Figures) -> float:
    """The limit a + b / signal; a where noise is not known."""
    if math.isnan(figures.signal):
        return limit[0]
    return limit[0] + limit[1] / max(figures.signal, 1e-3)


def _least_foretold(figures: Figures) -> float:
    return max(LEAST_AT_ALL, min(MOST_ASKED, _by_signal(LEAST_FORETOLD, figures)))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
