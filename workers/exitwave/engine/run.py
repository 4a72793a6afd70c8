"""The generator that runs a recipe over a dataset."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from exitwave.schema.errors import Diverged
from exitwave.schema.recipe import Prior, Recipe

from .dataset import Dataset
from .fused import FusedStep
from .gauge import Variables, pin, scanned_box
from .prior import TotalVariation, balanced_weight, total_variation
from .scan import choose_device, load
from .schedule import Epoch, epochs
from .start import StartingPoint, begin
from .state import EpochState, LossTerms


def reconstruct(
    dataset: Dataset,
    recipe: Recipe,
    start: StartingPoint | None = None,
    *,
    device: str = "auto",
) -> Iterator[EpochState]:
    """Reconstruct object and probe; yields a state after each epoch.

    To cancel, stop iterating. Equal inputs give bitwise equal numbers on a CPU with the
    same number of threads.

    Parameters
    ----------
    dataset : Dataset
    recipe : Recipe
    start : StartingPoint, optional
        A probe or an object to begin with, in place of the autocorrelation's.
    device : str
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.

    Yields
    ------
    EpochState

    Raises
    ------
    DataError
        The frames cannot be used, or `start` has the wrong shape.
    EngineError
        There is no such device.
    Diverged
        The loss is no longer finite; the message names the epoch.
    """
    scan = load(dataset, recipe.subpixel, choose_device(device))
    with torch.no_grad():
        object_MYX, probe_NHW = begin(scan, recipe, start)
        run = _Run(
            FusedStep(scan, object_MYX, probe_NHW),
            Variables(object_MYX, probe_NHW, beta1=recipe.adam.beta1, beta2=recipe.adam.beta2),
            recipe.prior,
        )
    box = scanned_box(dataset.positions_px, scan.window_HW, scan.object_shape_YX)
    for epoch in epochs(recipe, len(scan)):
        began_s = time.perf_counter()
        with torch.no_grad():
            loss = run.epoch(epoch)
            pin(run.variables, recipe.gauge, box)
            object_copy_MYX, probe_copy_NHW = object_MYX.clone(), probe_NHW.clone()
        yield EpochState(
            epoch=epoch.number,
            epochs=recipe.epochs,
            stage=epoch.stage_number,
            loss=loss,
            seconds=time.perf_counter() - began_s,
            batch=len(epoch.batches[0]),
            positions_px=dataset.positions_px.copy(),
            object_on_device_MYX=object_copy_MYX,
            probe_on_device_NHW=probe_copy_NHW,
        )


class _Run:
    """Variables, their moments and the buffers of the steps."""

    def __init__(self, step: FusedStep, variables: Variables, prior: Prior) -> None:
        self._step, self.variables, self._prior = step, variables, prior
        self._variation = None
        if prior.balance == "gradient" and prior.ratio > 0:
            self._variation = TotalVariation(variables.object_MYX, p=prior.p, q=prior.q)

    def epoch(self, epoch: Epoch) -> LossTerms:
        """All updates of an epoch."""
        variables, stage = self.variables, epoch.stage
        if epoch.begins_stage:
            self._begin_stage(epoch)
        object_rate = stage.object_rate * epoch.decay
        mean_modulus = float(variables.probe_NHW.abs().mean())
        probe_rate = stage.probe_rate * epoch.decay * mean_modulus
        weight = torch.zeros((), device=variables.object_MYX.device)
        sums: list[Tensor] = []
        for chosen in epoch.batches:
            sums.append(self._step.run(chosen, stage.loss, epoch.factor))
            weight = self._add_prior(self._step.object_gradient_MYX)
            variables.object_adam.step(self._step.object_gradient_MYX, object_rate)
            if probe_rate > 0:
                variables.probe_adam.step(self._step.probe_gradient_NHW, probe_rate)
        frames = sum(len(chosen) for chosen in epoch.batches)
        data = float(torch.stack(sums).sum()) / frames
        variation = total_variation(variables.object_MYX, p=self._prior.p, q=self._prior.q)
        prior = float(weight) * float(variation)
        if not math.isfinite(data + prior):
            raise Diverged(
                f"epoch {epoch.number}: loss is {data + prior}; lower the rates of stage "
                f"{epoch.stage_number} or check the frames"
            )
        return LossTerms(total=data + prior, data=data, prior=prior)

    def _begin_stage(self, epoch: Epoch) -> None:
        variables, stage = self.variables, epoch.stage
        if stage.object_clip > 0:
            modulus = variables.object_MYX.abs().clamp_min(stage.object_clip)
            variables.object_MYX.mul_(stage.object_clip / modulus)
        if stage.fresh_moments:
            variables.object_adam.forget()
            variables.probe_adam.forget()

    def _add_prior(self, gradient_MYX: Tensor) -> Tensor:
        """Add the balanced prior's gradient; returns its weight gamma, 0-dim."""
        if self._variation is None:
            return torch.zeros((), device=gradient_MYX.device)
        planes = self._variation.gradient(self.variables.object_MYX)
        weight = balanced_weight(gradient_MYX, planes, self._prior.ratio)
        parts = torch.view_as_real(gradient_MYX)
        for part in (0, 1):
            parts[..., part].addcmul_(planes[part], weight)
        return weight
