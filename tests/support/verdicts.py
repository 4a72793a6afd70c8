"""Verdicts, preparations and starts as results carry them, made by hand."""

from __future__ import annotations

from exitwave.schema.verdict import (
    Finding,
    LeftOut,
    Note,
    OrientationTried,
    Preparation,
    Start,
    StartTried,
    Verdict,
)

GOOD = Verdict(verdict="good", figures={"held_out_deviance": 1.04, "fit_deviance": 0.98})

DOUBTFUL = Verdict(
    verdict="doubtful",
    rules=[
        Finding(
            rule="overlap",
            says="doubtful",
            text="neighbouring views overlap by 18 %; 40 % or more tie them together.",
            advice="Measure with smaller steps.",
            figures={"overlap": 0.18},
        )
    ],
    figures={"overlap": 0.18},
)

NO_PICTURE = Verdict(
    verdict="no picture",
    rules=[
        Finding(
            rule="held_out_pixels",
            says="no picture",
            text="pixels left out of the fit deviate 3.9 times as much as noise; below 2 "
            "would be right.",
            advice="Check orientation and distance, or give a start.",
            figures={"held_out_deviance": 3.9},
        ),
        Finding(
            rule="worst_frame",
            says="doubtful",
            text="frame 17 deviates 60 times as much as the median one.",
            figures={"worst_frame_deviance": 234.0},
        ),
    ],
    figures={"held_out_deviance": 3.9, "fit_deviance": 1.0},
)

PREPARATION = Preparation(
    left_out=[
        LeftOut(
            what="pixels",
            why="hot",
            count=2,
            first=[(3, 4), (60, 61)],
            text="2 hot pixels, brighter than all around them in every frame",
        ),
        LeftOut(what="frames", why="dark", count=1, first=[17], text="frame 17: no light"),
    ],
    notes=[Note(code="gain", text="counts are multiples of 4", figures={"gain": 4.0})],
    orientation="swap",
    orientations_tried=[
        OrientationTried(orientation="none", loss=0.61),
        OrientationTried(orientation="swap", loss=0.22),
    ],
)

START = Start(
    chosen=StartTried(kind="pupil", defocus_y_px2=-310.0, defocus_x_px2=-310.0, loss=0.117),
    tried=[
        StartTried(kind="autocorrelation", loss=0.26),
        StartTried(kind="pupil", defocus_y_px2=310.0, defocus_x_px2=310.0, loss=0.21),
        StartTried(kind="pupil", defocus_y_px2=-310.0, defocus_x_px2=-310.0, loss=0.117),
    ],
    runs=2,
    seconds=3.25,
)
