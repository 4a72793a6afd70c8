"""Adaptive total variation (ATV) of the complex object and its gradient.

ATV = mean over pixels of (|dx O|^p + |dy O|^p + eps)^(q/p), forward differences, zero
across the rim (docs/method.md, eq. 10).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from .compilers import has_triton

EPSILON = 1e-6
"""Below the root; the object's mean modulus is 1."""
SLAB = 2**17
"""Pixels worked on together on a CPU: their five arrays stay in its cache."""


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
        buffers = _SlabBuffers(object_MYX, rows)
        self._slabs = [
            _Slab(object_MYX[m], self._direction[m], begin, buffers)
            for m in range(states)
            for begin in range(0, object_MYX.shape[1], rows)
        ]

    def direction(self) -> Tensor:
        """Gradient over `scale`, complex (M, Y, X); a buffer that the next call overwrites."""
        power = self._q / 2 - 1
        if self._p != 2:
            return self._by_autograd()
        if self._has_kernel:
            from .triton_total_variation import write_direction

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


class _SlabBuffers:
    """Buffers for a slab of rows; all slabs use the same."""

    def __init__(self, object_MYX: Tensor, rows: int) -> None:
        columns = object_MYX.shape[2]
        self.step_x = object_MYX.new_zeros((rows, columns))
        # One row more: the last differences of the slab before come first.
        self.step_y = object_MYX.new_zeros((rows + 1, columns))
        self.weight = object_MYX.new_zeros((rows, columns))
        self.inside = object_MYX.real.new_empty((rows, columns))


class _Slab:
    """Some rows of one object state, worked on while they are in the cache.

    The whole object does not fit into a CPU's cache, and each pass over it would read memory
    again: a slab goes through all passes before the next one begins. The gradient at a pixel
    is the weighted difference that begins there less those that end there, and the upper one
    of these begins in the slab above: its last row of y differences is carried over in the
    first row of `step_y`. So slabs must come in order, and row 0 is zero at an object's top.

    Complex numbers are worked on as pairs of neighbours: all passes but the two between
    pairs and moduli then run over contiguous numbers. Views of the memory are made once.
    """

    def __init__(
        self, object_YX: Tensor, direction_YX: Tensor, begin: int, buffers: _SlabBuffers
    ) -> None:
        end = min(begin + len(buffers.step_x), len(object_YX))
        rows, inner = end - begin, min(end, len(object_YX) - 1) - begin
        values, direction = as_pairs(object_YX), as_pairs(direction_YX)[begin:end]
        self._waves = buffers.step_x[:rows], buffers.step_y[1 : rows + 1]
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
        self._inside, self._weight = buffers.inside[:rows], buffers.weight[:rows]
        self._beyond_x, self._before_x = direction[:, 2:], step_x[:, :-2]
        self._before_y = as_pairs(buffers.step_y[:rows])
        self._first, self._last = buffers.step_y[0], buffers.step_y[rows]
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


def as_pairs(values: Tensor) -> Tensor:
    """Complex (..., X) as real numbers (..., 2 X), the same memory."""
    return torch.view_as_real(values).flatten(-2)
