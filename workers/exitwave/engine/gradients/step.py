"""One update's loss and gradients: a hot path where one applies, else plain autograd."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import torch
from torch import Tensor

from exitwave.schema.recipe import Loss

from ..data.feed import Batch
from ..data.memory import view_work_bytes
from ..data.scan import Scan
from ..forward import Named, batch_loss
from .compilers import has_triton
from .fused import FusedStep

CHUNK = 2**20
"""Complex numbers of exit waves that autograd keeps at a time; it keeps a few copies."""


class Step(Protocol):
    """Loss and gradients of a batch.

    Attributes
    ----------
    gradients : dict of Tensor
        Overwritten by `run`. Of object and probe d loss / d Re + i d loss / d Im, as torch has
        it. Of further parts the slope of the batch's sum of D - I log D over valid pixels,
        whatever the loss: they are levels of light, which the roots of few counts tell wrong.
    needs_no_host : bool
        `run` reads a batch's indices on the device only.
    waves_per_view : int
        Complex numbers of the exit waves of a view.
    """

    gradients: dict[str, Tensor]
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
    """The reference: `batch_loss` and what torch makes of it, chunk by chunk.

    Slow, but right for every loss and every part of the forward model.

    Parameters
    ----------
    scan : Scan
    named : mapping of Tensor
        The parameters. They must only change in place.
    """

    def __init__(self, scan: Scan, named: Named) -> None:
        self._scan = scan
        # Leaves of the graph on the parameters' own memory.
        self._leaves = {
            name: values.detach().requires_grad_() for name, values in named.items()
        }
        self.gradients = {name: torch.zeros_like(values) for name, values in named.items()}
        # The reference is not recorded: it stays plain.
        self.needs_no_host = False
        states = len(named["object"]), len(named["probe"])
        self.waves_per_view = states[0] * named["probe"].numel()
        # Autograd keeps what each operation has made until the gradients are there.
        bytes_per_view = 3 * view_work_bytes(scan.window_HW, *states)
        self._pixels_times_pairs = scan.valid_pixels * states[0] * states[1]
        self._chunk = scan.views_at_once(bytes_per_view, max(1, CHUNK // self.waves_per_view))

    def run(self, batch: Batch, loss: Loss, factor: float = 1.0) -> Tensor:
        """As in `Step`."""
        for gradient in self.gradients.values():
            gradient.zero_()
        waves, parts = _split(self._leaves)
        total = self._leaves["object"].real.new_zeros(())
        for begin in range(0, len(batch), self._chunk):
            end = min(begin + self._chunk, len(batch))
            with torch.enable_grad():
                value = self._sum(batch, begin, end, loss) * factor
                found = torch.autograd.grad(value, list(waves.values()))
                if parts:
                    light = self._sum(batch, begin, end, "poisson") * self._pixels_times_pairs
                    found += torch.autograd.grad(light, list(parts.values()))
            for (name, gradient), part in zip(self.gradients.items(), found, strict=True):
                gradient.add_(part, alpha=1 if name in parts else 1 / len(batch))
            total += value.detach()
        return total

    def _sum(self, batch: Batch, begin: int, end: int, loss: Loss) -> Tensor:
        scan = self._scan
        mean = batch_loss(
            self._leaves,
            scan.views(batch.index_B[begin:end]),
            batch.counts(begin, end).to(self._leaves["probe"].real.dtype),
            loss,
            epsilon=scan.epsilon,
            mask_HW=scan.valid(batch.chosen[begin:end]),
            pixels=scan.valid_pixels,
        )
        return mean * (end - begin)


def _split(named: Named) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Object and probe, and what further parts fit."""
    waves = {name: named[name] for name in ("object", "probe")}
    return waves, {name: values for name, values in named.items() if name not in waves}


def make_step(
    scan: Scan, named: Named, losses: Collection[Loss], *, deterministic: bool = False
) -> Step:
    """The fastest step that knows these parameters and losses.

    Parameters must only change in place.
    """
    if not FusedStep.knows(named, losses):
        return AutogradStep(scan, named)
    if scan.device.type == "cuda" and not deterministic and has_triton():
        from .triton_step import TritonStep

        if TritonStep.knows(scan, named, losses):
            return TritonStep(scan, named)
    return FusedStep(scan, named, deterministic=deterministic)
