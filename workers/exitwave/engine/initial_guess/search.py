"""The search for a start: which beams could it be, and which of them finds the picture.

Candidates are the autocorrelation's probe and pupils out of focus. How far, and which way, the
shadows tell (`shadow`); where they are too faint, values of both signs are tried coarsely and
then finely. Each candidate makes a short run on a small connected part of the scan, and the
lowest loss wins; the autocorrelation's stays where nothing is clearly better, since it is
right for any beam near focus.

Only those values of defocus are tried that make the beam wider than a step and narrower than
the window, and far enough out of focus to cast a shadow: c k^2 above one at the pupil's rim.
Nearer the focus the autocorrelation is the better guess.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.recipe import Recipe

from ..data.positions import neighbour_distance_px
from ..data.scan import Scan
from ..data.subset import connected_views, part_of
from .autocorrelation import (
    amplitude_scale,
    object_from_autocorrelation,
    probe_from_autocorrelation,
)
from .candidates import Candidate, Search, distinct, handicapped, ordered
from .pupil import defocused, extent_cycles, pupil_modulus
from .shadow import Bounds, line_peak, neighbour_pairs, shadow_peaks, usual_step
from .short_runs import ShortRuns
from .states import with_extra_states

SHADOW_PIXELS = 2**23
SHADOW_VIEWS = (24, 240)
"""Fewest and most patterns whose shadows are compared, within so many pixels."""

SHADOW_BYTES = 64
"""Of device memory for each pixel of these patterns: contrasts and their padded transforms."""

PART_VIEWS = 36
PART_BYTES = 64
"""Of device memory for each pixel of a part's patterns, with a step's buffers beside them."""
TRIAL_EPOCHS = (4, 8)
"""Fewest and most epochs of a short run; as many as the search's share of the run allows."""

MOST_SHARE = 0.1
"""Of the recipe's work that the short runs may take."""

TRIED = 8
"""Short runs of a search, about; finer ones are left out where they would be too many."""

TRIAL_VIEWS = 6.0
"""Views per update of a short run, of a part of 36."""

WIDEST = 1.0
"""Times the window: as wide as a beam may be."""

LEAST_FRESNEL = (0.4, 1.5)
"""c k^2 at the pupil's rim, below which there is no shadow: along each axis, along one."""

PEAKS = 3
LEAST_STRENGTH = {"alike": 4.4, "astigmatic": 5.0}
"""Of a shadow, where both axes have about one defocus or not: the highest of the some thousand
values of noise is about 4.2, and few of them lie where both axes are alike."""

FAINTER = (1, 3)
"""Neighbours in each direction that are compared; more where these show no clear shadow."""

ASTIGMATIC = 1.35
"""Times the smaller c is the larger one."""

FOCUS_STEP = 1.5
"""Steps across a line focus times the pupil's extent: such a beam is about 1/k wide."""

GRID_RATIO = 1.4
"""Between neighbouring values of a coarse search."""

FINE_STEPS = (0.88, 1.14)
"""Times the best value's c along one axis, in the second round."""


def search(scan: Scan, recipe: Recipe) -> Search:
    """Try what the recipe's kind of start allows.

    Parameters
    ----------
    scan : Scan
    recipe : Recipe
        `start.kind` is auto or pupil, or autocorrelation: nothing is tried then.
    """
    began_s = time.perf_counter()
    kind = recipe.start.kind
    autocorrelation = Candidate(kind="autocorrelation")
    if kind == "autocorrelation":
        return Search(candidates=(autocorrelation,))
    mean_HW = scan.mean_light()
    extent = extent_cycles(mean_HW)
    bounds = defocus_bounds(scan, extent)
    if bounds is None:
        chosen = Candidate(kind="pupil") if kind == "pupil" else autocorrelation
        return Search(candidates=(chosen,), seconds=time.perf_counter() - began_s)
    comparison = _Comparison(scan, recipe, mean_HW)
    beams = [*from_shadows(scan, bounds), *line_foci(scan, bounds, extent)]
    found = comparison.tried(beams or grid(bounds))
    clearest = beams[0] if beams else None
    best = min(found, key=lambda one: handicapped(one, clearest))
    if not comparison.hurried:
        found += comparison.tried(_finer(best, bounds))
    if kind == "auto":
        found += comparison.tried([autocorrelation])
    in_order = ordered(found, clearest)
    return Search(
        candidates=in_order,
        worth=len(distinct(in_order)),
        seconds=time.perf_counter() - began_s,
    )


def defocus_bounds(scan: Scan, extent: tuple[float, float]) -> Bounds | None:
    """Least and largest |c| along y and x; none where no defocus can be told."""
    step_px = neighbour_distance_px(scan.corners_n2.double().cpu().numpy())
    axes = []
    shadows = False
    for k, side in zip(extent, scan.window_HW, strict=True):
        least = max(LEAST_FRESNEL[0] / k**2, step_px / (2 * k))
        largest = WIDEST * side / (2 * k)
        if least >= largest:
            return None
        axes.append((least, largest))
        shadows |= largest * k**2 > LEAST_FRESNEL[1]
    return (axes[0], axes[1]) if shadows else None


def may_be_out_of_focus(scan: Scan) -> bool:
    """Whether patterns are such that the beam could be a pupil out of focus."""
    return defocus_bounds(scan, extent_cycles(scan.mean_light())) is not None


