"""One update's loss and gradients: a hot path where one applies, else plain autograd."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import torch
from torch import Tensor

from exitwave.schema.recipe import Loss

from .compilers import has_triton
from .feed import Batch
from .forward import data_loss
from .fused import FusedStep
from .loss import LOSSES
from .memory import view_work_bytes
from .scan import Scan

CHUNK = 2**20
"""Complex numbers of exit waves that autograd keeps at a time; it keeps a few copies."""


class Step(Protocol):
    """Loss and gradients of a batch.

    Attributes
    ----------
    object_gradient_MYX, probe_gradient_NHW : Tensor
        d loss / d Re + i d loss / d Im, as torch has it; overwritten by `run`.
    needs_no_host : bool
        `run` reads a batch's indices on the device only.
    waves_per_view : int
        Complex numbers of the exit waves of a view.
    """

    object_gradient_MYX: Tensor
    probe_gradient_NHW: Tensor
    needs_no_host: bool
    waves_per_view: int

    def run(self, batch: Batch, loss: Loss, factor: float = 1.0) -> Tensor:
        """Gradients of factor x the mean loss of a batch.

        Returns
        -------
        Tensor
            The sum over the batch of factor x pattern loss, 0-dim, on the device.
        """
        ...


class AutogradStep:
    """The reference: `data_loss` and what torch makes of it, chunk by chunk.

    Slow, but right for every loss and forward model as soon as `data_loss` has it.

    Parameters
    ----------
    scan : Scan
    object_MYX, probe_NHW : Tensor
        The variables. They must only change in place.
    """

    def __init__(self, scan: Scan, object_MYX: Tensor, probe_NHW: Tensor) -> None:
        self._scan = scan
        # Leaves of the graph on the variables' own memory.
        self._object_MYX = object_MYX.detach().requires_grad_()
        self._probe_NHW = probe_NHW.detach().requires_grad_()
        self.object_gradient_MYX = torch.zeros_like(object_MYX)
        self.probe_gradient_NHW = torch.zeros_like(probe_NHW)
        # The reference is not recorded: it stays plain.
        self.needs_no_host = False
        self.waves_per_view = object_MYX.shape[0] * probe_NHW.numel()
        states = object_MYX.shape[0], probe_NHW.shape[0]
        # Autograd keeps what each operation has made until the gradients are there.
        bytes_per_view = 3 * view_work_bytes(scan.window_HW, *states)
        self._chunk = scan.views_at_once(bytes_per_view, max(1, CHUNK // self.waves_per_view))

    def run(self, batch: Batch, loss: Loss, factor: float = 1.0) -> Tensor:
        """As in `Step`."""
        self.object_gradient_MYX.zero_()
        self.probe_gradient_NHW.zero_()
        total = self._object_MYX.real.new_zeros(())
        for begin in range(0, len(batch), self._chunk):
            end = min(begin + self._chunk, len(batch))
            with torch.enable_grad():
                value = self._sum(batch, begin, end, loss) * factor
                gradients = torch.autograd.grad(value, (self._object_MYX, self._probe_NHW))
            self.object_gradient_MYX.add_(gradients[0], alpha=1 / len(batch))
            self.probe_gradient_NHW.add_(gradients[1], alpha=1 / len(batch))
            total += value.detach()
        return total

    def _sum(self, batch: Batch, begin: int, end: int, loss: Loss) -> Tensor:
        scan, index_B = self._scan, batch.index_B[begin:end]
        mean = data_loss(
            self._object_MYX,
            self._probe_NHW,
            scan.corners_n2[index_B],
            batch.counts(begin, end).to(self._probe_NHW.real.dtype),
            loss,
            epsilon=scan.epsilon,
            shifts_B2=None if scan.shifts_n2 is None else scan.shifts_n2[index_B],
            scale_B=None if scan.scale_n is None else scan.scale_n[index_B],
            mask_HW=scan.valid(batch.chosen[begin:end]),
            pixels=scan.valid_pixels,
        )
        return mean * (end - begin)


def make_step(
    scan: Scan,
    object_MYX: Tensor,
    probe_NHW: Tensor,
    losses: Collection[Loss],
    *,
    deterministic: bool = False,
) -> Step:
    """The fastest step that knows these losses; the variables must only change in place."""
    variables = object_MYX, probe_NHW
    if any(LOSSES[loss].d_loss_d_model is None for loss in losses):
        return AutogradStep(scan, *variables)
    if scan.device.type == "cuda" and not deterministic and _has_kernels(scan, losses):
        from .triton_step import TritonStep

        return TritonStep(scan, *variables)
    return FusedStep(scan, *variables, deterministic=deterministic)


def _has_kernels(scan: Scan, losses: Collection[Loss]) -> bool:
    known = all(LOSSES[loss].kernel is not None for loss in losses)
    plain = scan.shifts_n2 is None and scan.frame_masks is None
    return known and plain and has_triton()
