"""What difference map and ADMM share: waves of all views, fitted and measured in turn.

Both split ptychography into two constraints: waves are object times probe, and their far
fields have the measured modulus. An epoch fits object and probe to the waves and then brings
every wave towards the measurement, the algorithm's own step.
"""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from exitwave.schema.baselines import AdmmOptions, DifferenceMapOptions
from exitwave.schema.errors import OutOfMemory
from exitwave.schema.recipe import Recipe

from ..forward import waves
from ..forward.propagate import propagate
from ..gauge import pin, scanned_box
from ..loss import pattern_losses
from ..memory import GIGABYTE, WAVES_KEPT
from ..scan import Scan
from ..schedule import Epoch
from ..state import LossTerms
from .iterate import Iterate, refuse_object_states, refuse_parts
from .modulus import power, without_pedestal
from .overlap import Overlap, Views


class Splitting(ABC):
    """An `Algorithm` over waves of all views; `object_MYX` is a running mean of the last ones.

    Parameters
    ----------
    scan : Scan
    recipe : Recipe
    object_MYX, probe_NHW : Tensor, complex
        Where to begin; changed in place.
    options : DifferenceMapOptions or AdmmOptions

    Attributes
    ----------
    waves_VNHW : Tensor
        Of all views of the scan, at the sample.
    multipliers : list of Tensor
        Further ones of that shape, in the far field; as many as the algorithm keeps.

    Raises
    ------
    RecipeError
        The recipe asks for several object states.
    OutOfMemory
        The waves do not fit into memory; the message says how much they need.
    """

    def __init__(
        self,
        scan: Scan,
        recipe: Recipe,
        object_MYX: Tensor,
        probe_NHW: Tensor,
        options: DifferenceMapOptions | AdmmOptions,
    ) -> None:
        refuse_object_states(recipe)
        refuse_parts(recipe)
        self.object_MYX, self.probe_NHW = object_MYX, probe_NHW
        self._scan, self._recipe, self._options = scan, recipe, options
        shape_VNHW = (len(scan), *probe_NHW.shape)
        _check_host_memory(recipe, shape_VNHW, scan.device)
        try:
            kept = [
                probe_NHW.new_zeros(shape_VNHW) for _ in range(WAVES_KEPT[recipe.algorithm])
            ]
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(f"{recipe.algorithm}: waves of all views: {error}") from error
        self.waves_VNHW, *self.multipliers = kept
        self._iterate = Iterate(
            object_MYX.clone(),
            probe_NHW,
            pictures=[object_MYX],
            waves=[self.waves_VNHW],
            far_fields=self.multipliers,
        )
        self._overlap = Overlap(
            scan, self._iterate.object_MYX, probe_NHW, deterministic=recipe.deterministic
        )
        self._seen_V = torch.zeros(len(scan), dtype=torch.bool)
        self._box = scanned_box(
            scan.corners_n2.double().cpu().numpy(), scan.window_HW, scan.object_shape_YX
        )

    @abstractmethod
    def measure(
        self,
        index_B: Tensor,
        exits_BNHW: Tensor,
        far_BNHW: Tensor,
        roots_BHW: Tensor,
        valid: Tensor | None,
    ) -> None:
        """Bring the waves of some views towards their measured modulus.

        Parameters
        ----------
        index_B : Tensor
            Which views.
        exits_BNHW, far_BNHW : Tensor
            Their object times probe, at the sample and in the far field.
        roots_BHW : Tensor
            Roots of their light.
        valid : Tensor of bool, optional
            Their valid pixels, as `Scan.valid` has them.
        """

    def named(self) -> dict[str, Tensor]:
        """Object and probe; they change in place."""
        return waves(self.object_MYX, self.probe_NHW)

    def epoch(self, epoch: Epoch) -> LossTerms:
        """Fit object and probe, measure all waves, pin the gauges."""
        chosen = np.sort(np.concatenate(epoch.batches))
        views = Views(chosen, torch.from_numpy(chosen).to(self._scan.device))
        self._begin_views(views)
        for _ in range(self._options.overlap_fits):
            self._overlap.fit_object(self.waves_VNHW, views, self._options.object_inertia)
            if epoch.number > self._recipe.probe_after:
                self._overlap.fit_probe(self.waves_VNHW, views, self._options.probe_inertia)
        loss = self._measure_all(views)
        share = 1 / min(epoch.number, self._options.average)
        self.object_MYX.lerp_(self._iterate.object_MYX, share)
        pin(self._iterate, self._recipe.gauge, self._box)
        return LossTerms(total=loss, data=loss, prior=0.0)

    def tensors(self) -> dict[str, Tensor]:
        """Object (mean and last one), probe, waves, and which views have one."""
        return {
            "object": self.object_MYX,
            "object_iterate": self._iterate.object_MYX,
            "probe": self.probe_NHW,
            "waves": self.waves_VNHW,
            **{f"multipliers_{i}": kept for i, kept in enumerate(self.multipliers)},
            "seen": self._seen_V,
        }

    def numbers(self) -> dict[str, float]:
        """None beside the tensors."""
        return {}

    def restore_numbers(self, numbers: Mapping[str, float]) -> None:  # noqa: B027  # empty, not abstract
        """Nothing to take back."""

    def _begin_views(self, views: Views) -> None:
        """Views that are fitted for the first time begin with object times probe."""
        unseen = np.setdiff1d(views.chosen, np.flatnonzero(self._seen_V.numpy()))
        fresh = Views(unseen, torch.from_numpy(unseen).to(self._scan.device))
        for part in fresh.parts(self._overlap.chunk):
            self.waves_VNHW[part.index_B] = self._overlap.exit_waves(part)
        self._seen_V[torch.from_numpy(unseen)] = True

    def _measure_all(self, views: Views) -> float:
        """`measure` every view; the mean amplitude loss of object times probe."""
        scan, total = self._scan, self.probe_NHW.real.new_zeros(())
        for batch in scan.feed([views.chosen]):
            for begin in range(0, len(batch), self._overlap.chunk):
                scan.interrupt()
                end = min(begin + self._overlap.chunk, len(batch))
                part = Views(batch.chosen[begin:end], batch.index_B[begin:end])
                valid = scan.valid(part.chosen)
                counts_BHW = batch.counts(begin, end).to(total.dtype)
                exits_BNHW = self._overlap.exit_waves(part)
                far_BNHW = propagate(exits_BNHW)
                total += pattern_losses(
                    power(far_BNHW),
                    counts_BHW,
                    "amplitude",
                    epsilon=scan.epsilon,
                    mask_HW=valid,
                    pixels=scan.valid_pixels,
                    pairs=self.probe_NHW.shape[0],
                ).sum()
                roots_BHW = without_pedestal(scan, counts_BHW).sqrt_()
                self.measure(part.index_B, exits_BNHW, far_BNHW, roots_BHW, valid)
        return float(total) / len(views)


def _check_host_memory(
    recipe: Recipe, shape_VNHW: tuple[int, ...], device: torch.device
) -> None:
    """On a CPU, where memory is promised freely and missed later."""
    if device.type != "cpu":
        return
    needed = 8 * WAVES_KEPT[recipe.algorithm] * math.prod(shape_VNHW)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise OutOfMemory(
            f"{recipe.algorithm}: waves of {shape_VNHW[0]} views need {needed / GIGABYTE:.3g} "
            f"GB; this machine has {there / GIGABYTE:.3g} GB; dap and epie keep no waves"
        )
