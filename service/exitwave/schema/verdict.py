"""What can be said of a result without a truth: the verdict, what was left out, the start.

Part of a job's record, of the node in Tiled, of every result file and of `reconstruct --json`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from .strict import StrictModel

Judgement = Literal["good", "doubtful", "no picture"]
"""From best to worst."""


class _JudgedModel(StrictModel):
    # A figure that is infinite or NaN must come back as it was: JSON knows neither, and null
    # would make the record that holds it unreadable.
    model_config = ConfigDict(ser_json_inf_nan="strings")


class Finding(_JudgedModel):
    """A rule that spoke."""

    rule: str = Field(description="Name of the rule, such as held_out_pixels.")
    says: Judgement = Field(description="good: a remark that doubts nothing.")
    text: str = Field(description="What was found, with its figure, and what would be right.")
    advice: str = Field("", description="What to do.")
    figures: dict[str, float] = Field(default_factory=dict, description="By name and unit.")


class Verdict(_JudgedModel):
    """Whether there is a picture, and which rules say so."""

    verdict: Judgement
    rules: list[Finding] = Field(
        default_factory=list, description="Those that spoke, the worst first."
    )
    figures: dict[str, float] = Field(
        default_factory=dict, description="All that the rules looked at, by name and unit."
    )


class LeftOut(_JudgedModel):
    """Frames or pixels that were not fitted, and why."""

    what: Literal["frames", "pixels", "pixels of frames"]
    why: str = Field(description="Kind of fault in a word or two: dark, hot, gap, saturated.")
    count: int
    first: list[int] | list[tuple[int, int]] = Field(
        default_factory=list,
        description="Up to 20: numbers of frames in the scan, or (row, column) of pixels as "
        "the frames are stored.",
    )
    text: str = Field(description="A line for people.")


class Note(_JudgedModel):
    """Something about the scan or its file that people should know."""

    code: str = Field(description="Kind of note, such as gain or units.")
    text: str
    figures: dict[str, float] = Field(default_factory=dict)


class OrientationTried(_JudgedModel):
    """How well positions and patterns fit together in one of the eight ways."""

    orientation: str
    loss: float = Field(description="Of a short run, relative to the patterns' light.")


class Preparation(_JudgedModel):
    """What was done to a scan before it was fitted."""

    left_out: list[LeftOut] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    orientation: str = Field("none", description="What was applied to the positions.")
    orientations_tried: list[OrientationTried] = Field(default_factory=list)


class StartTried(_JudgedModel):
    """One place to begin."""

    kind: Literal["autocorrelation", "pupil", "given"]
    defocus_y_px2: float = Field(0.0, description="c_y of the pupil's phase exp(-i pi c k^2).")
    defocus_x_px2: float = Field(0.0, description="c_x, likewise.")
    loss: float | None = Field(
        None, description="Of its short run, relative to the patterns' light; None: not run."
    )


class Start(_JudgedModel):
    """Where the run began, and what else was tried."""

    chosen: StartTried
    tried: list[StartTried] = Field(default_factory=list)
    runs: int = Field(1, description="More than one: it began again from the next best start.")
    seconds: float = Field(0.0, description="That the search took.")
