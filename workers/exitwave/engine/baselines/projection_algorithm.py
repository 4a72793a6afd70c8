"""What difference map and ADMM share: waves of all views, fitted and measured in turn.

Both split ptychography into two constraints: waves are object times probe, and their far
fields have the measured modulus. An epoch fits object and probe to the waves and then brings
every wave towards the measurement, the algorithm's own step.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from exitwave.schema.baselines import ProjectionOptions
from exitwave.schema.errors import OutOfMemory
from exitwave.schema.recipe import Recipe

from ..algorithm import LossTerms
from ..data.memory import GIGABYTE, host_memory_bytes
from ..data.scan import Scan
from ..forward import waves
from ..forward.propagate import propagate
from ..loss import pattern_losses
from ..optimise.gauge import pin, scanned_box_of
from ..schedule import Epoch
from .modulus import power, without_pedestal
from .overlap_projection import OverlapProjection, ViewSelection
from .variables import VariablesWithoutMoments, refuse_object_states, refuse_parts


class ProjectionAlgorithm(ABC):
    """An `Algorithm` over waves of all views; `object_MYX` is a running mean of the last ones.

    Parameters
    ----------
    scan : Scan
    recipe : Recipe
    object_MYX, probe_NHW : Tensor, complex
        Where to begin; changed in place.
    options : ProjectionOptions

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
        options: ProjectionOptions,
    ) -> None:
        refuse_object_states(recipe)
        refuse_parts(recipe)
        self.object_MYX, self.probe_NHW = object_MYX, probe_NHW
        self._scan, self._recipe, self._options = scan, recipe, options
        shape_VNHW = (len(scan), *probe_NHW.shape)
        _check_host_memory(recipe.algorithm, options.waves_kept, shape_VNHW, scan.device)
        try:
            kept = [probe_NHW.new_zeros(shape_VNHW) for _ in range(options.waves_kept)]
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(f"{recipe.algorithm}: waves of all views: {error}") from error
        self.waves_VNHW, *self.multipliers = kept
        self._variables = VariablesWithoutMoments(
            object_MYX.clone(),
            probe_NHW,
            pictures=[object_MYX],
            waves=[self.waves_VNHW],
            far_fields=self.multipliers,
        )
        self._projection = OverlapProjection(
            scan, self._variables.object_MYX, probe_NHW, deterministic=recipe.deterministic
        )
        self._seen_V = torch.zeros(len(scan), dtype=torch.bool)
        self._box = scanned_box_of(scan)

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
        views = ViewSelection(chosen, torch.from_numpy(chosen).to(self._scan.device))
        self._begin_views(views)
        for _ in range(self._options.overlap_fits):
            self._projection.fit_object(
                self.waves_VNHW, views, self._options.object_regularisation
            )
            if epoch.number > self._recipe.probe_update_start:
                self._projection.fit_probe(
                    self.waves_VNHW, views, self._options.probe_regularisation
                )
        loss = self._measure_all(views)
        share = 1 / min(epoch.number, self._options.averaging_window)
        self.object_MYX.lerp_(self._variables.object_MYX, share)
        pin(self._variables, self._recipe.gauge, self._box)
        return LossTerms(total=loss, data=loss, regularisation=0.0)

    def tensors(self) -> dict[str, Tensor]:
        """Object (mean and last one), probe, waves, and which views have one."""
        return {
            "object": self.object_MYX,
            "object_iterate": self._variables.object_MYX,
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

    def _begin_views(self, views: ViewSelection) -> None:
        """ViewSelection that are fitted for the first time begin with object times probe."""
        unseen = np.setdiff1d(views.chosen, np.flatnonzero(self._seen_V.numpy()))
        fresh = ViewSelection(unseen, torch.from_numpy(unseen).to(self._scan.device))
        for part in fresh.parts(self._projection.chunk):
            self.waves_VNHW[part.index_B] = self._projection.exit_waves(part)
        self._seen_V[torch.from_numpy(unseen)] = True

    def _measure_all(self, views: ViewSelection) -> float:
        """`measure` every view; the mean amplitude loss of object times probe."""
        scan, total = self._scan, self.probe_NHW.real.new_zeros(())
        for batch in scan.feed([views.chosen]):
            for begin in range(0, len(batch), self._projection.chunk):
                scan.interrupt()
                end = min(begin + self._projection.chunk, len(batch))
                part = ViewSelection(batch.chosen[begin:end], batch.index_B[begin:end])
                valid = scan.valid(part.chosen)
                counts_BHW = batch.counts(begin, end).to(total.dtype)
                exits_BNHW = self._projection.exit_waves(part)
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
    algorithm: str, waves_kept: int, shape_VNHW: tuple[int, ...], device: torch.device
) -> None:
    """On a CPU, where memory is promised freely and missed later."""
    if device.type != "cpu":
        return
    needed = 8 * waves_kept * math.prod(shape_VNHW)
    there = host_memory_bytes()
    if needed > there:
        raise OutOfMemory(
            f"{algorithm}: waves of {shape_VNHW[0]} views need {needed / GIGABYTE:.3g} "
            f"GB; this machine has {there / GIGABYTE:.3g} GB; dap and epie keep no waves"
        )
