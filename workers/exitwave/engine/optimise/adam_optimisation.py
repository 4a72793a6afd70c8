"""Gradient descent with Adam on the data loss and the adaptive total variation.

Wu, Yoo, Chu, Huang, Robinson, Optica 11 (2024), doi 10.1364/OPTICA.522380.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from exitwave.schema.recipe import Recipe, Stage

from ..algorithm import LossTerms
from ..data.scan import Scan, inner_band
from ..forward import fitted_parts
from ..gradients.step import make_step
from ..schedule import Epoch
from .adam import epsilon_for
from .clamp import clamp, clip_modulus
from .discrepancy import Discrepancy
from .gauge import pin, scanned_box_of
from .graphs import recorded
from .parameters import Parameters, part_parameters
from .rates import Plateau, rate_share
from .regularisation import AdaptiveRegularisation, with_dose_ratio
from .update import Update


class AdamOptimisation:
    """Parameters, their moments and the buffers of the steps; an `Algorithm`.

    Parameters
    ----------
    scan : Scan
    recipe : Recipe
    object_MYX, probe_NHW : Tensor, complex
        Where to begin; changed in place.
    """

    def __init__(
        self, scan: Scan, recipe: Recipe, object_MYX: Tensor, probe_NHW: Tensor
    ) -> None:
        self.object_MYX, self.probe_NHW = object_MYX, probe_NHW
        self._scan, self._recipe = scan, recipe
        epsilon = epsilon_for(scan.mean_count, len(scan))
        parts = part_parameters(scan, recipe, object_MYX)
        self.parameters = Parameters.of_waves(
            object_MYX, probe_NHW, recipe.adam, epsilon, parts
        )
        self._box = scanned_box_of(scan)
        self._discrepancy = Discrepancy(
            scan, recipe.regularisation.least_misfit, len(recipe.plan)
        )
        self._fit(recipe.stages[0])
        self._object_plateau, self._probe_plateau = Plateau(), Plateau()

    def epoch(self, epoch: Epoch) -> LossTerms:
        """All updates of an epoch, then gauges and clamps."""
        stage = epoch.stage
        if _fit_of(stage) != self._fitted:
            self._fit(stage)
        if epoch.begins_stage:
            self._begin_stage(epoch)
        update = self._update
        update.begin_epoch(self._rates(epoch))
        for batch in self._scan.feed(epoch.batches):
            self._run_update(batch, stage.loss, epoch.factor)
        frames = sum(len(chosen) for chosen in epoch.batches)
        data = float(update.loss_sum) / frames * self._share
        regularisation = 0.0
        if self._adaptive is not None:
            regularisation = float(update.gamma * self._adaptive.value()) * self._share
        for plateau in (self._object_plateau, self._probe_plateau):
            plateau.hear(data + regularisation, stage)
        # Clamps come last: gauges turn and scale the object.
        self.parameters.pin_parts()
        pin(self.parameters, self._recipe.gauge, self._box)
        clamp(self.parameters, self._recipe.clamp, self._box)
        if self._adaptive is not None and self._discrepancy.look(epoch, self.named()):
            self._adaptive.strengthen(self._discrepancy.factor)
        return LossTerms(total=data + regularisation, data=data, regularisation=regularisation)

    def named(self) -> dict[str, Tensor]:
        """The parameters by name; they change in place."""
        return self.parameters.named()

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and their moments."""
        return self.parameters.tensors()

    def _rates(self, epoch: Epoch) -> dict[str, float]:
        """Of all parameters that move in this epoch."""
        stage = epoch.stage
        object_rate = stage.object_rate * rate_share(
            stage.object_schedule, epoch.decay, self._object_plateau
        )
        probe_rate = stage.probe_rate * rate_share(
            stage.probe_schedule, epoch.decay, self._probe_plateau
        )
        if epoch.number <= self._recipe.probe_update_start:
            probe_rate = 0.0
        rates = {"object": object_rate, "probe": probe_rate}
        stages = len(self._recipe.plan)
        now = "last" if epoch.stage_number == stages else "before"
        for part in fitted_parts(self._recipe):
            if part.fitted and (stages == 1 or part.fitted.when == now):
                rates[part.name] = epoch.decay * getattr(self._recipe, part.name).rate
        return rates

    def numbers(self) -> dict[str, float]:
        """What the plateau schedules have heard."""
        return {
            f"{name}_{key}": value
            for name, plateau in self._plateaus().items()
            for key, value in plateau.numbers().items()
        } | self._discrepancy.numbers()

    def restore_numbers(self, numbers: Mapping[str, float]) -> None:
        """Take back what `numbers` gave."""
        for name, plateau in self._plateaus().items():
            plateau.restore({key: numbers[f"{name}_{key}"] for key in plateau.numbers()})
        self._discrepancy.restore(numbers)
        if self._adaptive is not None:
            self._adaptive.strengthen(self._discrepancy.factor)

    def _plateaus(self) -> dict[str, Plateau]:
        return {"object": self._object_plateau, "probe": self._probe_plateau}

    def _fit(self, stage: Stage) -> None:
        """Make the updates that fit a stage's share of the patterns over its background."""
        self._fitted = _fit_of(stage)
        scan = replace(
            inner_band(self._scan, stage.frequency_band), background=stage.background
        )
        # Losses are told per pixel of the whole pattern.
        self._share = scan.valid_pixels / self._scan.valid_pixels
        step = make_step(
            scan,
            self.named(),
            [stage.loss for stage in self._recipe.stages],
            deterministic=self._recipe.deterministic,
        )
        self._adaptive = None
        options = self._recipe.regularisation
        if options.balance != "off" and options.ratio > 0:
            options = with_dose_ratio(options, self._dose_ph(stage.frequency_band))
            whole_from = stage.full_regularisation_from * len(self._scan)
            self._adaptive = AdaptiveRegularisation(options, self.object_MYX, whole_from)
            self._adaptive.strengthen(self._discrepancy.factor)
        self._update = Update(step, self.parameters, self._adaptive)
        self._run_update = recorded(self._update, step, scan)

    def _dose_ph(self, band: float) -> float:
        """Photons per object pixel that is resolved with a band; endless without noise."""
        if not self._scan.counted:
            return math.inf
        y0, y1, x0, x1 = self._box
        photons = self._scan.mean_count * self._scan.valid_pixels * len(self._scan)
        return photons / ((y1 - y0) * (x1 - x0) * band**2)

    def _begin_stage(self, epoch: Epoch) -> None:
        for plateau in self._plateaus().values():
            plateau.begin_stage()
        if epoch.stage.object_clip > 0:
            clip_modulus(self.object_MYX, epoch.stage.object_clip)
        if epoch.stage.reset_moments:
            self.forget()

    def forget(self) -> None:
        """Moments back to zero."""
        self.parameters.forget()


def _fit_of(stage: Stage) -> tuple[float, float, float]:
    """What updates are made for."""
    return stage.frequency_band, stage.background, stage.full_regularisation_from
