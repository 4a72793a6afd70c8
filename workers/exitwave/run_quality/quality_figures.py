"""How good a finished run is, and whether there is a picture: all that needs no truth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from exitwave.engine import Dataset, EpochState, overlap
from exitwave.engine.assessment.evaluate import modelled_patterns
from exitwave.engine.data.scan import Interrupt, choose_device
from exitwave.files.reconstruction import Curve, QualityFigures, flat_numbers
from exitwave.prepare import Prepared
from exitwave.prepare.left_out import frames_left_out
from exitwave.quality import raster_artefact, rectangle_of_centres, transfer_function
from exitwave.schema.errors import InvalidInput
from exitwave.schema.job import HeldOutFigures, Quality
from exitwave.schema.recipe import Recipe, SubPixel
from exitwave.schema.result import PRTF
from exitwave.schema.verdict import Preparation, Start, StartTried, Verdict
from exitwave.verdict import diagnosed, figures_of, judge_run

PRTF_PATTERNS = 64
"""Evenly over the scan, for the transfer function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuality:
    """Figures of a run.

    Attributes
    ----------
    quality : Quality
        For people and records.
    verdict : Verdict
    preparation : Preparation
        With the frames that the run itself left out.
    start : Start
    curves : dict of str to Curve
        By the names that `exitwave.files` knows.
    """

    quality: Quality
    verdict: Verdict
    preparation: Preparation
    start: Start
    curves: dict[str, Curve] = field(default_factory=dict)

    def figures(self) -> QualityFigures:
        """As a result's file holds them."""
        return QualityFigures(
            numbers=flat_numbers(self.quality.model_dump()), curves=self.curves
        )


def quality_of_run(
    prepared: Prepared, last: EpochState, *, subpixel: SubPixel = "auto", device: str = "auto"
) -> RunQuality:
    """Judge the last state of a run over a dataset.

    Parameters
    ----------
    prepared : Prepared
        What was reconstructed.
    last : EpochState
    subpixel : {"auto", "on", "off"}
        The recipe's.
    device : str
        Where patterns are modelled.
    """
    dataset = prepared.dataset
    frames = len(dataset.frames)
    sample = np.unique(np.linspace(0, frames - 1, min(frames, PRTF_PATTERNS)).astype(np.intp))
    modelled = modelled_patterns(
        dataset, last.parameters(), sample, subpixel=subpixel, device=device
    )
    prtf = transfer_function(
        ((part.model_BHW, part.counts_BHW) for part in modelled), dataset.mask_HW
    )
    held_out = last.held_out
    quality = Quality(
        held_out=None
        if held_out is None
        else HeldOutFigures(
            patterns=held_out.patterns,
            epoch=held_out.epoch,
            poisson=held_out.poisson,
            amplitude=held_out.amplitude,
        ),
        raster_artefact=_raster_artefact(dataset, last),
        prtf_cycles_per_px=prtf.crossing_cycles_per_px,
        overlap=overlap(dataset.positions_px, last.probe_NHW()),
    )
    table = np.stack([prtf.frequency_cycles_per_px, prtf.ratio], axis=1)
    return RunQuality(
        quality=quality,
        verdict=judge_run(figures_of(last, last.evidence())),
        preparation=_with_wild_frames(prepared, last),
        start=_start(last),
        curves={PRTF: Curve(columns=("frequency_cycles_per_px", "ratio"), values=table)},
    )


def with_diagnosis(
    judged: RunQuality,
    prepared: Prepared,
    recipe: Recipe,
    last: EpochState,
    *,
    device: str,
    run_s: float,
    interrupt: Interrupt | None = None,
) -> RunQuality:
    """The same, and where the run is not good, why: short runs with other positions.

    Parameters
    ----------
    judged : RunQuality
        Of the last state.
    prepared, last, device
        As in `quality_of_run`.
    recipe : Recipe
    run_s : float
        Time that the run took.
    interrupt : callable, optional
        As in `exitwave.verdict.diagnosed`.
    """
    verdict = diagnosed(
        judged.verdict,
        prepared,
        recipe,
        last,
        choose_device(device),
        run_s=run_s,
        interrupt=interrupt,
    )
    return replace(judged, verdict=verdict)


def _with_wild_frames(prepared: Prepared, last: EpochState) -> Preparation:
    """What was left out before the fit, and what the fit itself found."""
    before = prepared.preparation
    if not len(last.wild_frames):
        return before
    line = frames_left_out("unexplained", prepared.frame_indices[last.wild_frames])
    return before.model_copy(update={"left_out": [*before.left_out, line]})


def _start(last: EpochState) -> Start:
    tried = [
        StartTried(
            kind=one.kind,
            defocus_y_px2=one.defocus_px2[0],
            defocus_x_px2=one.defocus_px2[1],
            loss=one.loss,
        )
        for one in last.search.candidates
    ]
    return Start(
        chosen=tried[last.run - 1], tried=tried, runs=last.runs, seconds=last.search.seconds
    )


def _raster_artefact(dataset: Dataset, last: EpochState) -> float | None:
    region = rectangle_of_centres(dataset.positions_px, dataset.frames.shape_HW)
    try:
        return raster_artefact(last.object_MYX()[0], dataset.positions_px, region)
    except InvalidInput:
        return None  # views that span a few pixels have no spectrum
