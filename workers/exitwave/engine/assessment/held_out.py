"""Patterns that were left out of the fit say how well it foretells new ones.

A pattern can be spared only where others light the same part of the object: at low overlap
it would leave a hole. What the probe is like shows during the run. So some are left out from
the beginning, and after the first stage those that cannot be spared are given back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.recipe import Loss

from ..data.memory import view_work_bytes
from ..data.scan import Scan
from ..forward import Named, model_counts
from ..loss import pattern_losses
from .coverage import light_of_others, probe_power

SLAB = 16
"""Patterns worked on at a time, or fewer where memory is short."""

OTHERS_LIGHT = 1.5
"""Least light of all other views on a view that is spared, in units of its own."""

FEWEST = 4
"""Fewer patterns than that are not worth a figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How well patterns that no update has seen are modelled.

    Attributes
    ----------
    patterns : int
        How many were left out.
    epoch : int
        After which they were judged.
    amplitude, poisson : float
        Mean losses per pixel; Poisson's is the log likelihood that is missing.
    """

    patterns: int
    epoch: int
    amplitude: float
    poisson: float


def spared(scan: Scan, probe_NHW: Tensor, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of the chosen views that the others make up for; none where they are too few.

    Over a disk of even light each pixel has 2.1 other views at 50 % overlap, 0.4 at 25 %.
    """
    corners_n2 = scan.corners_n2.cpu().numpy()
    others_n = light_of_others(corners_n2, probe_power(probe_NHW), chosen)
    kept = chosen[others_n >= OTHERS_LIGHT]
    return kept if len(kept) >= FEWEST else kept[:0]


def judge(scan: Scan, named: Named, chosen: NDArray[np.intp], epoch: int) -> HeldOut:
    """Losses of the chosen patterns, modelled from the parameters after an epoch."""
    sums: dict[Loss, float] = {"amplitude": 0.0, "poisson": 0.0}
    bytes_per_view = view_work_bytes(scan.window_HW, len(named["object"]), len(named["probe"]))
    slab = scan.views_at_once(bytes_per_view, SLAB)
    for begin in range(0, len(chosen), slab):
        part = chosen[begin : begin + slab]
        index_B = torch.from_numpy(part).to(scan.device)
        model_BHW = model_counts(named, scan.views(index_B))
        counts_BHW = scan.intensities(part)
        for loss in sums:
            losses_B = pattern_losses(
                model_BHW,
                counts_BHW,
                loss,
                epsilon=scan.epsilon,
                mask_HW=scan.valid(part),
                pixels=scan.valid_pixels,
            )
            sums[loss] += float(losses_B.sum())
    return HeldOut(
        patterns=len(chosen),
        epoch=epoch,
        amplitude=sums["amplitude"] / len(chosen),
        poisson=sums["poisson"] / len(chosen),
    )
