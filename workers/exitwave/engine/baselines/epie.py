"""ePIE, the extended ptychographical iterative engine.

Maiden & Rodenburg, Ultramicroscopy 109, 1256 (2009), doi 10.1016/j.ultramic.2009.05.012;
with several probe states as Thibault & Menzel, Nature 494, 68 (2013),
doi 10.1038/nature11806.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from exitwave.schema.recipe import Recipe

from ..algorithm import LossTerms
from ..data.feed import Batch
from ..data.scan import Scan
from ..forward import waves
from ..forward.propagate import propagate, propagate_back
from ..loss import pattern_losses
from ..optimise.clamp import clip_modulus
from ..optimise.gauge import pin, scanned_box_of
from ..schedule import Epoch
from .modulus import gain, power, without_pedestal
from .subpixel import SubpixelShift
from .variables import VariablesWithoutMoments, refuse_object_states, refuse_parts

SLAB = 64
"""Patterns fetched together; updates are one pattern at a time all the same."""

SETTLES_AT = 0.75
"""Share of the epochs after which the steps decay."""


class Epie:
    """An `Algorithm`: one view after the other, in random order.

    With d = Pi_F(psi) - psi, the change that the measured modulus asks of the exit wave
    psi = P O, and n the probe's states (eqs. 5 and 6):

        O += alpha sum_n P_n* d_n / max(sum_n |P_n|^2)
        P_n += beta O* d_n / max |O|^2

    where both right-hand sides are those before the update.

    Parameters
    ----------
    scan : Scan
    recipe : Recipe
    object_MYX, probe_NHW : Tensor, complex
        Where to begin; changed in place.

    Raises
    ------
    RecipeError
        The recipe asks for several object states.
    """

    def __init__(
        self, scan: Scan, recipe: Recipe, object_MYX: Tensor, probe_NHW: Tensor
    ) -> None:
        refuse_object_states(recipe)
        refuse_parts(recipe)
        self.object_MYX, self.probe_NHW = object_MYX, probe_NHW
        self._scan, self._recipe, self._options = scan, recipe, recipe.epie
        self._variables = VariablesWithoutMoments(object_MYX, probe_NHW)
        self._shift = SubpixelShift(scan, probe_NHW.dtype)
        height, width = scan.window_HW
        self._views = [
            object_MYX[0, y : y + height, x : x + width] for y, x in scan.corners_n2.tolist()
        ]
        self._slab = scan.views_at_once(5 * 4 * height * width, SLAB)
        self._models = probe_NHW.real.new_empty((self._slab, height, width))
        self._box = scanned_box_of(scan)

    def named(self) -> dict[str, Tensor]:
        """Object and probe; they change in place."""
        return waves(self.object_MYX, self.probe_NHW)

    def epoch(self, epoch: Epoch) -> LossTerms:
        """Visit every view once, then pin the gauges and clip the object."""
        done = epoch.number / self._options.epochs
        share = self._options.step_decay ** max(0.0, (done - SETTLES_AT) / (1 - SETTLES_AT))
        moves = epoch.number > self._recipe.probe_update_start
        steps = (share * self._options.object_step, share * self._options.probe_step * moves)
        order = np.concatenate(epoch.batches)
        slabs = np.array_split(order, math.ceil(len(order) / self._slab))
        sums = [self._visit(batch, steps) for batch in self._scan.feed(slabs)]
        pin(self._variables, self._recipe.gauge, self._box)
        if self._options.object_clip > 0:
            clip_modulus(self.object_MYX, self._options.object_clip)
        loss = float(torch.stack(sums).sum()) / len(order)
        return LossTerms(total=loss, data=loss, regularisation=0.0)

    def tensors(self) -> dict[str, Tensor]:
        """Object and probe."""
        return {"object": self.object_MYX, "probe": self.probe_NHW}

    def numbers(self) -> dict[str, float]:
        """None."""
        return {}

    def restore_numbers(self, numbers: Mapping[str, float]) -> None:
        """Nothing to take back."""

    def _visit(self, batch: Batch, steps: tuple[float, float]) -> Tensor:
        """Visit some views one by one; the sum of their losses as they were met."""
        scan, count = self._scan, len(batch)
        counts_BHW = batch.counts(0, count).to(self._models.dtype)
        if scan.scale_n is not None:
            # A view in s times the light is one of unit light with 1 / s of the counts.
            counts_BHW.div_(scan.scale_n[batch.index_B][:, None, None])
        roots_BHW = without_pedestal(scan, counts_BHW.clone()).sqrt_()
        for i, view in enumerate(batch.chosen.tolist()):
            valid = scan.valid(batch.chosen[i : i + 1])
            self._update(view, batch.index_B[i : i + 1], roots_BHW[i : i + 1], i, steps, valid)
        losses_B = pattern_losses(
            self._models[:count],
            counts_BHW,
            "amplitude",
            epsilon=scan.epsilon,
            mask_HW=scan.valid(batch.chosen),
            pixels=scan.valid_pixels,
            pairs=self.probe_NHW.shape[0],
        )
        if scan.scale_n is not None:
            losses_B = losses_B * scan.scale_n[batch.index_B]
        return losses_B.sum()

    def _update(
        self,
        view: int,
        index_1: Tensor,
        roots_1HW: Tensor,
        i: int,
        steps: tuple[float, float],
        valid: Tensor | None,
    ) -> None:
        """Object and probe after a view, the i-th of a slab."""
        object_HW = self._views[view]
        probes_1NHW = self._shift.to_views(self.probe_NHW, index_1)
        far_1NHW = propagate(probes_1NHW * object_HW)
        model_1HW = self._models[i : i + 1]
        torch.sum(far_1NHW.real.square() + far_1NHW.imag.square(), 1, out=model_1HW)
        gain_1HW = gain(model_1HW, roots_1HW, valid)
        change_1NHW = propagate_back(far_1NHW.mul_(gain_1HW.sub_(1)[:, None]))
        for_object_HW = (probes_1NHW.conj() * change_1NHW).sum((0, 1))
        object_step = steps[0] / power(probes_1NHW).max()
        if steps[1] > 0:
            probe_step = steps[1] / (object_HW.real.square() + object_HW.imag.square()).max()
            for_probe_NHW = self._shift.from_views(change_1NHW.mul_(object_HW.conj()), index_1)
            self.probe_NHW.add_(for_probe_NHW.mul_(probe_step))
        object_HW.add_(for_object_HW.mul_(object_step))
