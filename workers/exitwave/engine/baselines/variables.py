"""Object and probe of an iteration, and what follows when their gauge is pinned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from exitwave.schema.errors import RecipeError
from exitwave.schema.recipe import Recipe

from ..forward import fitted_parts
from ..forward.illuminate import shift_ramps
from ..optimise.parameters import unit

SLAB = 16
"""Waves rolled at a time, so that no second copy of all of them is made."""


class VariablesWithoutMoments:
    """A `Gauged` object and probe without moments; all change in place only.

    Turning or scaling object against probe leaves every exit wave as it is; rolling both
    rolls the waves.

    Parameters
    ----------
    object_MYX, probe_NHW : Tensor, complex
    pictures : sequence of Tensor
        Averages of the object.
    waves : sequence of Tensor (V, N, H, W)
        Of all views, at the sample.
    far_fields : sequence of Tensor (V, N, H, W)
        Likewise in the far field, where a roll is a phase ramp.
    """

    def __init__(
        self,
        object_MYX: Tensor,
        probe_NHW: Tensor,
        *,
        pictures: Sequence[Tensor] = (),
        waves: Sequence[Tensor] = (),
        far_fields: Sequence[Tensor] = (),
    ) -> None:
        self.object_MYX, self.probe_NHW = object_MYX, probe_NHW
        self._pictures = (object_MYX, *pictures)
        self._waves, self._far_fields = waves, far_fields

    def roll(self, shift_YX: tuple[int, int]) -> None:
        """Move object, probe and waves by whole pixels."""
        for picture in (*self._pictures, self.probe_NHW):
            picture.copy_(torch.roll(picture, shift_YX, dims=(-2, -1)))
        for waves_VNHW in self._waves:
            for part in torch.split(waves_VNHW, SLAB):
                part.copy_(torch.roll(part, shift_YX, dims=(-2, -1)))
        for far_VNHW in self._far_fields:
            height, width = far_VNHW.shape[-2:]
            shift_12 = torch.tensor([shift_YX], dtype=torch.float64, device=far_VNHW.device)
            ramp_1H, ramp_1W = shift_ramps(shift_12, (height, width))
            far_VNHW.mul_((ramp_1H[0, :, None] * ramp_1W[0]).to(far_VNHW.dtype))

    def turn(self, angle_rad: float) -> None:
        """Turn the object's phase, and the probe's back."""
        for picture in self._pictures:
            picture.mul_(unit(angle_rad))
        self.probe_NHW.mul_(unit(-angle_rad))

    def rescale(self, factor: float) -> None:
        """Multiply the object, divide the probe."""
        for picture in self._pictures:
            picture.mul_(factor)
        self.probe_NHW.div_(factor)


def refuse_parts(recipe: Recipe) -> None:
    """Baselines know the plain forward model.

    Raises
    ------
    RecipeError
        The recipe has more.
    """
    for part in fitted_parts(recipe):
        raise RecipeError(
            f"recipe.{part.name}.fit",
            True,
            f"false: algorithm {recipe.algorithm} knows object and probe; dap knows more",
        )


def refuse_object_states(recipe: Recipe) -> None:
    """Baselines know one object state.

    Raises
    ------
    RecipeError
        The recipe has more.
    """
    if recipe.object_states != 1:
        raise RecipeError(
            "recipe.object_states",
            recipe.object_states,
            f"1: algorithm {recipe.algorithm} knows one object state; dap knows more",
        )
