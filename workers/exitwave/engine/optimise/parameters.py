"""What a run fits: named parameters, each with its optimiser and what a gauge does to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from exitwave.schema.recipe import Recipe
from exitwave.schema.sections import AdamOptions

from ..data.scan import Scan
from ..forward import Change, Fitted, fitted_parts
from .adam import EPSILON, Adam


class Parameter:
    """One tensor that a run fits; it changes in place only.

    This one stays as it is under gauges and keeps nothing from update to update.

    Parameters
    ----------
    values : Tensor
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def step(self, gradient: Tensor, rate: Tensor, index_B: Tensor) -> None:
        """One update.

        Parameters
        ----------
        gradient : Tensor
            As `Step` has it, and the regularisation's.
        rate : Tensor, 0-dim
        index_B : Tensor
            The batch's patterns.
        """
        raise NotImplementedError

    def rate_unit(self) -> Tensor:
        """Of its rates, 0-dim."""
        return self.values.real.new_ones(())

    def tensors(self) -> dict[str, Tensor]:
        """What its optimiser keeps from update to update, themselves and not copies."""
        return {}

    def forget(self) -> None:
        """Let its optimiser begin anew."""

    def roll(self, shift_YX: tuple[int, int]) -> None:
        """Follow the probe when it moves by whole pixels."""

    def turn(self, angle_rad: float) -> None:
        """Follow a turn of the object's phase."""

    def rescale(self, factor: float) -> None:
        """Follow a multiplication of the object."""


class Wave(Parameter):
    """Object or probe, with Adam (docs/method.md, eq. 19, for what gauges do to them).

    Parameters
    ----------
    values : Tensor, complex
    adam : Adam
    with_object : bool
        It is the object, or else the probe, which turns and scales against it and whose
        rates are in units of its mean modulus.
    """

    def __init__(self, values: Tensor, adam: Adam, *, with_object: bool) -> None:
        super().__init__(values)
        self.adam, self._with_object = adam, with_object

    def step(self, gradient: Tensor, rate: Tensor, index_B: Tensor) -> None:
        """One step of Adam."""
        self.adam.step(gradient, rate)

    def rate_unit(self) -> Tensor:
        """As in `Parameter`."""
        return super().rate_unit() if self._with_object else self.values.abs().mean()

    def tensors(self) -> dict[str, Tensor]:
        """Moments and their count."""
        return self.adam.tensors()

    def forget(self) -> None:
        """Moments back to zero."""
        self.adam.forget()

    def roll(self, shift_YX: tuple[int, int]) -> None:
        """Move it and its moments by whole pixels."""
        self.values.copy_(torch.roll(self.values, shift_YX, dims=(-2, -1)))
        self.adam.roll(shift_YX)

    def turn(self, angle_rad: float) -> None:
        """Turn the object's phase, and the probe's back."""
        angle_rad = angle_rad if self._with_object else -angle_rad
        self.values.mul_(unit(angle_rad))
        self.adam.rotate(angle_rad)

    def rescale(self, factor: float) -> None:
        """Multiply the object, divide the probe."""
        if self._with_object:
            self.values.mul_(factor)
            self.adam.scale(factor)
        else:
            self.values.div_(factor)
            self.adam.scale(1 / factor)


class PartParameter(Parameter):
    """That of a part of the forward model, which says how it moves.

    Parameters
    ----------
    fitted : Fitted
    options : object
        Its section of the recipe.
    scan : Scan
    like : Tensor
        Of the device and precision that are wanted.
    """

    def __init__(self, fitted: Fitted, options: Any, scan: Scan, like: Tensor) -> None:
        in_units = scan.mean_count if fitted.in_counts else 1.0
        shape = fitted.shape(len(scan), scan.window_HW)
        super().__init__(like.real.new_full(shape, fitted.initial * in_units))
        self.fitted, self._options = fitted, options
        self._least = fitted.least * in_units
        self._photons = scan.mean_count * scan.valid_pixels

    def step(self, gradient: Tensor, rate: Tensor, index_B: Tensor) -> None:
        """A share of the part's full step."""
        change = Change(
            values=self.values,
            slope=gradient,
            index_B=index_B,
            photons=self._photons,
            options=self._options,
        )
        self.values.sub_(self.fitted.step(change).mul_(rate)).clamp_min_(self._least)


class Parameters(Mapping[str, Parameter]):
    """All that a run fits, by name and in order: object, probe, and what parts add."""

    def __init__(self, object_: Wave, probe: Wave, parts: Mapping[str, PartParameter]) -> None:
        self.object, self.probe, self._parts = object_, probe, parts
        self._all: dict[str, Parameter] = {"object": object_, "probe": probe, **parts}

    @classmethod
    def of_waves(
        cls,
        object_MYX: Tensor,
        probe_NHW: Tensor,
        options: AdamOptions,
        epsilon: float = EPSILON,
        parts: Mapping[str, PartParameter] | None = None,
    ) -> Parameters:
        """Object and probe, which change in place, with Adam, and parts where there are any."""
        object_, probe = (
            Wave(
                values,
                Adam(values, beta1=options.beta1, beta2=options.beta2, epsilon=epsilon),
                with_object=values is object_MYX,
            )
            for values in (object_MYX, probe_NHW)
        )
        return cls(object_, probe, parts or {})

    @property
    def object_MYX(self) -> Tensor:
        """The object."""
        return self.object.values

    @property
    def probe_NHW(self) -> Tensor:
        """The probe."""
        return self.probe.values

    def __getitem__(self, name: str) -> Parameter:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def named(self) -> dict[str, Tensor]:
        """The tensors themselves, by name."""
        return {name: parameter.values for name, parameter in self.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and what their optimisers keep, themselves and not copies."""
        tensors = self.named()
        for name, parameter in self.items():
            kept = parameter.tensors().items()
            tensors |= {f"{name}_{key}": tensor for key, tensor in kept}
        return tensors

    def forget(self) -> None:
        """Let all optimisers begin anew."""
        for parameter in self.values():
            parameter.forget()

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
        for parameter in self._parts.values():
            if parameter.fitted.pin is not None:
                factor = parameter.fitted.pin(parameter.values) ** -0.5
                self.probe.rescale(factor)


def part_parameters(scan: Scan, recipe: Recipe, like: Tensor) -> dict[str, PartParameter]:
    """Those of the parts that a recipe asks for, where they begin."""
    return {
        part.name: PartParameter(part.fitted, getattr(recipe, part.name), scan, like)
        for part in fitted_parts(recipe)
        if part.fitted is not None
    }


def unit(angle_rad: float) -> complex:
    """The phase factor exp(i angle)."""
    return complex(np.exp(1j * angle_rad))
