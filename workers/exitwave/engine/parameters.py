"""What a run fits: named parameters, each with its optimiser and what a gauge does to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from exitwave.schema.recipe import Adam as AdamOptions
from exitwave.schema.recipe import Recipe

from .adam import EPSILON, Adam
from .forward import Change, Fitted, fitted_parts
from .scan import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderGauge:
    """What the gauges do to a parameter (docs/method.md, eq. 19).

    Attributes
    ----------
    rolls : bool
        It moves with the probe's centre.
    turns : int
        Times the angle of a turn.
    scales : int
        1 is multiplied, -1 is divided by the factor.
    """

    rolls: bool = False
    turns: int = 0
    scales: int = 0


OBJECT = UnderGauge(rolls=True, turns=1, scales=1)
PROBE = UnderGauge(rolls=True, turns=-1, scales=-1)
STILL = UnderGauge()


class Parameter:
    """One tensor that a run fits; it changes in place only.

    Parameters
    ----------
    values : Tensor
    adam : Adam
        Its moments.
    gauge : UnderGauge
    fitted, options : optional
        Of a part of the forward model: what it does to gradients, and its recipe's section.
    rate_unit : float, optional
        Of its rates; none = its mean modulus.
    """

    def __init__(
        self,
        values: Tensor,
        adam: Adam,
        gauge: UnderGauge,
        fitted: Fitted | None = None,
        options: Any = None,
        rate_unit: float | None = 1.0,
    ) -> None:
        self.values, self.adam, self.gauge = values, adam, gauge
        self.fitted, self.options, self.rate_unit = fitted, options, rate_unit

    def step(self, gradient: Tensor, rate: Tensor, index_B: Tensor, weight: float) -> None:
        """One update along the data's gradient and what the part adds to it."""
        fitted = self.fitted
        if fitted is not None and fitted.prepare is not None:
            fitted.prepare(
                Change(
                    values=self.values,
                    gradient=gradient,
                    index_B=index_B,
                    weight=weight,
                    options=self.options,
                )
            )
        self.adam.step(gradient, rate)
        if fitted is not None:
            self.values.clamp_min_(fitted.least)

    def unit(self) -> Tensor:
        """Of its rates, 0-dim."""
        if self.rate_unit is None:
            return self.values.abs().mean()
        return self.values.real.new_tensor(self.rate_unit)

    def roll(self, shift_YX: tuple[int, int]) -> None:
        """Move it and its moments by whole pixels."""
        if self.gauge.rolls:
            self.values.copy_(torch.roll(self.values, shift_YX, dims=(-2, -1)))
            self.adam.roll(shift_YX)

    def turn(self, angle_rad: float) -> None:
        """Turn its phase."""
        if self.gauge.turns:
            angle_rad *= self.gauge.turns
            self.values.mul_(unit(angle_rad))
            self.adam.rotate(angle_rad)

    def rescale(self, factor: float) -> None:
        """Multiply or divide it."""
        if self.gauge.scales == 1:
            self.values.mul_(factor)
            self.adam.scale(factor)
        elif self.gauge.scales == -1:
            self.values.div_(factor)
            self.adam.scale(1 / factor)


class Parameters(Mapping[str, Parameter]):
    """All that a run fits, by name and in order: object, probe, and what parts add."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = dict(parameters)
        self.object_MYX, self.probe_NHW = self["object"].values, self["probe"].values

    @classmethod
    def of_waves(
        cls,
        object_MYX: Tensor,
        probe_NHW: Tensor,
        options: AdamOptions,
        epsilon: float = EPSILON,
    ) -> Parameters:
        """Object and probe alone."""
        adams = (_adam(values, options, epsilon) for values in (object_MYX, probe_NHW))
        return cls(
            {
                "object": Parameter(object_MYX, next(adams), OBJECT),
                "probe": Parameter(probe_NHW, next(adams), PROBE, rate_unit=None),
            }
        )

    @classmethod
    def of_recipe(
        cls, scan: Scan, recipe: Recipe, object_MYX: Tensor, probe_NHW: Tensor, epsilon: float
    ) -> Parameters:
        """Object, probe and those of the parts that the recipe asks for."""
        parameters = dict(cls.of_waves(object_MYX, probe_NHW, recipe.adam, epsilon))
        for part in fitted_parts(recipe):
            fitted = part.fitted
            if fitted is None:
                continue
            rate_unit = scan.mean_count if fitted.in_counts else 1.0
            values = object_MYX.real.new_full(
                fitted.shape(len(scan), scan.window_HW), fitted.initial * rate_unit
            )
            parameters[part.name] = Parameter(
                values,
                _adam(values, recipe.adam, epsilon),
                STILL,
                fitted,
                getattr(recipe, part.name),
                rate_unit,
            )
        return cls(parameters)

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def named(self) -> dict[str, Tensor]:
        """The tensors themselves, by name."""
        return {name: parameter.values for name, parameter in self.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and their moments, for a checkpoint; themselves and not copies."""
        tensors = self.named()
        for name, parameter in self.items():
            moments = parameter.adam.tensors().items()
            tensors |= {f"{name}_{moment}": tensor for moment, tensor in moments}
        return tensors

    def forget(self) -> None:
        """Moments back to zero."""
        for parameter in self.values():
            parameter.adam.forget()

    def roll(self, shift_YX: tuple[int, int]) -> None:
        """Move what moves with the probe by whole pixels."""
        for parameter in self.values():
            parameter.roll(shift_YX)

    def turn(self, angle_rad: float) -> None:
        """Turn the object's phase, and the probe's back."""
        for parameter in self.values():
            parameter.turn(angle_rad)

    def rescale(self, factor: float) -> None:
        """Multiply the object, divide the probe."""
        for parameter in self.values():
            parameter.rescale(factor)

    def pin_parts(self) -> None:
        """Give the probe what parts share with its power."""
        for parameter in self.values():
            if parameter.fitted is None or parameter.fitted.pin is None:
                continue
            factor = parameter.fitted.pin(parameter.values) ** 0.5
            self.probe_NHW.mul_(factor)
            self["probe"].adam.scale(factor)


def unit(angle_rad: float) -> complex:
    """The phase factor exp(i angle)."""
    return complex(np.exp(1j * angle_rad))


def _adam(values: Tensor, options: AdamOptions, epsilon: float) -> Adam:
    return Adam(values, beta1=options.beta1, beta2=options.beta2, epsilon=epsilon)
