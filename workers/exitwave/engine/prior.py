"""Adaptive total variation (ATV) of the complex object (docs/method.md, eqs. 10 to 14).

ATV = mean over pixels of (|dx O|^p + |dy O|^p + eps)^(q/p), forward differences, zero
across the rim. Its weight gamma follows the data term, so that it is strong at the start
and weak as the loss falls: either its gradient has a fixed share of the data gradient's
norm, or its value a fixed share of the data loss, as published (Wu et al., Optica 11
(2024), doi 10.1364/OPTICA.522380). Gamma is not differentiated.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from exitwave.schema.recipe import PriorOptions

from .compilers import has_triton

EPSILON = 1e-6
"""Below the root; the object's mean modulus is 1."""
SLAB = 2**17
"""Pixels worked on together on a CPU: their five arrays stay in its cache."""
MOST_MORE = 2.0
"""Times the ratio, at the lowest dose."""
FLOOR = 1e-30
"""Of the norm of the prior's gradient, which a flat object makes zero."""


def total_variation(object_MYX: Tensor, *, p: float, q: float) -> Tensor:
    """ATV of the object (eq. 10), mean over states; differentiable reference."""
    step_x = pad(object_MYX[:, :, 1:] - object_MYX[:, :, :-1], (0, 1))
    step_y = pad(object_MYX[:, 1:] - object_MYX[:, :-1], (0, 0, 0, 1))
    squares = [step.real.square() + step.imag.square() for step in (step_x, step_y)]
    if p == 2:
        inside = squares[0] + squares[1] + EPSILON
    else:
        # The root of a zero difference has no derivative: keep off it.
        powers = [(square + EPSILON**2).pow(p / 2) for square in squares]
        inside = powers[0] + powers[1] + EPSILON
    return inside.pow(q / p).mean()


