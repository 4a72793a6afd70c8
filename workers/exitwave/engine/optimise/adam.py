"""Adam for one variable, complex or real, and how its moments follow a change of gauge.

Real and imaginary parts are separate variables to Adam, as torch has it (Kingma & Ba,
arXiv:1412.6980, algorithm 1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim.adam import adam as adam_update

EPSILON = 1e-8
WELL_ILLUMINATED = 2e-4
"""Counts in the mean pixel over the number of patterns, from which on gradients stand well
above that epsilon: 0.05 counts where there are 250 patterns."""


class Adam:
    """Moments of one variable, which it changes in place.

    Parameters
    ----------
    variable : Tensor
        Complex, or real: that has no phase to turn.
    beta1, beta2 : float
        Decay of the first and second moment.
    epsilon : float
        Added to the root of the second moment.
    """

    def __init__(
        self, variable: Tensor, *, beta1: float, beta2: float, epsilon: float = EPSILON
    ) -> None:
        self._variable = _as_real(variable)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self.first = torch.zeros_like(self._variable)
        self.second = torch.zeros_like(self._variable)
        self._steps = torch.zeros((), dtype=torch.float32, device=variable.device)

    def step(self, gradient: Tensor, rate: float | Tensor) -> None:
        """One update along a gradient; a rate on the device is not read back."""
        adam_update(
            [self._variable],
            [_as_real(gradient)],
            [self.first],
            [self.second],
            [],
            [self._steps],
            fused=True,
            amsgrad=False,
            beta1=self._beta1,
            beta2=self._beta2,
            lr=rate,
            weight_decay=0.0,
            eps=self._epsilon,
            maximize=False,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Moments and step count, themselves and not copies."""
        return {"first": self.first, "second": self.second, "steps": self._steps}

    def forget(self) -> None:
        """Moments and step count back to zero."""
        self.first.zero_()
        self.second.zero_()
        self._steps.zero_()

    def roll(self, shift_YX: tuple[int, int]) -> None:
        """Follow a roll of the variable's last two axes by whole pixels."""
        for moment in (self.first, self.second):
            moment.copy_(torch.roll(moment, shift_YX, dims=(-3, -2)))

    def scale(self, factor: float) -> None:
        """Follow a multiplication of the variable: gradients shrink as it grows."""
        self.first.div_(factor)
        self.second.div_(factor**2)

    def rotate(self, angle_rad: float) -> None:
        """Follow a phase factor on the variable.

        Gradients turn with the variable, and so does the first moment. The second moment
        of a turned gradient also needs the mean product of its parts, which Adam does not
        keep; that is taken as zero.
        """
        factor = complex(math.cos(angle_rad), math.sin(angle_rad))
        torch.view_as_complex(self.first).mul_(factor)
        real, imaginary = self.second.unbind(-1)
        exchanged = (imaginary - real).mul_(factor.imag**2)
        real.add_(exchanged)
        imaginary.sub_(exchanged)


def _as_real(values: Tensor) -> Tensor:
    return torch.view_as_real(values) if values.is_complex() else values


def epsilon_for(mean_count: float, patterns: int) -> float:
    """Adam's epsilon for so many patterns with so many counts in the mean pixel.

    Gradients are of a mean over pixels and over a batch, a share of all patterns, of which a
    few light a pixel of the object: they grow with the counts (the probe's with their root)
    and fall with the patterns. In large and weakly illuminated scans, or where intensities are
    given in other units than photons, Adam's usual epsilon would outweigh them.
    """
    return EPSILON * min(1.0, mean_count / patterns / WELL_ILLUMINATED)
