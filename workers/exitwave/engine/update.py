"""One update of object and probe: gradients, prior, a step of Adam for each.

Everything stays on the device. The host reads nothing, so that it can run ahead of a GPU,
and so that an update can be recorded once and replayed (`graphs`).
"""

from __future__ import annotations

import torch

from exitwave.schema.recipe import Loss

from .feed import Batch
from .gauge import Variables
from .prior import AdaptivePrior
from .step import Step


class Update:
    """What an update does to the variables.

    Parameters
    ----------
    step : Step
        Gradients of the data term.
    variables : Variables
    adaptive : AdaptivePrior, optional

    Attributes
    ----------
    loss_sum : Tensor, 0-dim
        Sum over the patterns of the epoch so far of factor x loss.
    gamma : Tensor, 0-dim
        Weight of the prior in the last update.
    moves_probe : bool
    """

    def __init__(
        self, step: Step, variables: Variables, adaptive: AdaptivePrior | None
    ) -> None:
        self._step, self._variables, self._adaptive = step, variables, adaptive
        device = variables.object_MYX.device
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self.gamma = torch.zeros((), device=device)
        self._object_rate = torch.zeros((), device=device)
        self._probe_rate = torch.zeros((), device=device)
        self.moves_probe = False

    def begin_epoch(self, object_rate: float, probe_rate: float) -> None:
        """Set the rates; the probe's in units of its mean modulus, 0 leaves it alone."""
        self.loss_sum.zero_()
        self.gamma.zero_()
        self.moves_probe = probe_rate > 0
        self._object_rate.fill_(object_rate)
        self._probe_rate.copy_(self._variables.probe_NHW.abs().mean()).mul_(probe_rate)

    def run(self, batch: Batch, loss: Loss, factor: float) -> None:
        """One update with a batch."""
        step, variables = self._step, self._variables
        total = step.run(batch, loss, factor)
        self.loss_sum.add_(total)
        if self._adaptive is not None:
            mean = total / len(batch)
            gamma = self._adaptive.add_to(step.object_gradient_MYX, mean, len(batch))
            self.gamma.copy_(gamma)
        variables.object_adam.step(step.object_gradient_MYX, self._object_rate)
        if self.moves_probe:
            variables.probe_adam.step(step.probe_gradient_NHW, self._probe_rate)
