"""The whole forward model and data term, plain: the reference for the fused step."""

from __future__ import annotations

from torch import Tensor

from exitwave.schema.recipe import Loss

from .detect import detect
from .illuminate import exit_waves
from .loss import pattern_losses
from .propagate import propagate


def model_counts(
    object_MYX: Tensor,
    probe_NHW: Tensor,
    corners_B2: Tensor,
    *,
    shifts_B2: Tensor | None = None,
    scale_B: Tensor | None = None,
) -> Tensor:
    """Modelled counts (B, H, W), DC at the corner; parameters as in `exit_waves`."""
    waves_BMNHW = exit_waves(
        object_MYX, probe_NHW, corners_B2, shifts_B2=shifts_B2, scale_B=scale_B
    )
    return detect(propagate(waves_BMNHW))


def data_loss(
    object_MYX: Tensor,
    probe_NHW: Tensor,
    corners_B2: Tensor,
    intensities_BHW: Tensor,
    loss: Loss,
    *,
    epsilon: float,
    shifts_B2: Tensor | None = None,
    scale_B: Tensor | None = None,
    mask_HW: Tensor | None = None,
    pixels: int | None = None,
) -> Tensor:
    """Mean of `pattern_losses` over a batch; autograd gives its gradients."""
    model_BHW = model_counts(
        object_MYX, probe_NHW, corners_B2, shifts_B2=shifts_B2, scale_B=scale_B
    )
    pairs = object_MYX.shape[0] * probe_NHW.shape[0]
    losses_B = pattern_losses(
        model_BHW,
        intensities_BHW,
        loss,
        epsilon=epsilon,
        mask_HW=mask_HW,
        pixels=pixels,
        pairs=pairs,
    )
    return losses_B.mean()
