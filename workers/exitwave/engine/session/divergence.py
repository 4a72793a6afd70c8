"""Telling a run that has gone wrong from one that is merely bad."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from exitwave.schema.errors import Diverged
from exitwave.schema.recipe import Recipe

from ..algorithm import Algorithm, LossTerms
from ..data.scan import Scan
from ..loss import LOSSES
from ..schedule import Epoch


def check_progress(
    algorithm: Algorithm, recipe: Recipe, scan: Scan, epoch: Epoch, loss: LossTerms
) -> None:
    """Raise when an epoch has left no picture to go on with.

    Raises
    ------
    Diverged
        Loss or a parameter is not finite, or the loss is worse than that of no light at
        all. The message names the epoch and what to change.
    """
    kind = epoch.stage.loss
    pairs = algorithm.object_MYX.shape[0] * algorithm.probe_NHW.shape[0]
    # A stage's background is modelled light, too, and may be more than what was measured.
    worst = LOSSES[kind].worst * (scan.mean_count + epoch.stage.background) / pairs
    sums = [_sum(values) for values in algorithm.named().values()]
    if not math.isfinite(loss.total) or not math.isfinite(float(sum(sums))):
        found = f"loss is {loss.total:.4g}, or {' or '.join(algorithm.named())} not finite"
    elif loss.data / epoch.factor > worst:
        found = (
            f"{kind} loss is {loss.data / epoch.factor:.4g}, worse than with no light at all"
        )
    else:
        return
    raise Diverged(
        f"epoch {epoch.number}: {found}; {_remedy(recipe, epoch)}, or check frames and "
        "positions"
    )


def _remedy(recipe: Recipe, epoch: Epoch) -> str:
    if (options := recipe.baseline) is not None:
        return options.remedy
    return f"lower object_rate or probe_rate of stage {epoch.stage_number}"


def _sum(values: Tensor) -> Tensor:
    return torch.view_as_real(values).sum() if values.is_complex() else values.sum()
