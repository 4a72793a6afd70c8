"""Patterns that were left out of the fit say how well it foretells new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.recipe import Loss

from .forward import model_counts
from .loss import pattern_losses
from .scan import Scan

SLAB = 16
"""Patterns worked on at a time."""

_PREFIX = "held_out_"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How well patterns that no update has seen are modelled.

    Attributes
    ----------
    patterns : int
        How many were left out.
    epoch : int
        After which they were judged; later epochs may fit them, too.
    amplitude, poisson : float
        Mean losses per pixel; Poisson's is the log likelihood that is missing.
    """

    patterns: int
    epoch: int
    amplitude: float
    poisson: float

    def numbers(self) -> dict[str, float]:
        """Plain numbers, for a checkpoint."""
        return {f"{_PREFIX}{name}": float(value) for name, value in asdict(self).items()}

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, float]) -> HeldOut | None:
        """What `numbers` gave; None where a run had not judged yet."""
        if f"{_PREFIX}epoch" not in numbers:
            return None
        return cls(
            patterns=int(numbers[f"{_PREFIX}patterns"]),
            epoch=int(numbers[f"{_PREFIX}epoch"]),
            amplitude=numbers[f"{_PREFIX}amplitude"],
            poisson=numbers[f"{_PREFIX}poisson"],
        )


def judge(
    scan: Scan, object_MYX: Tensor, probe_NHW: Tensor, chosen: NDArray[np.intp], epoch: int
) -> HeldOut:
    """Losses of the chosen patterns, modelled from object and probe after an epoch."""
    sums: dict[Loss, float] = {"amplitude": 0.0, "poisson": 0.0}
    for begin in range(0, len(chosen), SLAB):
        part = chosen[begin : begin + SLAB]
        index_B = torch.from_numpy(part).to(scan.device)
        model_BHW = model_counts(
            object_MYX,
            probe_NHW,
            scan.corners_n2[index_B],
            shifts_B2=None if scan.shifts_n2 is None else scan.shifts_n2[index_B],
            scale_B=None if scan.scale_n is None else scan.scale_n[index_B],
        )
        counts_BHW = scan.intensities(part)
        for loss in sums:
            losses_B = pattern_losses(
                model_BHW, counts_BHW, loss, epsilon=scan.epsilon, mask_HW=scan.mask_HW
            )
            sums[loss] += float(losses_B.sum())
    return HeldOut(
        patterns=len(chosen),
        epoch=epoch,
        amplitude=sums["amplitude"] / len(chosen),
        poisson=sums["poisson"] / len(chosen),
    )