class _Comparison:
    """Short runs on a connected part of a scan."""

    def __init__(self, scan: Scan, recipe: Recipe, mean_HW: Tensor) -> None:
        self._recipe, self._modulus_HW = recipe, pupil_modulus(mean_HW)
        positions_px = scan.corners_n2.double().cpu().numpy()
        views = scan.views_at_once(PART_BYTES * math.prod(scan.window_HW), PART_VIEWS)
        chosen = connected_views(positions_px, views)
        self._part = part_of(scan, chosen)
        per_update = TRIAL_VIEWS * len(chosen) / PART_VIEWS
        least, most = TRIAL_EPOCHS
        allowed = MOST_SHARE * recipe.epochs * len(scan) / (len(chosen) * TRIED)
        self.hurried = allowed < least
        epochs = int(np.clip(allowed, least, most))
        self._trials = ShortRuns(self._part, recipe, epochs, per_update)
        self._light = self._part.light(np.arange(len(chosen), dtype=np.intp)).mean()
        self._object_MYX = object_from_autocorrelation(
            self._part, recipe, np.random.default_rng([recipe.seed, 3])
        )

    def tried(self, candidates: list[Candidate]) -> list[Candidate]:
        """The candidates with their losses, which are read from the device together."""
        if not candidates:
            return []
        losses = torch.stack([self._run(candidate) for candidate in candidates])
        return [
            replace(candidate, loss=loss)
            for candidate, loss in zip(candidates, (losses / self._light).tolist(), strict=True)
        ]

    def _run(self, candidate: Candidate) -> Tensor:
        first_HW = (
            defocused(self._modulus_HW, candidate.defocus_px2)
            if candidate.kind == "pupil"
            else probe_from_autocorrelation(self._part)
        )
        random = np.random.default_rng([self._recipe.seed, 4])
        probe_NHW = with_extra_states(first_HW, self._recipe, random)
        probe_NHW *= amplitude_scale(self._part, self._object_MYX, probe_NHW)
        return self._trials.run(self._object_MYX.clone(), probe_NHW)


def from_shadows(scan: Scan, bounds: Bounds) -> list[Candidate]:
    """Pupils whose defocus the shadows speak for clearly."""
    light_BHW, positions_B2 = _middle_views(scan)
    for each in FAINTER:
        pairs_P2 = neighbour_pairs(positions_B2, each)
        peaks = shadow_peaks(light_BHW, positions_B2, pairs_P2, bounds, PEAKS)
        clear = [p for p in peaks if p.strength >= LEAST_STRENGTH[_form(p.defocus_px2)]]
        if clear:
            break
    return [Candidate(kind="pupil", defocus_px2=peak.defocus_px2) for peak in clear]


def line_foci(scan: Scan, bounds: Bounds, extent: tuple[float, float]) -> list[Candidate]:
    """Pupils in focus along one axis, where steps along it are as small as such a beam."""
    light_BHW, positions_B2 = _middle_views(scan)
    pairs_P2 = neighbour_pairs(positions_B2)
    found = []
    for axis in (0, 1):
        step_px = usual_step(positions_B2, pairs_P2, 1 - axis)
        if step_px * extent[1 - axis] > FOCUS_STEP:
            continue
        peak = line_peak(light_BHW, positions_B2, pairs_P2, bounds[axis], axis)
        if peak is not None and peak.strength >= LEAST_STRENGTH["astigmatic"]:
            found.append(Candidate(kind="pupil", defocus_px2=peak.defocus_px2))
    return found


def _middle_views(scan: Scan) -> tuple[Tensor, NDArray[np.float64]]:
    """Patterns and positions around the middle of the scan."""
    all_px = scan.positions_px()
    pixels = math.prod(scan.window_HW)
    views = int(np.clip(SHADOW_PIXELS // pixels, *SHADOW_VIEWS))
    chosen = connected_views(all_px, scan.views_at_once(SHADOW_BYTES * pixels, views))
    return scan.light(chosen), all_px[chosen]


def _form(defocus_px2: tuple[float, float]) -> str:
    y, x = defocus_px2
    alike = y * x > 0 and max(abs(y), abs(x)) <= ASTIGMATIC * min(abs(y), abs(x))
    return "alike" if alike else "astigmatic"


def grid(bounds: Bounds) -> list[Candidate]:
    """Pupils of both signs over the whole range, alike along both axes."""
    low = max(least for least, _ in bounds)
    high = min(largest for _, largest in bounds)
    if low >= high:
        low, high = high, low
    count = max(2, round(np.log(high / low) / np.log(GRID_RATIO)) + 1)
    values = np.geomspace(low, high, count).tolist()
    return [
        Candidate(kind="pupil", defocus_px2=(sign * c, sign * c))
        for c in values
        for sign in (1, -1)
    ]


def _finer(best: Candidate, bounds: Bounds) -> list[Candidate]:
    """Around the best one, along each axis by itself."""
    y, x = best.defocus_px2
    around = [(y * step, x) for step in FINE_STEPS] + [(y, x * step) for step in FINE_STEPS]
    return [
        Candidate(kind="pupil", defocus_px2=both)
        for both in around
        if both != best.defocus_px2
        and all(
            c == 0 or low <= abs(c) <= high for c, (low, high) in zip(both, bounds, strict=True)
        )
    ]
