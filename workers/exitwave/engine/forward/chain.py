"""The forward model: its parts in order, and what they make of the parameters.

The reference for the fused step and the kernels. A new part is a file in this package, one
line in `PARTS` and a section in the recipe.
"""

from __future__ import annotations

from torch import Tensor

from exitwave.schema.recipe import Loss, Recipe

from ..loss import pattern_losses
from .background import BACKGROUND
from .detect import DETECT
from .illuminate import ILLUMINATE
from .intensity import INTENSITY
from .light import ForwardPart, Light, Named, Views
from .propagate import PROPAGATE

PARTS: tuple[ForwardPart, ...] = (INTENSITY, ILLUMINATE, PROPAGATE, DETECT, BACKGROUND)
"""In the light's order."""


def fitted_parts(recipe: Recipe) -> list[ForwardPart]:
    """The parts beside those of every model that a recipe asks for."""
    return [part for part in PARTS if part.fitted and getattr(recipe, part.name).fit]


def pass_through(named: Named, views: Views, *, until: str | None = None) -> Light:
    """The light of some views behind the last part, or behind that of a name.

    A part that fits something takes part where its parameter is among the named ones.
    """
    light = Light(views=views)
    for part in PARTS:
        if part.fitted is None or part.name in named:
            light = part.apply(light, named)
        if part.name == until:
            break
    return light


def far_field(named: Named, views: Views) -> Tensor:
    """Waves (B, M, N, H, W) on the detector, DC at the corner."""
    return pass_through(named, views, until=PROPAGATE.name).wave()


def model_counts(named: Named, views: Views) -> Tensor:
    """Modelled counts (B, H, W), DC at the corner."""
    return pass_through(named, views).counts()


def batch_loss(
    named: Named,
    views: Views,
    intensities_BHW: Tensor,
    loss: Loss,
    *,
    epsilon: float,
    mask_HW: Tensor | None = None,
    pixels: int | None = None,
) -> Tensor:
    """Mean of `pattern_losses` over a batch; autograd gives its gradients."""
    losses_B = pattern_losses(
        model_counts(named, views),
        intensities_BHW,
        loss,
        epsilon=epsilon,
        mask_HW=mask_HW,
        pixels=pixels,
        pairs=named["object"].shape[0] * named["probe"].shape[0],
    )
    return losses_B.mean()