class TotalVariation:
    """Gradient of ATV without autograd.

    Parameters
    ----------
    object_MYX : Tensor, complex (M, Y, X)
        It must only change in place.
    p, q : float
        Powers of ATV. The closed form is for p = 2; other powers use autograd.

    Attributes
    ----------
    scale : float
        The gradient of ATV is `scale` x `direction`.
    """

    def __init__(self, object_MYX: Tensor, *, p: float, q: float) -> None:
        self._object_MYX, self._p, self._q = object_MYX, p, q
        self.scale = -q / object_MYX.numel() if p == 2 else 1.0
        self._direction = torch.empty_like(object_MYX)
        single_on_gpu = object_MYX.is_cuda and object_MYX.dtype == torch.complex64
        self._has_kernel = single_on_gpu and has_triton()
        states, rows, columns = object_MYX.shape
        if object_MYX.device.type == "cpu":
            rows = max(1, min(rows, SLAB // columns))
        room = _Room(object_MYX, rows)
        self._slabs = [
            _Slab(object_MYX[m], self._direction[m], begin, room)
            for m in range(states)
            for begin in range(0, object_MYX.shape[1], rows)
        ]

    def direction(self) -> Tensor:
        """Gradient over `scale`, complex (M, Y, X); a buffer that the next call overwrites."""
        power = self._q / 2 - 1
        if self._p != 2:
            return self._by_autograd()
        if self._has_kernel:
            from .triton_prior import write_direction

            write_direction(self._object_MYX, self._direction, power, EPSILON)
            return self._direction
        for slab in self._slabs:
            slab.run(power)
        return self._direction

    def value(self) -> Tensor:
        """ATV, 0-dim. Overwrites what `direction` gave."""
        if self._p != 2:
            return total_variation(self._object_MYX, p=self._p, q=self._q)
        sums = [slab.sum(self._q / 2) for slab in self._slabs]
        return torch.stack(sums).sum() / self._object_MYX.numel()

    def _by_autograd(self) -> Tensor:
        with torch.enable_grad():
            variable = self._object_MYX.detach().requires_grad_()
            value = total_variation(variable, p=self._p, q=self._q)
            (gradient,) = torch.autograd.grad(value, variable)
        return gradient


class _Room:
    """Buffers for a slab of rows; all slabs use the same."""

    def __init__(self, object_MYX: Tensor, rows: int) -> None:
        columns = object_MYX.shape[2]
        self.step_x = object_MYX.new_zeros((rows, columns))
        # One row more: the last differences of the slab before come first.
        self.step_y = object_MYX.new_zeros((rows + 1, columns))
        self.weight = object_MYX.new_zeros((rows, columns))
        self.inside = object_MYX.real.new_empty((rows, columns))


class _Slab:
    """Some rows of one object state: what is worked on stays in the cache.

    Complex numbers are worked on as pairs of neighbours: all passes but the two between
    pairs and moduli then run over contiguous numbers. Views are made once.
    """

    def __init__(
        self, object_YX: Tensor, direction_YX: Tensor, begin: int, room: _Room
    ) -> None:
        end = min(begin + len(room.step_x), len(object_YX))
        rows, inner = end - begin, min(end, len(object_YX) - 1) - begin
        values, direction = as_pairs(object_YX), as_pairs(direction_YX)[begin:end]
        self._waves = room.step_x[:rows], room.step_y[1 : rows + 1]
        step_x, step_y = map(as_pairs, self._waves)
        # No difference across the rim: the last column stays zero, the last row is made so.
        self._along_x = values[begin:end, 2:], values[begin:end, :-2], step_x[:, :-2]
        self._along_y = (
            values[begin + 1 : begin + 1 + inner],
            values[begin : begin + inner],
            step_y[:inner],
        )
        self._rim = step_y[inner:]
        self._steps = step_x, step_y, direction
        self._halves = direction[:, ::2], direction[:, 1::2]
        self._inside, self._weight = room.inside[:rows], room.weight[:rows]
        self._beyond_x, self._before_x = direction[:, 2:], step_x[:, :-2]
        self._before_y = as_pairs(room.step_y[:rows])
        self._first, self._last = room.step_y[0], room.step_y[rows]
        self._is_top = begin == 0

    def run(self, power: float) -> None:
        """Write the slab's rows of the direction; slabs come in order."""
        step_x, step_y, direction = self._steps
        inside = self._squares()
        weight = inside.rsqrt_() if power == -0.5 else inside.pow_(power)
        # Made complex once and not in each product.
        self._weight.real.copy_(weight)
        for wave in self._waves:
            wave.mul_(self._weight)
        if self._is_top:
            self._first.zero_()
        torch.add(step_x, step_y, out=direction)
        self._beyond_x.sub_(self._before_x)
        direction.sub_(self._before_y)
        self._first.copy_(self._last)

    def sum(self, power: float) -> Tensor:
        """Sum over the slab's pixels of (|dx O|^2 + |dy O|^2 + eps)^power."""
        inside = self._squares()
        return (inside.sqrt_() if power == 0.5 else inside.pow_(power)).sum()

    def _squares(self) -> Tensor:
        """|dx O|^2 + |dy O|^2 + eps; the direction's memory serves on the way."""
        step_x, step_y, direction = self._steps
        for ahead, here, step in (self._along_x, self._along_y):
            torch.sub(ahead, here, out=step)
        self._rim.zero_()
        torch.mul(step_x, step_x, out=direction)
        direction.addcmul_(step_y, step_y)
        return torch.add(*self._halves, out=self._inside).add_(EPSILON)


def for_dose(prior: PriorOptions, dose_ph: float) -> PriorOptions:
    """The prior with the ratio for a dose (eq. 14): the fewer photons, the more it must say.

    Parameters
    ----------
    prior : PriorOptions
    dose_ph : float
        Photons that tell of one resolved pixel of the object.
    """
    lack = max(prior.low_dose / max(dose_ph, FLOOR), 1.0)
    return replace(prior, ratio=prior.ratio * min(lack**0.25, MOST_MORE))


class AdaptivePrior:
    """ATV of the object with the weight that a recipe asks for.

    Parameters
    ----------
    prior : PriorOptions
    object_MYX : Tensor, complex (M, Y, X)
        It must only change in place.
    whole_from : float
        Patterns in an update from which the ratio holds. A smaller batch's gradient is mostly
        noise, and of a few patches; the prior's, of the whole object, is made smaller with it.
    """

    def __init__(
        self, prior: PriorOptions, object_MYX: Tensor, whole_from: float = 0.0
    ) -> None:
        self._prior, self._object_MYX, self._whole_from = prior, object_MYX, whole_from
        self._variation = TotalVariation(object_MYX, p=prior.p, q=prior.q)
        # On the device: a recorded update reads it anew.
        self._strength = torch.ones((), device=object_MYX.device)

    def strengthen(self, factor: float) -> None:
        """Let gamma be so many times what the ratio gives from now on."""
        self._strength.fill_(factor)

    def add_to(self, gradient_MYX: Tensor, data_loss: Tensor, batch: int) -> Tensor:
        """Add gamma x the gradient of ATV to the data term's gradient.

        Parameters
        ----------
        gradient_MYX : Tensor, complex (M, Y, X)
            The data term's; changed in place.
        data_loss : Tensor, 0-dim
            The data term's value, mean over the batch.
        batch : int
            Patterns that the gradient is of.

        Returns
        -------
        Tensor
            gamma, 0-dim, on the device.
        """
        ratio, variation = self._prior.ratio, self._variation
        if self._prior.balance == "loss":
            weight = ratio * data_loss / variation.value()
            direction_MYX = variation.direction()
        else:
            direction_MYX = variation.direction()
            if self._whole_from > 0:
                ratio *= min(1.0, batch / self._whole_from)
            weight = balanced_weight(gradient_MYX, direction_MYX, ratio / abs(variation.scale))
        weight = weight * self._strength
        as_pairs(gradient_MYX).addcmul_(as_pairs(direction_MYX), weight * variation.scale)
        return weight

    def value(self) -> Tensor:
        """ATV of the object, 0-dim."""
        return self._variation.value()


def balanced_weight(data_gradient: Tensor, prior_gradient: Tensor, ratio: float) -> Tensor:
    """Weight gamma = ratio ||data gradient|| / ||prior gradient|| (eq. 13), a 0-dim tensor."""
    data, prior = (
        torch.linalg.vector_norm(as_pairs(part)) for part in (data_gradient, prior_gradient)
    )
    weight: Tensor = ratio * data / prior.clamp_min(FLOOR)
    return weight


def as_pairs(values: Tensor) -> Tensor:
    """Complex (..., X) as real numbers (..., 2 X), the same memory."""
    return torch.view_as_real(values).flatten(-2)
