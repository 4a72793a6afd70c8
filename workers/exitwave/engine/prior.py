"""Adaptive total variation (ATV) of the complex object.

ATV = mean over pixels of (|dx O|^p + |dy O|^p + eps)^(q/p), forward differences, zero
across the rim. Its weight gamma keeps ||gamma grad ATV|| at a fixed ratio of the data
term's gradient, so that it is strong at the start and weak as the loss falls; gamma is
not differentiated.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

EPSILON = 1e-6
"""Below the root; the object's mean modulus is 1."""


def total_variation(object_MYX: Tensor, *, p: float, q: float) -> Tensor:
    """ATV of the object, mean over states; differentiable reference."""
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
    """Gradient of ATV without autograd, with its buffers.

    Parameters
    ----------
    object_MYX : Tensor, complex (M, Y, X)
        Gives shape, precision and device.
    p, q : float
        Powers of ATV. The closed form is for p = 2; other powers use autograd.
    """

    def __init__(self, object_MYX: Tensor, *, p: float, q: float) -> None:
        self._p, self._q = p, q
        planes = (2, *object_MYX.shape)
        real = object_MYX.real
        self._planes = real.new_empty(planes)
        # The last column and row stay zero: no difference across the rim.
        self._step_x = real.new_zeros(planes)
        self._step_y = real.new_zeros(planes)
        self._inside = real.new_empty(object_MYX.shape)

    def gradient(self, object_MYX: Tensor) -> Tensor:
        """Gradient of ATV in real planes (2, M, Y, X): real and imaginary part.

        The result is a buffer that the next call overwrites.
        """
        if self._p != 2:
            return self._gradient_by_autograd(object_MYX)
        planes, step_x, step_y, inside = self._planes, self._step_x, self._step_y, self._inside
        planes[0].copy_(object_MYX.real)
        planes[1].copy_(object_MYX.imag)
        torch.sub(planes[..., 1:], planes[..., :-1], out=step_x[..., :-1])
        torch.sub(planes[:, :, 1:], planes[:, :, :-1], out=step_y[:, :, :-1])
        torch.mul(step_x[0], step_x[0], out=inside)
        inside.addcmul_(step_x[1], step_x[1])
        inside.addcmul_(step_y[0], step_y[0])
        inside.addcmul_(step_y[1], step_y[1])
        inside.add_(EPSILON)
        weight = inside.rsqrt_() if self._q == 1 else inside.pow_(self._q / 2 - 1)
        weight.mul_(self._q / weight.numel())
        step_x.mul_(weight)
        step_y.mul_(weight)
        torch.add(step_x, step_y, out=planes).neg_()
        planes[..., 1:].add_(step_x[..., :-1])
        planes[:, :, 1:].add_(step_y[:, :, :-1])
        return planes

    def _gradient_by_autograd(self, object_MYX: Tensor) -> Tensor:
        with torch.enable_grad():
            variable = object_MYX.detach().requires_grad_()
            value = total_variation(variable, p=self._p, q=self._q)
            (gradient,) = torch.autograd.grad(value, variable)
        self._planes[0].copy_(gradient.real)
        self._planes[1].copy_(gradient.imag)
        return self._planes


def balanced_weight(data_gradient: Tensor, prior_gradient: Tensor, ratio: float) -> Tensor:
    """Weight gamma = ratio ||data gradient|| / ||prior gradient||, a 0-dim tensor."""
    floor = torch.finfo(prior_gradient.dtype).tiny
    data_norm = torch.linalg.vector_norm(torch.view_as_real(data_gradient))
    prior_norm = torch.linalg.vector_norm(prior_gradient).clamp_min(floor)
    weight: Tensor = ratio * data_norm / prior_norm
    return weight
