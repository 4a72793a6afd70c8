"""One update of all parameters: gradients, regularisation, a step of Adam for each.

Everything stays on the device. The host reads nothing, so that it can run ahead of a GPU,
and so that an update can be recorded once and replayed (`graphs`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from exitwave.schema.recipe import Loss

from ..data.feed import Batch
from ..gradients.step import Step
from .parameters import Parameters
from .regularisation import AdaptiveRegularisation


class Update:
    """What an update does to the parameters.

    Parameters
    ----------
    step : Step
        Gradients of the data term.
    parameters : Parameters
    adaptive : AdaptiveRegularisation, optional

    Attributes
    ----------
    loss_sum : Tensor, 0-dim
        Sum over the patterns of the epoch so far of factor x loss.
    gamma : Tensor, 0-dim
        Weight of the regularisation in the last update.
    moving : frozenset of str
        Parameters that the epoch's updates change.
    """

    def __init__(
        self,
        step: Step,
        parameters: Parameters,
        adaptive: AdaptiveRegularisation | None,
    ) -> None:
        self._step, self._parameters, self._adaptive = step, parameters, adaptive
        device = parameters.object_MYX.device
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self.gamma = torch.zeros((), device=device)
        self._rates = {name: torch.zeros((), device=device) for name in parameters}
        self.moving: frozenset[str] = frozenset()

    def begin_epoch(self, rates: Mapping[str, float]) -> None:
        """Set the rates, in each parameter's unit; 0 leaves a parameter alone.

        The probe's unit is its mean modulus, that of a part's parameter its own.
        """
        self.loss_sum.zero_()
        self.gamma.zero_()
        self.moving = frozenset(name for name, rate in rates.items() if rate > 0)
        for name, rate in rates.items():
            self._rates[name].copy_(self._parameters[name].rate_unit()).mul_(rate)

    def run(self, batch: Batch, loss: Loss, factor: float) -> None:
        """One update with a batch."""
        step = self._step
        total = step.run(batch, loss, factor)
        self.loss_sum.add_(total)
        if self._adaptive is not None:
            mean = total / len(batch)
            gamma = self._adaptive.add_to(step.gradients["object"], mean, len(batch))
            self.gamma.copy_(gamma)
        for name, parameter in self._parameters.items():
            if name in self.moving:
                parameter.step(step.gradients[name], self._rates[name], batch.index_B)
